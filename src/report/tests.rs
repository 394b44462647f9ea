use serde_json::json;

use super::samples::*;
use super::*;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::{Finding, FindingAction, Origin, Severity};
use crate::domain::ids::StackId;
use crate::domain::plan::{Check, CheckStatus};
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::value::Value;

#[test]
fn text_for_people() {
    let checks = [check("live/prod/dns", Verdict::InSync), drifted(), failed()];
    insta::assert_snapshot!(text(&checks, &PLAIN), @r#"
    live/prod/dns  in sync  4f2a91c03b

    live/prod/web  drifted and pending  4f2a91c03b + uncommitted changes
      ~ aws_s3_bucket.logs  both  low
          tags.Env:   "prod" → "hacked"  (state → real), want "prod"  drift
          tags."a.b": null → (known after apply)  (real → want)  pending
          policy:     "pppppppppp…ppppppppp" → "{}"  (state → real), want "pppppppppp…ppppppppp"  drift
      ~ aws_ssm_parameter.p  drift  low
          value: (sensitive) → (sensitive)  (state → real), want (sensitive)
      + aws_sqs_queue.jobs["x"]  drift  critical
          deleted outside Terraform, to be created again, may lose data
      -/+ aws_dynamodb_table.t  pending  low
          moved from aws_dynamodb_table.old, to be destroyed and created, replace because cannot update
          hash_key: "id" → "key"  (real → want)  forces replacement
      · aws_security_group.g  unenforced  low
          ingress: 1 new, 1 unchanged  (state → real)
            + {"cidr_blocks":["0.0.0.0/0"],"from_port":22,"protocol":"tcp"}
      ~ output url  drift  to be changed (sensitive)
      ! check.health  failed
          the answer was 503
      1 change put off to a later plan
      decision: ask
        - code waits too
        - aws_sqs_queue.jobs["x"] may lose data

    live/prod/db  failed  workspace blue, 4f2a91c03b
      error[locked]:
        Error acquiring the state lock
        ID: 1-2-3, held by ann@laptop since this morning, for an apply of her own
      hint: wait for it, or release the lock with `terraform force-unlock` if its owner is gone

    3 stacks: 1 in sync, 1 drifted and pending, 1 failed
    "#);
}

#[test]
fn text_with_everything() {
    let checks = [drifted()];
    insta::assert_snapshot!(text(&checks, &Options { verbose: true, ..PLAIN }), @r#"
    live/prod/web  drifted and pending  4f2a91c03b + uncommitted changes, terraform 1.11.4, 1750 ms
      ~ aws_s3_bucket.logs  both  low
          tags.Env:   "prod" → "hacked"  (state → real), want "prod"  drift
          tags."a.b": null → (known after apply)  (real → want)  pending
          policy:     "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp" → "{}"  (state → real), want "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"  drift
      ~ aws_ssm_parameter.p  drift  low
          value: (sensitive) → (sensitive)  (state → real), want (sensitive)
      + aws_sqs_queue.jobs["x"]  drift  critical  deleted outside Terraform, to be created again, may lose data
      -/+ aws_dynamodb_table.t  pending  low  moved from aws_dynamodb_table.old, to be destroyed and created, replace because cannot update
          hash_key: "id" → "key"  (real → want)  forces replacement
      · aws_security_group.g  unenforced  low
          ingress: [{"cidr_blocks":["0.0.0.0/0"],"from_port":443,"protocol":"tcp"}] → [{"cidr_blocks":["0.0.0.0/0"],"from_port":22,"protocol":"tcp"},{"cidr_blocks":["0.0.0.0/0"],"from_port":443,"protocol":"tcp"}]  (state → real)
      ~ output url  drift  to be changed (sensitive)
      ! check.health  failed
          the answer was 503
      1 change put off to a later plan
      decision: ask
        - code waits too
        - aws_sqs_queue.jobs["x"] may lose data
      digest: d16e57

    1 stack: 1 drifted and pending
    "#);
}

#[test]
fn markdown_for_merge_requests() {
    let checks = [check("live/prod/dns", Verdict::InSync), drifted(), failed()];
    insta::assert_snapshot!(markdown(&checks, &PLAIN), @r#"
    **3 stacks**: 1 in sync, 1 drifted and pending, 1 failed

    | Stack | Verdict | Found | Decision |
    |---|---|---|---|
    | `live/prod/dns` | ✅ in sync |  | nothing |
    | `live/prod/web` | ⚠️ drifted and pending | 5 findings, 1 output, 1 failing check | ask |
    | `live/prod/db` | ❌ failed | `locked` | nothing |

    <details>
    <summary><code>live/prod/web</code>: drifted and pending · 4f2a91c03b + uncommitted changes</summary>

    `aws_s3_bucket.logs`: both, low

    | Attribute | Origin | State | Real | Want |
    |---|---|---|---|---|
    | `tags.Env` | drift | `"prod"` | `"hacked"` | `"prod"` |
    | `tags."a.b"` | pending | `null` | `null` | `(known after apply)` |
    | `policy` | drift | `"pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"` | `"{}"` | `"pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"` |

    `aws_ssm_parameter.p`: drift, low

    | Attribute | Origin | State | Real | Want |
    |---|---|---|---|---|
    | `value` | drift | `(sensitive)` | `(sensitive)` | `(sensitive)` |

    `aws_sqs_queue.jobs["x"]`: drift, critical, deleted outside Terraform, to be created again, may lose data

    `aws_dynamodb_table.t`: pending, low, moved from aws\_dynamodb\_table.old, to be destroyed and created, replace because cannot update

    | Attribute | Origin | State | Real | Want |
    |---|---|---|---|---|
    | `hash_key` | pending, forces replacement | `"id"` | `"id"` | `"key"` |

    `aws_security_group.g`: unenforced, low

    | Attribute | Origin | State | Real | Want |
    |---|---|---|---|---|
    | `ingress` | unenforced | `[{"cidr_blocks":["0.0.0.0/0"],"from_port":443,"protocol":"tcp"}]` | `[{"cidr_blocks":["0.0.0.0/0"],"from_port":22,"protocol":"tcp"},{"cidr_blocks":["0.0.0.0/0"],"from_port":443,"protocol":"tcp"}]` | `[{"cidr_blocks":["0.0.0.0/0"],"from_port":22,"protocol":"tcp"},{"cidr_blocks":["0.0.0.0/0"],"from_port":443,"protocol":"tcp"}]` |

    - output `url`: drift, to be changed (sensitive)
    - check `check.health` failed: the answer was 503
    - 1 change put off to a later plan

    Decision: **ask**

    - code waits too
    - aws\_sqs\_queue.jobs\["x"\] may lose data

    </details>

    <details>
    <summary><code>live/prod/db</code>: failed · workspace blue, 4f2a91c03b</summary>

    **Error** `locked`

    ```text
    Error acquiring the state lock
    ID: 1-2-3, held by ann@laptop since this morning, for an apply of her own
    ```

    Hint: wait for it, or release the lock with \`terraform force-unlock\` if its owner is gone


    </details>
    "#);
}

#[test]
fn lines_keep_to_the_width_and_colour_is_only_an_addition() {
    let checks = [check("live/prod/dns", Verdict::InSync), drifted(), failed()];
    for width in [80, 100, 140] {
        let plain = text(&checks, &Options { width, ..PLAIN });
        for line in plain.lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
        let coloured = text(
            &checks,
            &Options {
                width,
                color: true,
                ..PLAIN
            },
        );
        assert_ne!(coloured, plain);
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    }
}

#[test]
fn suppressed_findings_are_counted_and_shown_on_request() {
    let mut check = check("a", Verdict::InSync);
    let change = attribute(
        &["x"],
        Origin::Unenforced,
        [Value::Null, text_value("1"), text_value("1")],
    );
    check.findings.resources = vec![Finding {
        suppressed: Some("a server's own time stamp".to_owned()),
        ..finding("t.x", FindingAction::None, vec![change])
    }];
    let quiet = text(std::slice::from_ref(&check), &PLAIN);
    insta::assert_snapshot!(quiet, @r#"
    a  in sync  4f2a91c03b, 1 finding suppressed

    1 stack: 1 in sync
    "#);
    let full = text(
        &[check],
        &Options {
            verbose: true,
            ..PLAIN
        },
    );
    assert!(full.contains("t.x  unenforced  low  suppressed"), "{full}");
}

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
fn no_value_acts_on_a_terminal_or_becomes_markup() {
    let evil = "\u{1b}[2J</details>\n\n# `x` | <img src=x> @all \u{202e}";
    let mut check = failed();
    check.stack = Some(StackId::new(evil));
    check.decision = Decision {
        kind: DecisionKind::Alert,
        reasons: vec![evil.into()],
    };
    let mut nasty = finding(
        evil,
        FindingAction::Update,
        vec![attribute(
            &[evil],
            Origin::Drift,
            [text_value(evil), text_value(evil), text_value(evil)],
        )],
    );
    nasty.reason = Some(evil.into());
    check.findings.resources = vec![nasty];
    check.findings.checks = vec![Check {
        address: evil.into(),
        status: CheckStatus::Fail,
        messages: vec![evil.into()],
    }];
    check.failure = Some(Failure::new(FailureKind::Internal, evil, evil));
    let checks = [check];
    for verbose in [false, true] {
        let text = text(&checks, &Options { verbose, ..PLAIN });
        assert!(
            !text
                .chars()
                .any(|c| c == '\u{202e}' || (c.is_control() && c != '\n')),
            "{text}"
        );
    }
    let markdown = markdown(&checks, &PLAIN);
    assert!(
        !markdown
            .chars()
            .any(|c| c == '\u{202e}' || (c.is_control() && c != '\n'))
    );
    let mut fenced = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        assert!(fenced || !line.starts_with('#'), "{line}");
        let closes = line.contains("</details>") && line != "</details>";
        assert!(!closes || fenced || line.contains('`'), "{line}");
    }
    assert_eq!(
        markdown
            .lines()
            .filter(|line| *line == "</details>")
            .count(),
        1
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
               "failed": 1, "unknown": 0, "suppressed": 0})
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
            "digest": null, "findings": [], "outputs": [], "checks": [], "deferred": 0, "suppressed": 0,
            "decision": {"kind": "nothing", "reasons": []},
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
            "suppressed": false, "suppressed_reason": null, "reason": null,
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
