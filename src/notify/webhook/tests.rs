//! The bodies that receivers rely on.

use serde_json::Value as Json;

use super::super::samples;
use super::super::specimens::Specimen;
use super::super::style::Style;
use crate::domain::notice::Notice;

use super::*;

fn with<T>(notice: &Notice, make: impl FnOnce(Letter<'_>) -> T) -> T {
    let id = samples::message_id();
    make(Letter {
        recipient: None,
        id: &id,
        notice,
        created_at: samples::at("2026-11-23T10:00:01Z"),
        style: &Style::default(),
        handle: None,
    })
}

fn json(notice: &Notice) -> Json {
    with(notice, |letter| serde_json::to_value(body(letter)).unwrap())
}

fn envelope(notice: &Notice) -> Json {
    let mut event = with(notice, |letter| {
        serde_json::to_value(event(letter, SOURCE)).unwrap()
    });
    assert_eq!(event["data"], json(notice));
    event.as_object_mut().unwrap().remove("data");
    event
}

#[test]
fn the_event_says_what_it_is_about() {
    insta::assert_json_snapshot!(envelope(&samples::drift()));
    insta::assert_json_snapshot!(envelope(&samples::repaired()));
    insta::assert_json_snapshot!(envelope(&samples::first_sight()));
}

/// The rules of <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>.
#[test]
fn every_event_is_a_cloud_event() {
    for notice in samples::all() {
        let event = envelope(&notice);
        let attributes = event.as_object().unwrap();
        for (name, value) in attributes {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            assert!(name.chars().all(plain), "{name}");
            assert!(!value.as_str().unwrap().is_empty(), "{name}");
        }
        for needed in ["id", "source", "specversion", "type"] {
            assert!(attributes.contains_key(needed), "{needed}");
        }
        assert!(event["time"].as_str().unwrap().parse::<Timestamp>().is_ok());
    }
}

/// Receivers check the signature as <https://www.standardwebhooks.com> says; here Python does.
#[test]
fn a_signature_is_verified_by_other_code() {
    let verify = "
import base64, hashlib, hmac, json, sys
asked = json.load(sys.stdin)
headers, body = asked['headers'], asked['body']
key = base64.b64decode(asked['secret'].removeprefix('whsec_'))
signed = f\"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}\".encode()
wanted = 'v1,' + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
given = headers['webhook-signature'].split(' ')
print(any(hmac.compare_digest(wanted, one) for one in given))
";
    let body = with(&samples::drift(), |letter| {
        serde_json::to_string(&event(letter, SOURCE)).unwrap()
    });
    let both = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nwhsec_c2VjcmV0IG9mIGFueSBraW5kIQ==";
    let verified = |secret: &str, body: &str| {
        let headers = with(&samples::drift(), |letter| {
            let now = samples::at("2026-11-23T10:00:05Z");
            headers(
                letter,
                Some(&SecretString::from(both)),
                now,
                body.as_bytes(),
            )
            .unwrap()
        });
        let headers: std::collections::BTreeMap<_, _> = headers.into_iter().collect();
        let asked = serde_json::json!({"headers": headers, "body": body, "secret": secret});
        let output = assert_cmd::Command::new("python3")
            .args(["-c", verify])
            .write_stdin(asked.to_string())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim() == "True"
    };
    for secret in both.lines() {
        assert!(verified(secret, &body), "{secret}");
    }
    assert!(!verified("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &body));
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
            "location": {
              "end_line": 18,
              "file": "live/web/storage.tf",
              "last_change": {
                "at": "2025-10-19T10:00:00Z",
                "author": "Bea <b@x>",
                "commit": "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334",
                "subject": "Tag *all* buckets"
              },
              "line": 4,
              "url": "https://github.com/acme/infra/blob/0123456789abcdef0123456789abcdef01234567/live/web/storage.tf#L4-L18"
            },
            "origin": "drift",
            "previous_address": null,
            "severity": "low",
            "severity_reason": "tags say something about it and change nothing",
            "since": "2026-11-23T09:48:00Z",
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
            "location": null,
            "origin": "drift",
            "previous_address": null,
            "severity": "medium",
            "severity_reason": "",
            "since": null,
            "suppressed": false,
            "type": "aws_ssm_parameter"
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
      "owners": [
        "@acme/web",
        "@acme/platform"
      ],
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
fn a_report_is_sent_with_its_facts() {
    let body = json(&Specimen::Report.notice());
    assert_eq!(body["notice"], "report");
    assert_eq!(
        body["title"],
        "Mooring: fleet-weekly: 4 of 6 stacks need attention (3 new, 3 fixed)"
    );
    let report = &body["report"];
    assert_eq!(report["kept"], "20261123t100000z-fleet-weekly");
    assert_eq!(report["before"]["opened"], 3);
    let posture = &report["posture"];
    assert_eq!(posture["counts"]["failed"], 1);
    assert_eq!(posture["new"]["items"][0]["stack"], "infra/live/db");
    assert_eq!(posture["window"]["from"], "2026-11-16T10:00:00Z");
}

/// They come with `mooring notify`, and from when the receiver was a chat.
#[test]
fn what_is_about_several_stacks_names_them() {
    let group = json(&Specimen::GroupGrows.notice());
    assert_eq!(group["notice"], "group");
    assert!(group["event"].is_string());
    let members = group["members"].as_array().unwrap();
    assert!(
        members
            .iter()
            .all(|m| m["stack"].is_string() && m["alert"].is_string())
    );
    assert!(group["open"].as_u64() <= group["total"].as_u64());
    assert!(group["cause"].is_string() && group["check"].is_object());

    let repairs = json(&Specimen::RepairedAlike.notice());
    assert_eq!(repairs["notice"], "repairs");
    let members = repairs["members"].as_array().unwrap();
    assert!(members.len() > 1);
    assert!(
        members
            .iter()
            .all(|m| m["stack"].is_string() && m["run"].is_string())
    );

    let digest = json(&Specimen::QuietHours.notice());
    assert_eq!(digest["reason"], "quiet_hours");
    let line = &digest["lines"][0];
    for field in ["event", "severity", "at", "text"] {
        assert!(line[field].is_string(), "{field} in {line}");
    }
}

#[test]
fn no_notice_carries_a_fingerprint() {
    for notice in samples::all() {
        let text = json(&notice).to_string();
        assert!(!text.contains("fingerprint"), "{text}");
    }
}
