//! The bodies that receivers rely on.

use super::super::samples;
use super::super::style::Style;
use super::*;

fn json(notice: &Notice) -> Json {
    let id = samples::message_id();
    let letter = Letter {
        recipient: None,
        id: &id,
        notice,
        created_at: samples::at("2026-11-23T10:00:01Z"),
        style: &Style::default(),
        handle: None,
    };
    serde_json::to_value(body(letter)).unwrap()
}

#[test]
fn an_alert_is_sent_with_its_facts() {
    let mut body = json(&samples::drift());
    let findings = body["check"]["findings"].as_array_mut().unwrap();
    findings.truncate(2);
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap(), @r##"
    {
      "alert": "01935000-0000-7000-8000-000000000002",
      "at": "2026-11-23T10:00:00Z",
      "check": {
        "checks": [],
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "decision": {
          "kind": "ask",
          "reasons": [
            "aws_security_group.web: high severity change that an apply would absorb into the state"
          ]
        },
        "dirty": false,
        "failure": null,
        "findings": [
          {
            "action": "update",
            "address": "aws_s3_bucket.logs",
            "attributes": [
              {
                "origin": "drift",
                "path": "tags.Env",
                "real": "<b>*hacked*</b> & `more`",
                "sensitive": false,
                "state": "prod",
                "want": "prod"
              }
            ],
            "deposed": null,
            "importing": false,
            "irreversible": false,
            "origin": "drift",
            "previous_address": null,
            "severity": "low",
            "suppressed": false,
            "type": "aws_s3_bucket"
          },
          {
            "action": "update",
            "address": "module.db[\"main\"].aws_ssm_parameter.password",
            "attributes": [
              {
                "origin": "drift",
                "path": "value",
                "real": "(sensitive)",
                "sensitive": true,
                "state": "(sensitive)",
                "want": "(sensitive)"
              }
            ],
            "deposed": null,
            "importing": false,
            "irreversible": false,
            "origin": "drift",
            "previous_address": null,
            "severity": "medium",
            "suppressed": false,
            "type": "module"
          }
        ],
        "outputs": [],
        "verdict": "drifted",
        "workspace": "prod"
      },
      "conversation": "alert-01935000-0000-7000-8000-000000000002",
      "created_at": "2026-11-23T10:00:01Z",
      "event": "opened",
      "id": "01935000-0000-7000-8000-000000000001",
      "kind": "drift",
      "notice": "alert",
      "opened_at": "2026-11-23T10:00:00Z",
      "severity": "high",
      "stack": "infra/live/web@prod",
      "title": "[drifted, high] infra/live/web@prod: aws_security_group.web and 2 more",
      "version": 1
    }
    "##);
}

#[test]
fn a_summary_is_sent_with_its_counts() {
    let body = json(&samples::first_sight());
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap(), @r##"
    {
      "at": "2026-11-23T10:05:00Z",
      "conversation": "summary-1795428300",
      "counts": {
        "drifted": 1,
        "drifted_and_pending": 0,
        "failed": 1,
        "in_sync": 3,
        "pending": 0,
        "stacks": 5,
        "unknown": 0
      },
      "created_at": "2026-11-23T10:00:01Z",
      "id": "01935000-0000-7000-8000-000000000001",
      "notice": "summary",
      "reason": "first_sight",
      "severity": "info",
      "source": "infra",
      "stacks": [
        {
          "severity": "high",
          "since": "2026-11-23T10:00:00Z",
          "stack": "infra/live/db",
          "text": "credentials_refused: the backend refused the credentials",
          "verdict": "failed"
        },
        {
          "severity": "low",
          "since": "2026-11-23T10:00:00Z",
          "stack": "infra/live/web@prod",
          "text": "aws_s3_bucket.logs: tags.Env",
          "verdict": "drifted"
        }
      ],
      "title": "Mooring: 5 stacks, 3 in sync (first look at infra)",
      "version": 1
    }
    "##);
}

#[test]
fn no_notice_carries_a_fingerprint() {
    for notice in samples::all() {
        let text = json(&notice).to_string();
        assert!(!text.contains("fingerprint"), "{text}");
    }
}
