//! The text report.

use crate::domain::finding::{Finding, FindingAction, Origin, Verdict};
use crate::domain::ids::Fingerprint;
use crate::domain::value::Value;
use crate::report::fit::columns;
use crate::report::samples::*;
use crate::report::{Options, text};

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
fn lines_keep_to_the_width_and_colour_is_only_an_addition() {
    for width in [40, 60, 80, 100, 120, 140] {
        for why in [false, true] {
            let options = Options {
                width,
                why,
                ..PLAIN
            };
            let plain = text(&estate(), &options);
            for line in plain.lines() {
                assert!(columns(line) <= width, "{width}: {line}");
            }
            let coloured = text(
                &estate(),
                &Options {
                    color: true,
                    ..options
                },
            );
            assert_ne!(coloured, plain);
            assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
        }
    }
}

#[test]
fn text_of_documents() {
    insta::assert_snapshot!(text(&[documents()], &PLAIN), @r#"
    live/prod/iam  drifted and pending  4f2a91c03b, 1 finding suppressed
      ~ aws_s3_bucket_policy.logs  drift  high
          policy: JSON document, 3 differences, want as in state  (state → real)
            + Statement[0].Action[2]: "s3:DeleteObject"
            ~ Statement[0].Principal: {"AWS":"arn:aws:iam::111122223333:role/reader"} → "*"
            - Statement[1]: {"Action":"s3:*","Condition":{"Bool":{…eny","Principal":"*","Sid":"TlsOnly"}
      ~ aws_iam_policy.both  both  low
          policy: JSON document, 3 differences  (state → real)
            + Statement[0].Action[2]: "s3:DeleteObject"
            ~ Statement[0].Principal: {"AWS":"arn:aws:iam::111122223333:role/reader"} → "*"
            - Statement[1]: {"Action":"s3:*","Condition":{"Bool":{…eny","Principal":"*","Sid":"TlsOnly"}
            real → want:
            - Statement[0].Action[2]: "s3:DeleteObject"
            ~ Statement[0].Principal: "*" → {"AWS":"arn:aws:iam::111122223333:role/reader"}
            + Statement[1]: {"Action":"s3:*","Condition":{"Bool":{…":"Deny","Principal":"*","Sid":"Tls"}
      ~ aws_mq_broker.b  pending  low
          hosts: ["a","b"] → ["b","a"]  (real → want)  same items, in another order
      decision: alert: the mode is observe

    1 stack: 1 drifted and pending
    1 finding suppressed as known noise, -v lists them
    "#);
}

#[test]
fn text_that_says_why() {
    let options = Options {
        why: true,
        verbose: true,
        ..PLAIN
    };
    insta::assert_snapshot!(text(&[documents()], &options), @r#"
    live/prod/iam  drifted and pending  4f2a91c03b, terraform 1.11.4, 1750 ms, 1 finding suppressed
      ~ aws_s3_bucket_policy.logs  drift  high
          high: a bucket policy decides who reads the bucket
          policy: JSON document, 3 differences, want as in state  (state → real)
            + Statement[0].Action[2]: "s3:DeleteObject"
            ~ Statement[0].Principal: {"AWS":"arn:aws:iam::111122223333:role/reader"} → "*"
            - Statement[1]: {"Action":"s3:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":"*","Sid":"TlsOnly"}
            state and configuration agree, the real value differs: the world moved, and an apply would
            put it back
      ~ aws_iam_policy.both  both  low
          low: something changed
          policy: JSON document, 3 differences  (state → real)
            + Statement[0].Action[2]: "s3:DeleteObject"
            ~ Statement[0].Principal: {"AWS":"arn:aws:iam::111122223333:role/reader"} → "*"
            - Statement[1]: {"Action":"s3:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":"*","Sid":"TlsOnly"}
            real → want:
            - Statement[0].Action[2]: "s3:DeleteObject"
            ~ Statement[0].Principal: "*" → {"AWS":"arn:aws:iam::111122223333:role/reader"}
            + Statement[1]: {"Action":"s3:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":"*","Sid":"Tls"}
            state, real value and configuration all differ: the world and the code moved
      ~ aws_mq_broker.b  pending  low
          low: something changed
          hosts: ["a","b"] → ["b","a"]  (real → want)  same items, in another order
            state and real value agree, the configuration wants another: code moved and is not applied
      · aws_iam_role.app  unenforced  low  suppressed: the provider spells documents in its own way
          low: something changed
          policy: same document, spelt differently  (state → real)
            the real value is not the one in the state, and the plan leaves it as it is: the world moved
            where no configuration looks
      decision: alert: the mode is observe

    1 stack: 1 drifted and pending
    1 finding suppressed as known noise
    "#);
}

#[test]
fn masked_documents_that_differ_in_secrets_only_are_not_called_the_same() {
    let masked = |digit: &str| Value::Redacted {
        text: r#"{"url": "db://u:(sensitive)@h"}"#.to_owned(),
        fingerprint: Fingerprint::new(digit.repeat(64)),
    };
    let mut moved = check("a", Verdict::Drifted);
    let sides = [masked("a"), masked("b"), masked("a")];
    moved.findings.resources = vec![finding(
        "t.x",
        FindingAction::Update,
        vec![attribute(&["config"], Origin::Drift, sides)],
    )];
    let told = text(&[moved], &PLAIN);
    let line = "config: JSON document, differs in what is masked, want as in state";
    assert!(told.contains(line), "{told}");
}

#[test]
fn text_for_a_narrow_terminal() {
    let options = Options { width: 40, ..PLAIN };
    insta::assert_snapshot!(text(&[drifted(), wide()], &options), @r#"
    live/prod/web  drifted and pending
        4f2a91c03b + uncommitted changes
      ~ aws_s3_bucket.logs  both  low
          tags.Env: (state → real)  drift
            "prod" →
            "hacked"
            want "prod"
          tags."a.b": (real → want)
            pending
            null →
            (known after apply)
          policy: (state → real)  drift
            "pppppppppppp…pppppppppppp" →
            "{}"
            want "pppppppppppp…pppppppppppp"
      ~ aws_ssm_parameter.p  drift  low
          value: (state → real)
            (sensitive) →
            (sensitive)
            want (sensitive)
      + aws_sqs_queue.jobs["x"]  drift
          critical
          deleted outside Terraform, to be
          created again, may lose data
      -/+ aws_dynamodb_table.t  pending
          low
          moved from aws_dynamodb_table.old,
          to be destroyed and created,
          replace because cannot update
          hash_key: (real → want)
            forces replacement
            "id" →
            "key"
      · aws_security_group.g  unenforced
          low
          ingress: 1 new, 1 unchanged
            (state → real)
            + {"cidr_blocks":…otocol":"tcp"}
      ~ output url  drift
          to be changed (sensitive)
      ! check.health  failed
          the answer was 503
      1 change put off to a later plan
      decision: ask
        - code waits too
        - aws_sqs_queue.jobs["x"] may lose
        data

    live/東京/web  drifted  4f2a91c03b
      ~ aws_instance.港  drift  low
          tags.所有者: (state → real)
            "港口团队港口…团队港口团队" →
            "船长🚢船长🚢…船长🚢船长🚢"
            want "港口团队港口…团队港口团队"
          tags.Env: (state → real)
            "prod" →
            "テスト"
            want "prod"

    2 stacks: 1 drifted,
        1 drifted and pending
    "#);
}

#[test]
fn long_documents_are_cut_aloud() {
    let list = |start: usize| {
        let items: Vec<String> = (start..start + 20)
            .map(|n| format!("\"k{n}\": {n}"))
            .collect();
        text_value(&format!("{{{}}}", items.join(", ")))
    };
    let mut long = check("a", Verdict::Pending);
    let sides = [list(0), list(0), list(100)];
    long.findings.resources = vec![finding(
        "t.x",
        FindingAction::Update,
        vec![attribute(&["json"], Origin::Pending, sides)],
    )];
    let short = text(std::slice::from_ref(&long), &PLAIN);
    assert!(
        short.contains("… and 28 more differences (-v shows all)"),
        "{short}"
    );
    let whole = text(
        &[long],
        &Options {
            verbose: true,
            ..PLAIN
        },
    );
    assert!(
        !whole.contains('…') && whole.contains("k119: 119"),
        "{whole}"
    );
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
    1 finding suppressed as known noise, -v lists them
    "#);
    let full = text(
        &[check],
        &Options {
            verbose: true,
            ..PLAIN
        },
    );
    assert!(
        full.contains("t.x  unenforced  low  suppressed: a server's own time stamp"),
        "{full}"
    );
}
