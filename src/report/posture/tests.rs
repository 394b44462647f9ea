#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use roxmltree::{Document, ParsingOptions};
use serde_json::Value;

use super::*;
use crate::domain::alert::AlertKind;
use crate::domain::finding::{Severity, Verdict};
use crate::domain::ids::StackId;
use crate::domain::pattern::NamePattern;
use crate::domain::posture::samples::{alert, estate, hour, stack};
use crate::domain::posture::{Acknowledgement, Filter, Input, StackNow, Window};
use crate::domain::selection::Selection;
use crate::report::samples::PLAIN;

fn week() -> Posture {
    Posture::of(&estate())
}

fn nothing() -> Posture {
    Posture::of(&Input {
        stacks: vec![],
        alerts: vec![],
        runs: vec![],
        ..estate()
    })
}

/// An estate whose names and texts are somebody's attempt at something.
fn hostile() -> Posture {
    let text = "<img src=x onerror=alert(1)>|`*_[a](http://b) @all\u{1b}[31m\u{202e}\r\n=cmd()";
    let bad = StackNow {
        owners: vec!["@SUM(A1)".to_owned()],
        labels: BTreeMap::from([("=1+1".to_owned(), text.to_owned())]),
        headline: Some(text.to_owned()),
        contested: vec![text.to_owned()],
        suppressed: vec![(text.to_owned(), text.to_owned())],
        ..stack(text, "", "", Verdict::Failed)
    };
    let mut known = alert("x", AlertKind::Drift, Severity::High, 3, None);
    known.stack = bad.id.clone();
    known.acknowledged = Some(Acknowledgement {
        by: "+49 30 1".to_owned(),
        until: Some(hour(170)),
        reason: Some("-2+3\",\"".to_owned()),
    });
    let mut gone = alert("x", AlertKind::Failed, Severity::High, 4, None);
    gone.stack = StackId::new(format!("=HYPERLINK({text})"));
    Posture::of(&Input {
        stacks: vec![bad],
        alerts: vec![known, gone],
        ..estate()
    })
}

fn rendered(format: PostureFormat, posture: &Posture) -> String {
    render(format, posture, &PLAIN).unwrap()
}

fn text_of(posture: &Posture) -> String {
    rendered(PostureFormat::Text, posture)
}

