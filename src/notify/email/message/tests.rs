//! What mail programs go by.

use jiff::tz::TimeZone;

use super::super::super::render::{Data, Renderer};
use super::super::super::samples;
use super::super::super::settings::Templates;
use super::super::super::style::Style;
use super::*;
use crate::domain::alert::AlertEvent;
use crate::domain::notice::Notice;

fn of(event: AlertEvent, severity: Severity) -> Notice {
    let Notice::Alert(mut alert) = samples::drift() else {
        unreachable!()
    };
    alert.event = event;
    alert.severity = severity;
    Notice::Alert(alert)
}

/// Header lines, unfolded, and the handle.
fn sent(notice: &Notice, handle: Option<&str>) -> (String, Option<String>) {
    let id = samples::message_id();
    let style = Style::default();
    let letter = Letter {
        id: &id,
        recipient: None,
        notice,
        created_at: samples::at("2026-11-23T10:00:01Z"),
        handle,
        style: &style,
    };
    let renderer = Renderer::new(Templates::default()).unwrap();
    let mail = renderer
        .mail(&Data::new(
            &letter.content(),
            notice,
            "team",
            &TimeZone::UTC,
        ))
        .unwrap();
    let envelope = Envelope {
        letter,
        receiver: "team",
        from: &"Mooring <mooring@example.com>".parse().unwrap(),
        to: &"Ann <a@example.com>".parse().unwrap(),
    };
    let (message, handle) = envelope.message(mail).unwrap();
    let text = String::from_utf8(message.formatted()).unwrap();
    let (headers, _) = text.split_once("\r\n\r\n").unwrap();
    (headers.replace("\r\n ", " ").replace('\r', ""), handle)
}

fn header<'a>(headers: &'a str, name: &str) -> &'a str {
    let mut lines = headers.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_default()
}

#[test]
fn the_headers_of_an_alert() {
    let (headers, handle) = sent(&samples::deleted(), None);
    insta::assert_snapshot!(headers);
    assert_eq!(
        handle.as_deref(),
        Some("critical [drifted, critical, changed] infra/live/web@prod: aws_db_instance.main")
    );
}

#[test]
fn later_mails_of_an_alert_keep_the_subject_of_its_first() {
    let (first, handle) = sent(&of(AlertEvent::Opened, Severity::High), None);
    let subject = header(&first, "Subject");
    assert_eq!(
        subject,
        "[drifted, high] infra/live/web@prod: aws_security_group.web and 2 more"
    );
    for (event, severity) in [
        (AlertEvent::Changed, Severity::Low),
        (AlertEvent::Reminded, Severity::High),
        (AlertEvent::Acknowledged, Severity::High),
        (AlertEvent::Resolved, Severity::High),
    ] {
        let (later, kept) = sent(&of(event, severity), handle.as_deref());
        let kept_subject = header(&later, "Subject");
        assert_eq!(kept_subject.trim_start_matches("Re: "), subject);
        assert_eq!(header(&later, "References"), header(&first, "References"));
        assert_eq!(header(&later, "In-Reply-To"), header(&first, "References"));
        assert_eq!(kept, None, "what the thread knows stays");
    }
}

#[test]
fn a_trouble_that_got_worse_is_not_hidden_behind_its_old_subject() {
    let (_, low) = sent(&of(AlertEvent::Opened, Severity::Low), None);
    let (worse, handle) = sent(&of(AlertEvent::Changed, Severity::Critical), low.as_deref());
    let subject = header(&worse, "Subject");
    assert!(
        subject.starts_with("[drifted, critical, changed]"),
        "{subject}"
    );
    assert!(handle.as_deref().unwrap().starts_with("critical ["));
    let (again, _) = sent(
        &of(AlertEvent::Changed, Severity::Critical),
        handle.as_deref(),
    );
    assert_eq!(header(&again, "Subject"), subject, "to another recipient");
    let (end, _) = sent(
        &of(AlertEvent::Resolved, Severity::Critical),
        handle.as_deref(),
    );
    assert_eq!(header(&end, "Subject"), format!("Re: {subject}"));
}

#[test]
fn what_nobody_knows_begins_anew() {
    for handle in [None, Some(""), Some("nonsense of another channel")] {
        let (mail, kept) = sent(&of(AlertEvent::Resolved, Severity::High), handle);
        assert!(
            header(&mail, "Subject").starts_with("[resolved] infra/"),
            "{mail}"
        );
        assert!(kept.is_some());
    }
    let (mail, kept) = sent(&samples::repaired(), Some("high something"));
    assert!(header(&mail, "Subject").starts_with("[repaired]"), "{mail}");
    assert_eq!(kept, None);
}

#[test]
fn only_what_is_critical_and_still_there_is_urgent() {
    let urgent = |notice| sent(&notice, None).0.contains("Importance: high");
    assert!(urgent(of(AlertEvent::Opened, Severity::Critical)));
    assert!(urgent(of(AlertEvent::Escalated, Severity::Critical)));
    assert!(!urgent(of(AlertEvent::Opened, Severity::High)));
    assert!(!urgent(of(AlertEvent::Acknowledged, Severity::Critical)));
    assert!(!urgent(of(AlertEvent::Resolved, Severity::Critical)));
    assert!(!urgent(samples::first_sight()));
}
