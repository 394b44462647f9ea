//! Requests for approval, and what becomes of them.

use crate::domain::alert::{AlertEvent, AlertKind};
use crate::domain::check::StackCheck;
use crate::domain::finding::{Severity, Verdict};
use crate::domain::ids::RequestId;
use crate::domain::notice::{AlertNotice, Notice, RequestLine, RequestNews, RequestNotice};

use super::alerts::{gone, id, minutes_later};

fn request(n: u128, missing: &[&str]) -> RequestLine {
    RequestLine {
        id: RequestId::from_uuid(id(n)),
        missing: missing.iter().map(|line| (*line).to_owned()).collect(),
        expires_at: minutes_later(24 * 60),
    }
}

/// A database deleted by hand, and nothing else: it can be created again, if people say so.
fn plan() -> StackCheck {
    let mut check = gone().check;
    check.verdict = Verdict::Drifted;
    check
        .findings
        .resources
        .retain(|finding| finding.is_drift());
    check.decision.reasons =
        vec!["aws_db_instance.main: create may lose data and is never automatic".into()];
    check
}

fn answer(news: RequestNews, request: RequestLine) -> RequestNotice {
    RequestNotice {
        request,
        alert: Some(gone().alert),
        stack: gone().stack,
        kind: AlertKind::Drift,
        severity: Severity::Critical,
        at: minutes_later(30),
        news,
        next: None,
        check: plan(),
    }
}

/// People are asked.
pub(super) fn asked() -> Notice {
    Notice::Alert(AlertNotice {
        event: AlertEvent::Opened,
        news: Vec::new(),
        check: plan(),
        request: Some(request(11, &["2 people of platform or dba"])),
        ..gone()
    })
}

/// One of them has said yes.
pub(super) fn approved_in_part() -> Notice {
    let news = RequestNews::Approved {
        by: "ann".to_owned(),
        reason: Some("restored from the snapshot of 04:00 afterwards".to_owned()),
    };
    let request = request(11, &["1 person of platform or dba"]);
    Notice::Request(answer(news, request))
}

/// Another has said no.
pub(super) fn rejected() -> Notice {
    let news = RequestNews::Rejected {
        by: "cleo".to_owned(),
        reason: Some("it is being restored by hand".to_owned()),
    };
    Notice::Request(answer(news, request(11, &[])))
}

/// The plan is another by now.
pub(super) fn void() -> Notice {
    let news = RequestNews::Void {
        differs: vec![
            "new: aws_sqs_queue.jobs".to_owned(),
            "Git moved from 0c0ffee000 to 1c0ffee111".to_owned(),
        ],
    };
    Notice::Request(RequestNotice {
        next: Some(request(12, &["2 people of platform or dba"])),
        ..answer(news, request(11, &[]))
    })
}