/// The text of a document that is well-formed XML too, so that a strict parser can judge it.
fn parsed(document: &str, check: impl FnOnce(&Document<'_>)) {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    check(&Document::parse_with_options(document, options).unwrap());
}

#[test]
fn a_week_at_a_terminal() {
    insta::assert_snapshot!(text_of(&week()), @r"
    4 of 6 stacks need attention
    2026-11-18 08:00 UTC to 2026-11-25 08:00 UTC (7 d)

    2 in sync, 1 drifted, 1 pending, 1 not checked, 1 failed

      Coverage           83 %  5 of 6 stacks looked at recently enough
      Open alerts           5  2 before, 7 opened, 4 resolved
      New                   4  opened in this time and still open
      Fixed                 4  1 by Mooring, 1 outside Mooring, 1 through code, 1 no longer tracked
      Repairs               1  runs that put something back
      Time to detect   28 min  at most; median of 2 alerts; 90 % within 1 h 1 min, 2 not measurable
      Time to repair  1 d 1 h  median of 3 alerts; 90 % within 2 d 2 h
      Contested             1  stacks whose drift comes back after its repair
      Known noise           1  findings told nobody

    Alerts from 18 Nov to 25 Nov
      opened    ▄▄█··▄▄▄  7
      resolved  ·█▄···▄·  4
      open      ▅▄▅▅▅▇▇█  5 at the end

    New and still open
      critical  infra/live/db       drift, opened 5 d ago
                  aws_db_instance.main (drift) and 2 more
      high      edge                cannot be checked, opened 8 h ago
      high      edge/live/edge/dns  cannot be checked, opened 18 h ago
                  no valid credential sources found
      medium    infra/live/queue
                  waiting code, opened 5 d 4 h ago, acknowledged by robin until 2026-11-26 16:00 UTC
                  aws_sqs_queue.jobs (pending)

    Fixed
      medium  infra/live/queue  drift, outside Mooring, after 1 d 1 h, 2026-11-24 09:00 UTC
      low     infra/live/gone   drift, no longer tracked, after 2 d 2 h, 2026-11-20 20:00 UTC
      low     infra/live/stage  waiting code, through code, after 2 d 2 h, 2026-11-19 14:00 UTC
      high    infra/live/web    drift, by Mooring, after 2 h, 2026-11-19 10:00 UTC

    Open for longest
      medium    infra/live/queue    drift, for 23 d, platform
                  aws_sqs_queue.jobs (pending)
      medium    infra/live/queue
                  waiting code, for 5 d 4 h, platform, acknowledged by robin until 2026-11-26 16:00 UTC
                  aws_sqs_queue.jobs (pending)
      critical  infra/live/db       drift, for 5 d, data
                  aws_db_instance.main (drift) and 2 more
      high      edge/live/edge/dns  cannot be checked, for 18 h
                  no valid credential sources found
      high      edge                cannot be checked, for 8 h

    Contested: repaired, and drifted again
      infra/live/web  something else writes there too
        aws_s3_bucket.assets tags.Environment

    Acknowledgements that end within a week
      medium  infra/live/queue  waiting code, until 2026-11-26 16:00 UTC, by robin
                the new runtime is being tried

    Cannot be checked
      edge/live/edge/dns  for 18 h
        no valid credential sources found

    Not checked recently
      edge/live/edge/cdn  last looked at 8 d 6 h ago

    Known noise, told nobody
      aws_ecs_service.web  infra/live/web
        desired_count is set by autoscaling

    How long it took
      Severity  detect, median  detect, 90 %  repair, median  repair, 90 %
      critical          28 min        28 min               –             –
      high           1 h 1 min     1 h 1 min             2 h           2 h
      medium                 –             –         1 d 1 h       1 d 1 h
      low                    –             –         2 d 2 h       2 d 2 h

    By source
             stacks  in sync  drifted  pending  unseen  open  opened  resolved
      edge        2        0        0        0       2     1       1         0
      infra       4        2        1        1       0     3       4         3

    By owner
                  stacks  in sync  drifted  pending  unseen  open  opened  resolved
      data             1        0        1        0       0     1       1         0
      platform         3        2        0        1       0     2       3         3
      (no owner)       2        0        0        0       2     1       1         0

    By label tier
                    stacks  in sync  drifted  pending  unseen  open  opened  resolved
      prod               4        1        1        1       1     3       4         2
      stage              1        1        0        0       0     0       0         1
      (without it)       1        0        0        0       1     1       1         0
    ");
}

#[test]
fn a_narrow_terminal_gets_no_wider_line_than_it_has() {
    let options = Options { width: 60, ..PLAIN };
    let text = render(PostureFormat::Text, &week(), &options).unwrap();
    let (before, tables) = text.split_once("How long it took").unwrap();
    for line in before.lines() {
        assert!(line.chars().count() <= 60, "{line}");
    }
    assert!(tables.contains("By owner"), "numbers are never cut");
}

#[test]
fn nothing_at_all_is_told_as_unknown() {
    insta::assert_snapshot!(text_of(&nothing()), @r"
    No stack to report on
    2026-11-18 08:00 UTC to 2026-11-25 08:00 UTC (7 d)

      Coverage        –  0 of 0 stacks looked at recently enough
      Open alerts     0  0 before, 0 opened, 0 resolved
      New             0  opened in this time and still open
      Fixed           0  nothing was resolved
      Repairs         0  runs that put something back
      Time to detect  –  at most; nothing to measure
      Time to repair  –  nothing to measure
      Contested       0  stacks whose drift comes back after its repair
      Known noise     0  findings told nobody
    ");
}

#[test]
fn another_time_and_a_filter_are_said() {
    let posture = Posture::of(&Input {
        window: Window::new(hour(-24 * 90), hour(24)).unwrap(),
        filter: Filter {
            which: Selection {
                owners: vec![NamePattern::exactly("platform")],
                labels: BTreeMap::from([("tier".to_owned(), NamePattern::exactly("prod"))]),
                ..Selection::default()
            },
            ..Filter::default()
        },
        ..estate()
    });
    let text = text_of(&posture);
    let head: Vec<&str> = text.lines().take(5).collect();
    insta::assert_snapshot!(head.join("\n"), @r"
    1 of 2 stacks needs attention
    2026-08-20 08:00 UTC to 2026-11-19 08:00 UTC (91 d)
    Only label tier=prod, owner platform
    Alerts as of the end of that time, verdicts as of 2026-11-25 08:00 UTC
    Alerts resolved before 2026-08-27 08:00 UTC are forgotten: earlier days count too little
    ");
    let chart = text
        .lines()
        .find(|line| line.starts_with("  opened"))
        .unwrap();
    assert!(chart.chars().count() < 60, "months fit too: {chart}");
}

#[test]
fn a_week_as_markdown() {
    insta::assert_snapshot!(rendered(PostureFormat::Markdown, &week()), @r"
    ## 4 of 6 stacks need attention

    2026-11-18 08:00 UTC to 2026-11-25 08:00 UTC \(7 d\)  

    **2 in sync, 1 drifted, 1 pending, 1 not checked, 1 failed**

    | | | |
    |---|---:|---|
    | Coverage | 83 % | 5 of 6 stacks looked at recently enough |
    | Open alerts | 5 | 2 before, 7 opened, 4 resolved |
    | New | 4 | opened in this time and still open |
    | Fixed | 4 | 1 by Mooring, 1 outside Mooring, 1 through code, 1 no longer tracked |
    | Repairs | 1 | runs that put something back |
    | Time to detect | 28 min | at most; median of 2 alerts; 90 % within 1 h 1 min, 2 not measurable |
    | Time to repair | 1 d 1 h | median of 3 alerts; 90 % within 2 d 2 h |
    | Contested | 1 | stacks whose drift comes back after its repair |
    | Known noise | 1 | findings told nobody |

    ### Alerts by day

    | Day | opened | resolved | repairs | open at its end |
    |---|---:|---:|---:|---:|
    | 18 Nov | 1 | 0 | 0 | 3 |
    | 19 Nov | 1 | 2 | 1 | 2 |
    | 20 Nov | 2 | 1 | 0 | 3 |
    | 21 Nov | 0 | 0 | 0 | 3 |
    | 22 Nov | 0 | 0 | 0 | 3 |
    | 23 Nov | 1 | 0 | 0 | 4 |
    | 24 Nov | 1 | 1 | 0 | 4 |
    | 25 Nov | 1 | 0 | 0 | 5 |

    ### New and still open

    - **critical** `infra/live/db` drift, opened 5 d ago
      - aws\_db\_instance.main \(drift\) and 2 more
    - **high** `edge` cannot be checked, opened 8 h ago
    - **high** `edge/live/edge/dns` cannot be checked, opened 18 h ago
      - no valid credential sources found
    - **medium** `infra/live/queue` waiting code, opened 5 d 4 h ago, acknowledged by robin until 2026-11-26 16:00 UTC
      - aws\_sqs\_queue.jobs \(pending\)

    ### Fixed

    - **medium** `infra/live/queue` drift, outside Mooring, after 1 d 1 h, 2026-11-24 09:00 UTC
    - **low** `infra/live/gone` drift, no longer tracked, after 2 d 2 h, 2026-11-20 20:00 UTC
    - **low** `infra/live/stage` waiting code, through code, after 2 d 2 h, 2026-11-19 14:00 UTC
    - **high** `infra/live/web` drift, by Mooring, after 2 h, 2026-11-19 10:00 UTC

    ### Open for longest

    - **medium** `infra/live/queue` drift, for 23 d, platform
      - aws\_sqs\_queue.jobs \(pending\)
    - **medium** `infra/live/queue` waiting code, for 5 d 4 h, platform, acknowledged by robin until 2026-11-26 16:00 UTC
      - aws\_sqs\_queue.jobs \(pending\)
    - **critical** `infra/live/db` drift, for 5 d, data
      - aws\_db\_instance.main \(drift\) and 2 more
    - **high** `edge/live/edge/dns` cannot be checked, for 18 h
      - no valid credential sources found
    - **high** `edge` cannot be checked, for 8 h

    ### Contested: repaired, and drifted again

    - `infra/live/web` something else writes there too
      - aws\_s3\_bucket.assets tags.Environment

    ### Acknowledgements that end within a week

    - **medium** `infra/live/queue` waiting code, until 2026-11-26 16:00 UTC, by robin
      - the new runtime is being tried

    ### Cannot be checked

    - `edge/live/edge/dns` for 18 h
      - no valid credential sources found

    ### Not checked recently

    - `edge/live/edge/cdn` last looked at 8 d 6 h ago

    ### Known noise, told nobody

    - `aws_ecs_service.web` infra/live/web
      - desired\_count is set by autoscaling

    ### How long it took

    | Severity | detect, median | detect, 90 % | repair, median | repair, 90 % |
    |---|---:|---:|---:|---:|
    | critical | 28 min | 28 min | – | – |
    | high | 1 h 1 min | 1 h 1 min | 2 h | 2 h |
    | medium | – | – | 1 d 1 h | 1 d 1 h |
    | low | – | – | 2 d 2 h | 2 d 2 h |

    ### By source

    |  | stacks | in sync | drifted | pending | unseen | open | opened | resolved |
    |---|---:|---:|---:|---:|---:|---:|---:|---:|
    | edge | 2 | 0 | 0 | 0 | 2 | 1 | 1 | 0 |
    | infra | 4 | 2 | 1 | 1 | 0 | 3 | 4 | 3 |

    ### By owner

    |  | stacks | in sync | drifted | pending | unseen | open | opened | resolved |
    |---|---:|---:|---:|---:|---:|---:|---:|---:|
    | data | 1 | 0 | 1 | 0 | 0 | 1 | 1 | 0 |
    | platform | 3 | 2 | 0 | 1 | 0 | 2 | 3 | 3 |
    | \(no owner\) | 2 | 0 | 0 | 0 | 2 | 1 | 1 | 0 |

    ### By label tier

    |  | stacks | in sync | drifted | pending | unseen | open | opened | resolved |
    |---|---:|---:|---:|---:|---:|---:|---:|---:|
    | prod | 4 | 1 | 1 | 1 | 1 | 3 | 4 | 2 |
    | stage | 1 | 1 | 0 | 0 | 0 | 0 | 0 | 1 |
    | \(without it\) | 1 | 0 | 0 | 0 | 1 | 1 | 1 | 0 |
    ");
}

#[test]
fn markdown_stays_within_a_comment_and_counts_what_is_left_out() {
    let alerts = (0..3000).map(|n| {
        let name = format!("infra/{}{n}", "long/".repeat(60));
        alert(&name, AlertKind::Drift, Severity::High, n % 160, None)
    });
    let stacks = (0..500).map(|n| {
        let mut many = stack(&format!("s{n}"), "", "", Verdict::InSync);
        let labels = (0..20).map(|key| (format!("key-{key}"), format!("{}{n}", "v".repeat(250))));
        many.labels = labels.collect();
        many
    });
    let posture = Posture::of(&Input {
        alerts: alerts.collect(),
        stacks: stacks.collect(),
        ..estate()
    });
    let page = rendered(PostureFormat::Markdown, &posture);
    assert!(page.len() <= 65_000, "{}", page.len());
    assert!(page.contains("and 2975 more"), "{page}");
    assert!(page.contains("did not fit"), "{page}");
}

#[test]
fn a_week_as_a_page() {
    let version = concat!("Mooring ", env!("CARGO_PKG_VERSION"));
    let page = rendered(PostureFormat::Html, &week()).replace(version, "Mooring 1.2.3");
    let body = page.split("</style>").nth(1).unwrap();
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("posture_page", body);
    });
    parsed(&page, |document| {
        let drawings = document
            .descendants()
            .filter(|node| node.has_tag_name("svg"));
        for drawing in drawings {
            let told = drawing.attribute("aria-label").unwrap_or_default();
            assert!(told.len() > 20, "a drawing is told in words: {told}");
        }
    });
    for foreign in ["http://", "https://", "<script", "url(", "<img"] {
        assert!(!page.contains(foreign), "the page needs {foreign}");
    }
}

#[test]
fn a_mail_tells_the_times_of_its_zone_and_whose_days_it_shows() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let mail = mail(&week(), &zone).unwrap();
    for form in [mail.text, mail.html] {
        assert!(form.contains(" (days in UTC)"), "{form}");
        let times = form.replace(" (days in UTC)", "");
        assert!(times.contains(" CET") && !times.contains("UTC"), "{form}");
    }
}

#[test]
fn a_week_as_a_mail() {
    let mail = mail(&week(), &TimeZone::UTC).unwrap();
    assert!(
        mail.text
            .starts_with("2026-11-18 08:00 UTC to 2026-11-25 08:00 UTC (7 d)\n"),
        "{}",
        mail.text
    );
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("posture_mail", &mail.html);
    });
    parsed(&mail.html, |document| {
        let plain = [
            "div", "h1", "h2", "p", "span", "b", "br", "table", "tr", "td", "th",
        ];
        for node in document.descendants().filter(|node| node.is_element()) {
            let name = node.tag_name().name();
            assert!(plain.contains(&name), "mail programs may drop <{name}>");
            for attribute in ["class", "id", "href", "src"] {
                assert_eq!(node.attribute(attribute), None, "<{name}>");
            }
        }
    });
}

