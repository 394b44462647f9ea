//! Many pieces of news in one: a line for each trouble as it stands now.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::alert::AlertEvent;
use crate::domain::brief::brief;
use crate::domain::ids::AlertId;
use crate::domain::notice::{DigestLine, DigestNotice, DigestReason, Notice};

/// One message of all these, which are in the order of their coming.
pub(super) fn digest<'n>(
    reason: DigestReason,
    notices: impl Iterator<Item = &'n Notice>,
    now: Timestamp,
) -> Notice {
    let mut lines = Vec::new();
    let mut alerts: BTreeMap<AlertId, (bool, DigestLine, AlertEvent)> = BTreeMap::new();
    for notice in notices {
        match notice {
            Notice::Alert(alert) => {
                let line = DigestLine {
                    stack: Some(alert.stack.clone()),
                    event: alert.event.as_str().to_owned(),
                    severity: alert.severity,
                    at: alert.at,
                    text: brief(&alert.check),
                };
                let known = alerts.get(&alert.alert);
                let began = known.map_or(alert.event == AlertEvent::Opened, |(began, ..)| *began);
                alerts.insert(alert.alert, (began, line, alert.event));
            }
            Notice::Group(group) => lines.push(DigestLine {
                stack: None,
                event: group.event.as_str().to_owned(),
                severity: group.severity,
                at: group.at,
                text: format!("{} stacks: {}", group.members.len(), group.cause),
            }),
            Notice::Repaired(repair) => lines.push(DigestLine {
                stack: Some(repair.stack.clone()),
                event: "repaired".to_owned(),
                severity: notice.severity(),
                at: repair.at,
                text: brief(&repair.before),
            }),
            Notice::Digest(digest) => lines.extend(digest.lines.iter().cloned()),
            Notice::Summary(_) | Notice::Report(_) | Notice::Undelivered(_) => {}
        }
    }
    let mut came_and_went = 0;
    for (began, line, event) in alerts.into_values() {
        if began && event == AlertEvent::Resolved {
            came_and_went += 1;
        } else {
            lines.push(line);
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
