//! Many pieces of news in one: a line for each trouble as it stands now.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::alert::{AlertEvent, AlertKind, Resolution};
use crate::domain::brief::brief;
use crate::domain::cause::Cause;
use crate::domain::finding::Severity;
use crate::domain::ids::{AlertId, RequestId};
use crate::domain::notice::{
    AlertNotice, DigestLine, DigestNotice, DigestReason, Notice, RepairNotice, RequestNews,
    RequestNotice,
};

use super::{GROUP_FROM, repairs};

/// One message of all these, which are in the order of their coming.
pub(super) fn digest<'n>(
    reason: DigestReason,
    notices: impl Iterator<Item = &'n Notice>,
    now: Timestamp,
) -> Notice {
    let mut lines = Vec::new();
    let mut alerts: BTreeMap<AlertId, (bool, &AlertNotice)> = BTreeMap::new();
    let mut requests: BTreeMap<RequestId, (bool, &RequestNotice)> = BTreeMap::new();
    let mut repaired: BTreeMap<Option<String>, Vec<(&RepairNotice, Option<Cause>)>> =
        BTreeMap::new();
    for notice in notices {
        match notice {
            Notice::Alert(alert) => {
                let known = alerts.get(&alert.alert);
                let began = known.map_or(alert.event == AlertEvent::Opened, |(began, _)| *began);
                alerts.insert(alert.alert, (began, alert));
            }
            Notice::Group(group) => lines.push(DigestLine {
                stack: match group.members.as_slice() {
                    [only] => Some(only.stack.clone()),
                    _ => None,
                },
                event: group.event.as_str().to_owned(),
                severity: group.severity,
                at: group.at,
                text: match group.members.as_slice() {
                    [_] => group.cause.clone(),
                    many => format!("{} stacks: {}", many.len(), group.cause),
                },
            }),
            Notice::Request(request) => {
                let known = requests.get(&request.request.id);
                let began = known.map_or(request.news == RequestNews::Asked, |(began, _)| *began);
                requests.insert(request.request.id, (began, request));
            }
            Notice::Repaired(repair) => {
                let kind = repairs::kind(repair);
                let key = kind.as_ref().map(|kind| kind.key.clone());
                repaired.entry(key).or_default().push((repair, kind));
            }
            Notice::Repairs(alike) => {
                lines.push(line_of_repairs(alike.members.len(), &alike.cause, alike.at));
            }
            Notice::Digest(digest) => lines.extend(digest.lines.iter().cloned()),
            Notice::Summary(_) | Notice::Report(_) | Notice::Undelivered(_) => {}
        }
    }
    for alike in repaired.into_values() {
        let last = alike.iter().map(|(repair, _)| repair.at).max();
        match alike.first() {
            Some((_, Some(kind))) if alike.len() >= GROUP_FROM => {
                let last = last.unwrap_or(now);
                lines.push(line_of_repairs(alike.len(), &kind.words, last));
            }
            _ => lines.extend(alike.iter().map(|(repair, _)| DigestLine {
                stack: Some(repair.stack.clone()),
                ..line_of_repair(brief(&repair.before), repair.at)
            })),
        }
    }
    let mut came_and_went = 0;
    for (began, request) in requests.into_values() {
        let about = request.alert.and_then(|alert| alerts.get(&alert));
        let settled = about.is_some_and(|(_, alert)| {
            alert.event == AlertEvent::Resolved && alert.at >= request.at
        });
        if began && request.news.ends_it() && request.next.is_none() {
            came_and_went += 1;
        } else if !settled {
            lines.push(line_of_request(request));
        }
    }
    let mut causes: BTreeMap<(Option<&str>, AlertEvent), Vec<&AlertNotice>> = BTreeMap::new();
    for (began, alert) in alerts.into_values() {
        if began && alert.event == AlertEvent::Resolved {
            came_and_went += 1;
        } else {
            let cause = alert.cause.as_ref().map(|cause| cause.key.as_str());
            causes.entry((cause, alert.event)).or_default().push(alert);
        }
    }
    for ((cause, _), alerts) in causes {
        match alerts.as_slice() {
            [first, ..] if cause.is_some() && alerts.len() >= GROUP_FROM => {
                lines.push(line_of_cause(first, &alerts));
            }
            _ => lines.extend(alerts.iter().map(|alert| line(alert))),
        }
    }
    lines.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.stack.cmp(&b.stack))
            .then_with(|| a.at.cmp(&b.at))
    });
    Notice::Digest(DigestNotice {
        reason,
        at: now,
        lines,
        came_and_went,
    })
}

fn line_of_request(request: &RequestNotice) -> DigestLine {
    DigestLine {
        stack: Some(request.stack.clone()),
        event: request.news.as_str().to_owned(),
        severity: request.severity,
        at: request.at,
        text: brief(&request.check),
    }
}

fn line_of_repair(text: String, at: Timestamp) -> DigestLine {
    DigestLine {
        stack: None,
        event: "repaired".to_owned(),
        severity: Severity::Info,
        at,
        text,
    }
}

fn line_of_repairs(count: usize, cause: &str, at: Timestamp) -> DigestLine {
    line_of_repair(format!("{count} stacks: {cause}"), at)
}

fn line(alert: &AlertNotice) -> DigestLine {
    DigestLine {
        stack: Some(alert.stack.clone()),
        event: alert.event.as_str().to_owned(),
        severity: alert.severity,
        at: alert.at,
        text: match alert.event {
            AlertEvent::Resolved => over(alert).to_owned(),
            _ => brief(&alert.check),
        },
    }
}

/// How a trouble ended. What else is with its stack is not what this is about.
fn over(alert: &AlertNotice) -> &'static str {
    match (alert.kind, alert.resolution) {
        (_, Some(Resolution::Untracked)) => Resolution::Untracked.words(),
        (AlertKind::Drift, Some(resolution)) => resolution.words(),
        (AlertKind::Drift, None) => "no longer changed outside Git",
        (AlertKind::Failed, _) => "can be checked again",
        (AlertKind::Pending, _) => "no code is waiting any more",
        (AlertKind::Apply, _) => "repairs may go on",
    }
}

/// What has one cause is one line.
fn line_of_cause(first: &AlertNotice, alerts: &[&AlertNotice]) -> DigestLine {
    let cause = first.cause.as_ref().map(|cause| cause.words.as_str());
    let worst = alerts.iter().map(|alert| alert.severity).max();
    let last = alerts.iter().map(|alert| alert.at).max();
    DigestLine {
        stack: None,
        event: first.event.as_str().to_owned(),
        severity: worst.unwrap_or(first.severity),
        at: last.unwrap_or(first.at),
        text: format!("{} stacks: {}", alerts.len(), cause.unwrap_or_default()),
    }
}
