//! One finding as Markdown: a heading, a table of attributes with their three sides, and lists of
//! what differs in documents and long lists.

use std::fmt::Write as _;

use super::{LONGEST_NAME, LONGEST_TEXT, line_of_table};
use crate::domain::finding::{AttributeChange, Finding, Origin};
use crate::domain::why::why;
use crate::report::Options;
use crate::report::detail::{Detail, Line, detail_of_long};
use crate::report::escape::{code, prose};
use crate::report::fit::cut;
use crate::report::words::{self, SAME_DOCUMENT};

/// Values are cut to this many columns.
const LONGEST_VALUE: usize = 200;
/// Attributes shown of one finding if there is room, and if there is not much.
const ATTRIBUTES_SHOWN: [usize; 4] = [50, 20, 5, 0];
/// Lines shown of one document or list.
const LINES_SHOWN: usize = 20;

/// The finding in so many bytes if it can be made to fit, and how many attributes it leaves out.
pub(super) fn finding(finding: &Finding, options: &Options, room: usize) -> (String, usize) {
    let mut result = (String::new(), 0);
    for limit in ATTRIBUTES_SHOWN {
        result = with(finding, options, limit);
        if result.0.len() <= room {
            break;
        }
    }
    result
}

fn with(finding: &Finding, options: &Options, limit: usize) -> (String, usize) {
    let mut parts = vec![
        finding.origin.as_str().to_owned(),
        finding.severity.as_str().to_owned(),
    ];
    let happening = words::happening(finding);
    parts.extend(happening.iter().map(|told| prose(&cut(told, LONGEST_TEXT))));
    let address = code(&cut(finding.address.as_str(), LONGEST_NAME));
    let mut text = format!("{address}: {}\n\n", parts.join(", "));
    if options.why {
        for reason in words::reasons(finding) {
            let _ = writeln!(text, "*{}*\n", prose(&cut(&reason, LONGEST_TEXT)));
        }
    }
    let attributes: Vec<_> = words::attributes(finding).collect();
    let missing = attributes.len().saturating_sub(limit);
    let attributes: Vec<(&AttributeChange, Option<Detail>)> = attributes
        .into_iter()
        .take(limit)
        .map(|change| (change, detail_of_long(change)))
        .collect();
    let mut rows = attributes.iter().filter(|(_, detail)| detail.is_none());
    if let Some((first, _)) = rows.next() {
        text.push_str("| Attribute | Origin | State | Real | Want |\n|---|---|---|---|---|\n");
        text.push_str(&row(first));
        for (change, _) in rows {
            text.push_str(&row(change));
        }
        text.push('\n');
    }
    for (change, detail) in &attributes {
        if let Some(detail) = detail {
            list(&mut text, change, finding.origin, detail);
        }
    }
    if missing > 0 {
        let more = words::count(missing, "more attribute");
        let _ = writeln!(text, "… and {more}\n");
    }
    if options.why {
        reasons(&mut text, attributes.iter().map(|(change, _)| *change));
    }
    (text, missing)
}

fn row(change: &AttributeChange) -> String {
    let shown = |value| code(&cut(&words::value(value), LONGEST_VALUE));
    let mut origin = vec![change.origin.as_str()];
    origin.extend(words::remarks(change, change.origin));
    line_of_table(&[
        code(&cut(&change.subject.to_string(), LONGEST_NAME)),
        origin.join(", "),
        shown(&change.state),
        shown(&change.real),
        shown(&change.want),
    ])
}

fn list(text: &mut String, change: &AttributeChange, of_finding: Origin, detail: &Detail) {
    let mut remarks = words::remarks(change, of_finding);
    remarks.retain(|remark| *remark != SAME_DOCUMENT);
    let remarks: String = remarks.iter().map(|r| format!(", {r}")).collect();
    let names = detail.parts.first().map_or("", |part| part.names);
    let subject = code(&cut(&change.subject.to_string(), LONGEST_NAME));
    let _ = writeln!(text, "{subject}: {} ({names}){remarks}\n", detail.heading());
    for (place, part) in detail.parts.iter().enumerate() {
        if place > 0 {
            let _ = writeln!(text, "{}:\n", part.names);
        }
        for line in part.lines.iter().take(LINES_SHOWN) {
            let _ = writeln!(text, "- {}", difference(line));
        }
        if part.lines.len() > LINES_SHOWN {
            let more = words::count(part.lines.len() - LINES_SHOWN, "more difference");
            let _ = writeln!(text, "- … and {more} (`--format json` has them)");
        }
        if !part.lines.is_empty() {
            text.push('\n');
        }
    }
}

fn difference(line: &Line) -> String {
    let value = |text: &Option<String>| text.as_ref().map(|text| code(&cut(text, LONGEST_VALUE)));
    let path = match line.path.as_str() {
        "" => String::new(),
        path => format!("{}: ", code(&cut(path, LONGEST_NAME))),
    };
    match (value(&line.from), value(&line.to)) {
        (Some(from), Some(to)) => format!("{path}{from} → {to}"),
        (Some(from), None) => format!("{path}gone {from}"),
        (None, Some(to)) => format!("{path}new {to}"),
        (None, None) => format!("{path}{}", line.remark),
    }
}

/// Why the attributes have their origins; each reason once, with those it is true of.
fn reasons<'a>(text: &mut String, changes: impl Iterator<Item = &'a AttributeChange>) {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for change in changes {
        let reason = why(change);
        let path = code(&cut(&change.subject.to_string(), LONGEST_NAME));
        match groups.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, paths)) => paths.push(path),
            None => groups.push((reason, vec![path])),
        }
    }
    if !groups.is_empty() {
        text.push_str("Why:\n\n");
    }
    for (reason, paths) in &groups {
        let _ = writeln!(text, "- {}: *{}*", paths.join(", "), prose(reason));
    }
    if !groups.is_empty() {
        text.push('\n');
    }
}
