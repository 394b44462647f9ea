mod hostile;
mod html;
mod junit;
mod markdown;
mod sarif;
mod text;

use serde_json::json;

use super::samples::*;
use super::*;
use crate::domain::finding::{FindingAction, Origin, Severity};
use crate::domain::ignored::Ignored;
use crate::domain::value::Value;

#[test]
fn a_quiet_report_counts_what_it_does_not_show() {
    let checks = [
        check("a", Verdict::InSync),
        check("b", Verdict::Pending),
        check("c", Verdict::InSync),
    ];
    let quiet = |format| render_troubles(format, &checks, &PLAIN).unwrap();
    insta::assert_snapshot!(quiet(Format::Text), @r"
    b  pending  4f2a91c03b

    3 stacks: 2 in sync, 1 pending
    ");
    let markdown = quiet(Format::Markdown);
    assert!(
        markdown.starts_with("**3 stacks**: 2 in sync, 1 pending"),
        "{markdown}"
    );
    assert!(
        !markdown.contains("`a`") && markdown.contains("`b`"),
        "{markdown}"
    );
    assert_eq!(
        quiet(Format::Json),
        render(Format::Json, &checks, &PLAIN).unwrap()
    );
}

#[test]
fn json_has_the_fixed_shape() {
    let mut explained = drifted();
    explained.stack = None;
    let json = json(&[failed(), explained]);
    assert_eq!(json["schema_version"], 1);
    assert_eq!(
        json["summary"],
        json!({"stacks": 2, "in_sync": 0, "drifted": 0, "pending": 0, "drifted_and_pending": 1,
               "failed": 1, "unknown": 0, "suppressed": 0, "ignored": 0})
    );
    assert_eq!(
        json["stacks"][0],
        json!({
            "stack": "live/prod/db", "workspace": "blue",
            "commit": "4f2a91c03b7d11e2a0c54f2a91c03b7d11e2a0c5", "dirty": false,
            "verdict": "failed", "terraform_version": "1.11.4", "duration_ms": 1750,
            "error": {
                "kind": "locked",
                "message": "Error acquiring the state lock\nID: 1-2-3, held by ann@laptop since this morning, for an apply of her own",
                "hint": "wait for it, or release the lock with `terraform force-unlock` if its owner is gone",
            },
            "digest": null, "findings": [], "outputs": [], "checks": [], "deferred": 0, "invocations": 0, "suppressed": 0,
            "decision": {"kind": "nothing", "reasons": [], "explained": [], "approvable": "not_asked",
                         "requirement": {"count": 1, "groups": [], "not_author": false},
                         "not_before": null, "shadow": null},
        })
    );
    let stack = &json["stacks"][1];
    assert_eq!(stack["stack"], json!(null));
    assert_eq!(stack["dirty"], true);
    assert_eq!(stack["verdict"], "drifted_and_pending");
    assert_eq!(stack["digest"], "d16e57");
    assert_eq!(
        stack["findings"][0]["attributes"][0],
        json!({"path": "tags.Env", "origin": "drift", "state": "prod", "real": "hacked",
               "want": "prod", "sensitive": false, "unknown": false, "forces_replacement": false,
               "why": "state and configuration agree, the real value differs: the world moved, \
                       and an apply would put it back", "note": null})
    );
    let unknown = &stack["findings"][0]["attributes"][1];
    assert_eq!(unknown["path"], "tags.\"a.b\"");
    assert_eq!(
        (&unknown["want"], &unknown["unknown"]),
        (&json!("(known after apply)"), &json!(true))
    );
    let masked = &stack["findings"][1]["attributes"][0];
    for side in ["state", "real", "want"] {
        assert_eq!(masked[side], "(sensitive)");
    }
    assert_eq!(masked["sensitive"], true);
    assert_eq!(
        stack["findings"][2],
        json!({
            "address": "aws_sqs_queue.jobs[\"x\"]", "type": "aws_sqs_queue", "mode": "managed",
            "deposed": null, "previous_address": null, "importing": false, "action": "create",
            "origin": "drift", "severity": "critical", "severity_reason": "something changed",
            "irreversible": true, "irreversible_reason": "messages",
            "suppressed": false, "suppressed_reason": null, "ignored": null, "reason": null,
            "since": null, "location": null,
            "attributes": [{"path": "<deleted>", "origin": "drift", "state": null, "real": null,
                "want": null, "sensitive": false, "unknown": false, "forces_replacement": false,
                "why": "the state has it, the refresh did not find it, and the configuration \
                        wants it", "note": null}],
        })
    );
    assert_eq!(
        stack["findings"][3]["previous_address"],
        "aws_dynamodb_table.old"
    );
    assert_eq!(
        stack["findings"][3]["attributes"][0]["forces_replacement"],
        true
    );
    assert_eq!(
        stack["outputs"],
        json!([{"name": "url", "action": "update", "sensitive": true, "origin": "drift"}])
    );
    assert_eq!(
        stack["checks"],
        json!([{"address": "check.health", "status": "fail", "messages": ["the answer was 503"]}])
    );
    assert_eq!(stack["decision"]["kind"], "ask");
}

#[test]
fn exit_codes_tell_failures_before_findings() {
    let clean = check("a", Verdict::InSync);
    assert_eq!(exit_code(&[]), 0);
    assert_eq!(exit_code(std::slice::from_ref(&clean)), 0);
    assert_eq!(exit_code(&[drifted(), failed()]), 1);
    for verdict in [
        Verdict::Drifted,
        Verdict::Pending,
        Verdict::DriftedAndPending,
        Verdict::Unknown,
    ] {
        assert_eq!(exit_code(&[clean.clone(), check("b", verdict)]), 2);
    }
    let mut ignored = check("b", Verdict::Drifted);
    ignored.findings.resources = drifted().findings.resources;
    assert_eq!(exit_code(std::slice::from_ref(&ignored)), 2);
    for finding in &mut ignored.findings.resources {
        finding.suppressed = Some("ignored".to_owned());
        finding.ignored = Some(Ignored {
            rule: "r".to_owned(),
            owner: "o".to_owned(),
            reason: "why".to_owned(),
            until: None,
        });
    }
    assert_eq!(exit_code(&[ignored]), 0);
    let mut failing = clean.clone();
    failing.findings.checks = drifted().findings.checks;
    assert_eq!(exit_code(&[failing]), 2);

    let mut open = clean;
    let change = attribute(
        &["x"],
        Origin::Unenforced,
        [Value::Null, text_value("1"), text_value("1")],
    );
    open.findings.resources = vec![finding("t.x", FindingAction::None, vec![change])];
    assert_eq!(exit_code(std::slice::from_ref(&open)), 0);
    open.findings.resources[0].severity = Severity::High;
    assert_eq!(exit_code(std::slice::from_ref(&open)), 2);
    open.findings.resources[0].suppressed = Some("a server's own time stamp".to_owned());
    assert_eq!(exit_code(&[open]), 0);
}

#[test]
fn formats_are_named() {
    assert_eq!("markdown".parse(), Ok(Format::Markdown));
    assert!(
        "yaml"
            .parse::<Format>()
            .unwrap_err()
            .to_string()
            .contains("text, json, markdown, html, junit or sarif")
    );
}
