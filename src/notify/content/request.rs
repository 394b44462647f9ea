//! What became of a request, in words.

use jiff::tz::TimeZone;

use crate::domain::notice::{Lapse, RequestLine, RequestNews, RequestNotice};

use super::super::commands::Place;
use super::super::steps;
use super::super::words::clean;
use super::{
    Brief, Content, Item, Section, as_found, concerns, facts, listed, minute, worst_first,
};

/// Somebody said something of a request, or it came to nothing.
pub(super) fn answered(notice: &RequestNotice, zone: &TimeZone) -> Content {
    let (word, words, why) = happened(notice);
    let stack = &notice.stack;
    let waits = match (&notice.news, &notice.next) {
        (RequestNews::Rejected { .. }, _) => Vec::new(),
        (_, Some(next)) => waiting(next, zone),
        (RequestNews::Void { .. } | RequestNews::Expired, None) => Vec::new(),
        (_, None) => waiting(&notice.request, zone),
    };
    let mut items = Vec::new();
    match (&notice.news, &notice.next) {
        (RequestNews::Rejected { .. }, _) => {}
        (RequestNews::Void { .. } | RequestNews::Expired, next) => {
            items.extend(next.iter().flat_map(Place::decide));
        }
        _ => items.extend(Place::decide(&notice.request)),
    }
    items.push(Place::of(stack, &notice.check).show());
    let findings = notice.check.findings.resources.iter();
    let findings = worst_first(findings.filter(|finding| concerns(notice.kind, finding)));
    let brief = Brief::new(word, stack, &words)
        .with("Why", why.join("; "))
        .with("Needs", waits.join("; "));
    Content {
        subject: format!("[{word}] {stack}: {words}"),
        headline: format!("{stack}: {words}"),
        facts: std::iter::once(facts(notice.at, zone, &notice.check))
            .chain(why)
            .chain(waits)
            .map(|fact| clean(&fact))
            .collect(),
        sections: vec![
            listed("The plan", &findings, as_found, notice.at),
            Section::new(super::brief::DOES, vec![Item::sentence(does(notice))]),
            Section::new(steps::TITLE, items),
        ],
        severity: notice.severity,
        over: false,
        brief,
    }
}

/// A word for the subject, words for the headline, and why.
fn happened(notice: &RequestNotice) -> (&'static str, String, Vec<String>) {
    let short = notice.request.id.short();
    let because = |reason: &Option<String>| reason.iter().cloned().collect();
    let (words, why) = match &notice.news {
        RequestNews::Asked => (
            format!("approval wanted for going back (request {short})"),
            {
                let reasons = notice.check.decision.reasons.iter();
                reasons.map(|reason| reason.text.clone()).collect()
            },
        ),
        RequestNews::Approved { by, reason } => {
            (format!("request {short} approved by {by}"), because(reason))
        }
        RequestNews::Rejected { by, reason } => {
            (format!("request {short} rejected by {by}"), because(reason))
        }
        RequestNews::Revoked { by } => (
            format!("{by} took back the approval of request {short}"),
            Vec::new(),
        ),
        RequestNews::Lapsed { by, why } => (
            format!(
                "the approval of request {short} by {} no longer counts",
                by.join(" and ")
            ),
            vec![match why {
                Lapse::Revoked => "The token that it was given with was revoked.".to_owned(),
                Lapse::Expired => "The token that it was given with has expired.".to_owned(),
            }],
        ),
        RequestNews::Void { differs } => (
            match notice.next {
                Some(_) => {
                    format!("the approval of request {short} is void: the plan is another by now")
                }
                None => format!("the approval of request {short} is void"),
            },
            differs.clone(),
        ),
        RequestNews::Expired => (
            format!("the approval of request {short} came to nothing: its time was up"),
            Vec::new(),
        ),
    };
    (notice.news.as_str(), words, why)
}

/// What a request that is not over waits for.
fn waiting(request: &RequestLine, zone: &TimeZone) -> Vec<String> {
    if request.missing.is_empty() {
        return Vec::new();
    }
    let until = minute(request.expires_at, zone);
    vec![format!(
        "It takes {} more, until {until}",
        request.missing.join(", and ")
    )]
}

fn does(notice: &RequestNotice) -> &'static str {
    match &notice.news {
        RequestNews::Approved { .. } if notice.request.missing.is_empty() => {
            "It plans the stack again, and applies that plan if it is exactly the one approved."
        }
        RequestNews::Asked
        | RequestNews::Approved { .. }
        | RequestNews::Revoked { .. }
        | RequestNews::Lapsed { .. } => "It changes nothing before enough have approved.",
        RequestNews::Rejected { .. } => {
            "It changes nothing, and asks again only when the plan is another."
        }
        RequestNews::Void { .. } | RequestNews::Expired => "It changes nothing.",
    }
}