#[test]
fn a_week_as_a_table() {
    let table = rendered(PostureFormat::Csv, &week());
    assert!(
        table.lines().count() == 9 && table.matches("\r\n").count() == 9,
        "{table}"
    );
    insta::assert_snapshot!(table.replace("\r\n", "\n"), @r"
    stack,source,dir,owners,labels,verdict,since,checked_at,severity,contested,suppressed,headline,alert,alert_severity,opened_at,first_seen,age_seconds,acknowledged_by,acknowledged_until,acknowledged_reason
    edge/live/edge/cdn,edge,live/edge/cdn,,tier=prod,unknown,2026-11-17T02:00:00Z,2026-11-17T02:00:00Z,,false,0,not checked recently,,,,,,,,
    edge/live/edge/dns,edge,live/edge/dns,,,failed,2026-11-24T14:00:00Z,2026-11-25T07:00:00Z,high,false,0,no valid credential sources found\nfor the provider,failed,high,2026-11-24T14:00:00Z,2026-11-24T14:00:00Z,64800,,,
    infra/live/db,infra,live/db,data,tier=prod,drifted,2026-11-20T08:00:00Z,2026-11-25T07:00:00Z,critical,false,0,aws_db_instance.main (drift) and 2 more,drift,critical,2026-11-20T08:00:00Z,2026-11-20T08:00:00Z,432000,,,
    infra/live/queue,infra,live/queue,platform,tier=prod,pending,2026-11-19T04:00:00Z,2026-11-25T07:00:00Z,medium,false,0,aws_sqs_queue.jobs (pending),drift,medium,2026-11-02T12:00:00Z,2026-11-01T16:00:00Z,2044800,,,
    infra/live/queue,infra,live/queue,platform,tier=prod,pending,2026-11-19T04:00:00Z,2026-11-25T07:00:00Z,medium,false,0,aws_sqs_queue.jobs (pending),pending,medium,2026-11-20T04:00:00Z,2026-11-20T04:00:00Z,446400,robin,2026-11-26T16:00:00Z,the new runtime is being tried
    infra/live/stage,infra,live/stage,platform,tier=stage,in_sync,2026-11-18T08:00:00Z,2026-11-25T07:00:00Z,,false,0,,,,,,,,,
    infra/live/web,infra,live/web,platform,tier=prod,in_sync,2026-11-18T08:00:00Z,2026-11-25T07:00:00Z,,true,1,,,,,,,,,
    edge,,,,,,,,,,,,failed,high,2026-11-25T00:00:00Z,2026-11-25T00:00:00Z,28800,,,
    ");
}

#[test]
fn json_has_a_version_and_everything_else() {
    let text = rendered(PostureFormat::Json, &week());
    assert!(text.starts_with("{\n  \"schema_version\": 1,\n"), "{text}");
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::from_value::<Posture>(json).unwrap(), week());
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("posture_json", text);
    });
}

