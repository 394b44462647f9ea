//! The HTML report.

use roxmltree::{Document, Node, ParsingOptions};

use crate::domain::finding::{Finding, FindingAction, Origin, Severity, Verdict};
use crate::domain::value::Value;
use crate::report::samples::*;
use crate::report::{Format, Options, html, render_troubles};

const WHY: Options = Options { why: true, ..PLAIN };

/// The page is well-formed XML too, so that a strict parser can judge it.
fn parsed(page: &str) -> Document<'_> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(page, options).unwrap()
}

fn of_class<'a>(page: &'a Document<'_>, class: &str) -> Vec<Node<'a, 'a>> {
    let has = |node: &Node<'_, '_>| {
        let classes = node.attribute("class").unwrap_or_default();
        classes.split(' ').any(|name| name == class)
    };
    page.descendants().filter(has).collect()
}

fn text_of(node: Node<'_, '_>) -> String {
    let texts = node.descendants().filter_map(|node| node.text());
    texts
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_page_as_it_is() {
    let version = concat!("Mooring ", env!("CARGO_PKG_VERSION"));
    let page = html(&estate(), &WHY)
        .unwrap()
        .replace(version, "Mooring 1.2.3");
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("page", page);
    });
}

#[test]
fn trouble_is_open_and_what_is_in_sync_is_a_short_list() {
    let page = html(&estate(), &PLAIN).unwrap();
    let page = parsed(&page);
    let stacks = of_class(&page, "stack");
    assert_eq!(stacks.len(), 4);
    assert!(stacks.iter().all(|stack| stack.attribute("open").is_some()));
    let quiet = of_class(&page, "quiet");
    let quiet = text_of(*quiet.first().unwrap());
    for clean in ["live/prod/dns", "live/prod/mail", "live/test/web"] {
        assert!(quiet.contains(clean), "{quiet}");
    }
    assert!(of_class(&page, "why").is_empty(), "nobody asked why");

    let good = html(&[check("a", Verdict::InSync)], &PLAIN).unwrap();
    assert!(good.contains("The stack is in sync"));
    let mut open = check("a", Verdict::InSync);
    let sides = [Value::Null, text_value("22"), text_value("22")];
    open.findings.resources = vec![Finding {
        severity: Severity::Critical,
        ..finding(
            "t.x",
            FindingAction::None,
            vec![attribute(&["port"], Origin::Unenforced, sides)],
        )
    }];
    let open = html(&[open], &PLAIN).unwrap();
    assert!(open.contains("The stack needs attention") && open.contains("open=\"open\""));
    assert!(html(&[], &PLAIN).unwrap().contains("All 0 stacks"));
}

#[test]
fn the_page_needs_nothing_else_and_runs_nothing() {
    let page = html(&estate(), &WHY).unwrap();
    let page = parsed(&page);
    for node in page.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        assert!(
            !["script", "link", "img", "iframe", "object", "a", "form"].contains(&name),
            "{name}"
        );
        for attribute in node.attributes() {
            let name = attribute.name();
            assert!(
                !["src", "href", "style"].contains(&name) && !name.starts_with("on"),
                "{name}"
            );
        }
    }
    let css = include_str!("../templates/report.css");
    assert!(!css.contains("url(") && !css.contains("@import"));
}

#[test]
fn a_quiet_page_counts_what_it_does_not_show() {
    let page = render_troubles(Format::Html, &estate(), &PLAIN).unwrap();
    assert!(page.contains("4 of 7 stacks need attention"), "{page}");
    assert!(!page.contains("live/prod/dns"), "{page}");
}
