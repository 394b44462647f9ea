//! Values that would like to be markup, to act on a terminal or to break a document.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options as Extensions, Parser, Tag};
use roxmltree::{Document, ParsingOptions};

use crate::domain::check::StackCheck;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::{Finding, FindingAction, Origin, OutputFinding};
use crate::domain::ids::{Address, StackId};
use crate::domain::plan::{Check, CheckStatus};
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::value::Value;
use crate::report::samples::*;
use crate::report::{Format, Options, render};

const EVERYTHING: Options = Options {
    verbose: true,
    why: true,
    ..PLAIN
};

/// A look in which every text that comes from outside is this one.
fn with(text: &str) -> StackCheck {
    let value = || text_value(text);
    let document = |key: &str| {
        let document = serde_json::json!({ key: [text, { "a": text }] });
        text_value(&document.to_string())
    };
    let list = |extra: &str| {
        let items = vec![value(), text_value(extra), text_value(&"x".repeat(80))];
        Value::List(items)
    };
    let changes = vec![
        attribute(&[text], Origin::Drift, [value(), Value::Null, value()]),
        attribute(
            &["tags", text],
            Origin::Pending,
            [Value::Null, Value::Null, value()],
        ),
        attribute(
            &["json"],
            Origin::Both,
            [document("k"), document(text), document("l")],
        ),
        attribute(
            &["list"],
            Origin::Unenforced,
            [list("1"), list("2"), list("2")],
        ),
    ];
    let mut found = finding("t.x", FindingAction::Update, changes);
    found.address = Address::new(text);
    found.deposed = Some(text.to_owned());
    found.previous_address = Some(Address::new(text));
    found.severity_reason = text.to_owned();
    found.irreversible = Some(text.to_owned());
    found.reason = Some(text.to_owned());
    let noise = Finding {
        suppressed: Some(text.to_owned()),
        ..found.clone()
    };
    let mut check = failed();
    check.stack = Some(StackId::new(text));
    check.workspace = text.to_owned();
    check.terraform_version = Some(text.to_owned());
    check.failure = Some(Failure::new(FailureKind::Internal, text, text));
    check.decision = Decision::because(DecisionKind::Alert, text);
    check.findings.resources = vec![found, noise];
    check.findings.outputs = vec![OutputFinding {
        name: text.to_owned(),
        action: FindingAction::Update,
        sensitive: false,
        origin: Origin::Drift,
    }];
    check.findings.checks = vec![Check {
        address: text.to_owned(),
        status: CheckStatus::Fail,
        messages: vec![text.to_owned()],
    }];
    check
}

fn report(format: Format, text: &str) -> String {
    render(format, &[with(text)], &EVERYTHING).unwrap()
}

/// The elements of an XML document with the names of their attributes, in order.
fn elements(document: &str) -> Vec<String> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(document, options).unwrap();
    let elements = document.descendants().filter(|node| node.is_element());
    elements
        .map(|node| {
            let names: Vec<&str> = node.attributes().map(|a| a.name()).collect();
            format!("{} {}", node.tag_name().name(), names.join(" "))
        })
        .collect()
}

/// What a Markdown document consists of, texts left out; the raw HTML in it as it is.
fn structure(markdown: &str) -> Vec<String> {
    let parser = Parser::new_ext(markdown, Extensions::ENABLE_TABLES);
    let events = parser.filter_map(|event| match event {
        Event::Text(_) | Event::SoftBreak | Event::HardBreak => None,
        Event::Code(_) => Some("code".to_owned()),
        // Within a summary stands text, escaped.
        Event::Html(html) | Event::InlineHtml(html) if html.starts_with("<summary>") => {
            assert_eq!(html.matches('<').count(), 4, "{html}");
            Some("summary".to_owned())
        }
        Event::Start(Tag::Link { .. } | Tag::Image { .. }) => panic!("a link: {markdown}"),
        event => Some(format!("{event:?}")),
    });
    events.collect()
}

fn acts(c: char) -> bool {
    (c.is_control() && c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
}

fn judge(text: &str) {
    for format in [Format::Html, Format::Junit] {
        let page = report(format, text);
        assert_eq!(
            elements(&page),
            elements(&report(format, "plain")),
            "{text:?}"
        );
        assert!(!page.contains(acts), "{text:?} in {format:?}");
    }
    for format in [Format::Json, Format::Sarif] {
        let page = report(format, text);
        serde_json::from_str::<serde_json::Value>(&page).unwrap();
        assert!(!page.contains(|c: char| c < ' ' && c != '\n'), "{text:?}");
    }
    let page = report(Format::Markdown, text);
    assert_eq!(
        structure(&page),
        structure(&report(Format::Markdown, "plain")),
        "{page}"
    );
    assert!(!page.contains(acts), "{text:?}");
    for verbose in [false, true] {
        let options = Options {
            verbose,
            ..EVERYTHING
        };
        let page = render(Format::Text, &[with(text)], &options).unwrap();
        assert!(!page.contains(acts), "{text:?}");
    }
}

#[test]
fn no_value_becomes_markup_or_acts() {
    for text in [
        "<script>alert(1)</script>",
        "]]></failure><testcase name=\"x\"/>",
        "\"><img src=x onerror=alert(1)>",
        "' onclick='x",
        "{{ 7 * 7 }}{% raw %}",
        "a|b||c\\|d\\",
        "`code` ``` ~~~ `` `",
        "</details>\n\n# heading\n- item\n1. one\n> quote\n---\n| a |\n|---|\n",
        "[link](https://example.com) ![i](x) <https://example.com> https://example.com www.example.com",
        "@everyone #1 !1 $x$ $$y$$ :tada: &lt; &#x3c; &copy;",
        "*a* _b_ __c__ ~~d~~ \\* ^e^",
        "\u{1b}[2J\u{202e}\u{200f}\u{2066}\u{feff}\u{0}\u{7}\u{9b}",
        "\u{fffe}\u{ffff}\u{d7ff}\u{e000}\u{10ffff}",
        "<!-- -- > --> <![CDATA[ <?x ?>",
        " leading and trailing ",
        "- item",
        "12. item",
        "# heading",
        "    indented\n\ttabbed",
        "\r\n\r",
    ] {
        judge(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_text_at_all_becomes_markup_or_acts(
        text in "[ a<>&'\"`|\\\\\\[\\](){}*_~#!@$\\-+.:/=\\n\\t\u{1b}\u{202e}\u{fffe}é港0-9]{1,24}",
    ) {
        prop_assume!(!text.trim().is_empty());
        judge(&text);
    }
}