#[test]
fn no_text_acts_in_any_form() {
    let posture = hostile();
    for format in PostureFormat::ALL {
        let text = rendered(format, &posture);
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}') || format == PostureFormat::Json,
            "{text}"
        );
    }
    let page = rendered(PostureFormat::Html, &posture);
    let mail = mail(&posture, &TimeZone::UTC).unwrap();
    for html in [&page, &mail.html] {
        parsed(html, |document| {
            assert!(!document.descendants().any(|node| node.has_tag_name("img")));
        });
    }
    let markdown = rendered(PostureFormat::Markdown, &posture);
    let parser = pulldown_cmark::Parser::new_ext(&markdown, pulldown_cmark::Options::all());
    for event in parser {
        assert!(
            !matches!(
                event,
                pulldown_cmark::Event::Html(_)
                    | pulldown_cmark::Event::InlineHtml(_)
                    | pulldown_cmark::Event::Start(pulldown_cmark::Tag::Link { .. })
            ),
            "{event:?}"
        );
    }
    let table = rendered(PostureFormat::Csv, &posture);
    let mut reader = ::csv::Reader::from_reader(table.as_bytes());
    let mut rows = 0;
    for row in reader.records() {
        for field in &row.unwrap() {
            assert!(!field.starts_with(['=', '+', '-', '@']), "{field}");
        }
        rows += 1;
    }
    assert_eq!(rows, 2);
}

#[test]
fn colour_is_all_that_colour_adds() {
    let options = Options {
        color: true,
        ..PLAIN
    };
    let text = render(PostureFormat::Text, &week(), &options).unwrap();
    assert_ne!(text, text_of(&week()));
    let plain = anstream::adapter::strip_str(&text).to_string();
    let trimmed: Vec<&str> = plain.lines().map(str::trim_end).collect();
    assert_eq!(trimmed.join("\n") + "\n", text_of(&week()));
}
