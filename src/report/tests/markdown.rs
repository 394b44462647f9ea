//! The Markdown report.

use crate::domain::check::StackCheck;
use crate::domain::finding::{FindingAction, Origin, Subject, Verdict};
use crate::report::samples::*;
use crate::report::{Options, markdown};

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

    `ingress`: 1 new, 1 unchanged (state → real)

    - new `{"cidr_blocks":["0.0.0.0/0"],"from_port":22,"protocol":"tcp"}`

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
fn markdown_of_documents_with_reasons() {
    let options = Options { why: true, ..PLAIN };
    insta::assert_snapshot!(markdown(&[documents()], &options), @r#"
    **1 stack**: 1 drifted and pending

    1 finding suppressed as known noise, `-v` lists them

    | Stack | Verdict | Found | Decision |
    |---|---|---|---|
    | `live/prod/iam` | ⚠️ drifted and pending | 3 findings, 1 suppressed | alert |

    <details>
    <summary><code>live/prod/iam</code>: drifted and pending · 4f2a91c03b</summary>

    `aws_s3_bucket_policy.logs`: drift, high

    *high: a bucket policy decides who reads the bucket*

    `policy`: JSON document, 3 differences, want as in state (state → real)

    - `Statement[0].Action[2]`: new `"s3:DeleteObject"`
    - `Statement[0].Principal`: `{"AWS":"arn:aws:iam::111122223333:role/reader"}` → `"*"`
    - `Statement[1]`: gone `{"Action":"s3:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":"*","Sid":"TlsOnly"}`

    Why:

    - `policy`: *state and configuration agree, the real value differs: the world moved, and an apply would put it back*

    `aws_iam_policy.both`: both, low

    *low: something changed*

    `policy`: JSON document, 3 differences (state → real)

    - `Statement[0].Action[2]`: new `"s3:DeleteObject"`
    - `Statement[0].Principal`: `{"AWS":"arn:aws:iam::111122223333:role/reader"}` → `"*"`
    - `Statement[1]`: gone `{"Action":"s3:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":"*","Sid":"TlsOnly"}`

    real → want:

    - `Statement[0].Action[2]`: gone `"s3:DeleteObject"`
    - `Statement[0].Principal`: `"*"` → `{"AWS":"arn:aws:iam::111122223333:role/reader"}`
    - `Statement[1]`: new `{"Action":"s3:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":"*","Sid":"Tls"}`

    Why:

    - `policy`: *state, real value and configuration all differ: the world and the code moved*

    `aws_mq_broker.b`: pending, low

    *low: something changed*

    | Attribute | Origin | State | Real | Want |
    |---|---|---|---|---|
    | `hosts` | pending, same items, in another order | `["a","b"]` | `["a","b"]` | `["b","a"]` |

    Why:

    - `hosts`: *state and real value agree, the configuration wants another: code moved and is not applied*


    Decision: **alert**

    - the mode is observe

    </details>
    "#);
}

#[test]
fn known_noise_is_listed_on_request() {
    let short = markdown(&[documents()], &PLAIN);
    assert!(
        short.contains("3 findings, 1 suppressed") && !short.contains("aws_iam_role.app"),
        "{short}"
    );
    let options = Options {
        verbose: true,
        ..PLAIN
    };
    let whole = markdown(&[documents()], &options);
    let noise = "`aws_iam_role.app`: unenforced, low, suppressed: the provider spells documents";
    assert!(whole.contains(noise), "{whole}");
}

/// A stack with so many findings of so many attributes each.
fn large(name: &str, findings: usize, attributes: usize) -> StackCheck {
    let one = |number: usize| {
        let changes = (0..attributes).map(|path| {
            let path = format!("path_{path}");
            let sides = ["a", "é港b", "c"].map(|value| text_value(&value.repeat(30)));
            attribute(&[&path], Origin::Both, sides)
        });
        let address = format!("aws_thing.number[{number}]");
        finding(&address, FindingAction::Update, changes.collect())
    };
    let mut check = check(name, Verdict::DriftedAndPending);
    check.findings.resources = (0..findings).map(one).collect();
    check
}

/// What a report says is missing: the number before each of these words.
fn missing(page: &str, noun: &str) -> usize {
    let Some(line) = page
        .lines()
        .find(|line| line.starts_with("**Not shown here:**"))
    else {
        return 0;
    };
    let numbers = line.split([',', ':', '.']);
    let number = numbers.filter_map(|part| {
        let (number, words) = part.trim_start_matches(['*', ' ']).split_once(' ')?;
        words
            .starts_with(noun)
            .then(|| number.parse::<usize>().unwrap())
    });
    number.sum()
}

#[test]
fn a_report_fits_a_comment_and_counts_what_does_not() {
    let estates = [
        vec![large("one", 2_000, 3)],
        vec![large("one", 1, 3_000)],
        vec![large("one", 3, 400), large("two", 5, 5), failed()],
        (0..1_500)
            .map(|n| large(&format!("live/{n}"), 1, 1))
            .collect(),
        (0..1_500)
            .map(|n| check(&format!("live/{n}"), Verdict::InSync))
            .collect(),
        vec![large(&"n".repeat(100_000), 1, 1)],
    ];
    for checks in estates {
        let page = markdown(&checks, &PLAIN);
        assert!(page.len() <= 65_000, "{}", page.len());
        let lines = |start: &str| page.lines().filter(|l| l.starts_with(start)).count();
        assert_eq!(lines("<details>"), lines("</details>"));

        let stacks = checks.len();
        let with_findings = checks
            .iter()
            .filter(|c| !c.findings.resources.is_empty() || c.failure.is_some());
        assert_eq!(
            lines("<details>") + missing(&page, "stack"),
            with_findings.count()
        );
        let rows = lines("| `live/") + lines("| `one") + lines("| `two") + lines("| `nn");
        assert_eq!(rows + missing(&page, "row"), stacks);
        let all = |count: fn(&StackCheck) -> usize| checks.iter().map(count).sum::<usize>();
        assert_eq!(
            lines("`aws_thing") + missing(&page, "finding"),
            all(|check| check.findings.resources.len())
        );
        assert_eq!(
            lines("| `path_") + missing(&page, "attribute"),
            all(|check| check
                .findings
                .resources
                .iter()
                .map(|f| f.attributes.len())
                .sum())
        );
        let told = page.contains("`--format json` has everything");
        let cut = ["row", "stack", "finding", "attribute"];
        assert_eq!(told, cut.iter().any(|noun| missing(&page, noun) > 0));
    }
}

#[test]
fn a_small_report_is_whole() {
    let page = markdown(&estate(), &PLAIN);
    assert!(!page.contains("Not shown here"), "{page}");
    let create = finding(
        "t.x",
        FindingAction::Create,
        vec![whole(Subject::Create, Origin::Pending)],
    );
    let mut new = check("a", Verdict::Pending);
    new.findings.resources = vec![create];
    assert!(markdown(&[new], &PLAIN).contains("`t.x`: pending, low, to be created"));
}
