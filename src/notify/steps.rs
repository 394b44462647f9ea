//! What the reader of a message can do next, concretely.

use crate::domain::alert::AlertKind;
use crate::domain::finding::{Finding, FindingAction, Origin, Subject};
use crate::domain::notice::{AlertNotice, GroupNotice, ReportNotice, RequestLine, SummaryNotice};
use crate::domain::policy::DecisionKind;
use crate::domain::posture::{Filter, Posture};

use super::commands::{Place, acknowledge_cause, hear_less, quoted};
use super::concern::concerned;
use super::declared;
use super::section::{Item, Section};

pub(super) const TITLE: &str = "What you can do";
/// The same of a report, which asks for nothing.
const REPORT_TITLE: &str = "The whole report";

/// What an apply of the whole plan would destroy or create empty.
fn losses(alert: &AlertNotice) -> Option<Item> {
    let mut lost = alert.check.findings.resources.iter().filter(|f| {
        f.irreversible.is_some()
            && matches!(
                f.action,
                FindingAction::Create
                    | FindingAction::Delete
                    | FindingAction::Replace
                    | FindingAction::Forget
            )
    });
    let first = lost.next()?;
    let more = match lost.count() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    Some(Item::sentence(format!(
        "Careful: an apply now can lose data ({}{more}). Make sure of a backup first.",
        first.address
    )))
}

pub(super) fn for_trouble(alert: &AlertNotice) -> Section {
    let place = Place::of(&alert.stack, &alert.check);
    steps(alert, &place, place.acknowledge())
}

/// What can be done about stacks with one cause: all that one of them asks for, and taking on the lot.
pub(super) fn for_group(group: &GroupNotice) -> Section {
    let example = &group.example;
    let place = Place::of(&example.stack, &example.check);
    let mut section = steps(example, &place, acknowledge_cause(&group.key));
    if group.members.len() > 1 {
        section.more = Some("The same goes for the others, each with its own commands.".to_owned());
    }
    section
}

fn steps(alert: &AlertNotice, place: &Place<'_>, acknowledge: Item) -> Section {
    let mut items: Vec<Item> = losses(alert).into_iter().collect();
    let by_hand = alert
        .check
        .findings
        .resources
        .iter()
        .any(is_told_unenforced);
    let first = |request: &&RequestLine| !request.missing.is_empty() && !by_hand;
    items.extend(alert.request.iter().filter(first).flat_map(Place::decide));
    match alert.kind {
        AlertKind::Drift => items.extend(drift(alert, place)),
        AlertKind::Pending => items.extend([
            place.terraform("Deploy it", "apply"),
            Item::sentence("Or take the change back in Git."),
        ]),
        AlertKind::Failed => {
            items.extend(
                alert
                    .check
                    .failure
                    .iter()
                    .filter(|f| !f.hint.is_empty())
                    .map(|f| Item::sentence(&f.hint)),
            );
            items.push(Item::sentence(
                "Until then nobody knows whether this stack has drifted.",
            ));
            items.push(place.look_again());
        }
        AlertKind::Apply => items.extend([
            Item::sentence(
                "Look at the state, its lock and a fresh plan before anything else is applied; \
                 Mooring applies nothing there until somebody has.",
            ),
            place.terraform("Make a plan", "plan"),
            place.resume(),
        ]),
    }
    // After what has to be done by hand; and nobody is urged to take back what was approved.
    let later = |request: &&RequestLine| !first(request);
    items.extend(alert.request.iter().filter(later).flat_map(Place::decide));
    if alert.acknowledged.is_none() {
        items.push(acknowledge);
    }
    items.push(place.show());
    if alert.kind == AlertKind::Drift {
        items.extend(hear_less(&concerned(alert)));
    }
    Section::new(TITLE, items)
}

fn drift(alert: &AlertNotice, place: &Place<'_>) -> Vec<Item> {
    let findings = &alert.check.findings;
    let mut items = Vec::new();
    if let Some(finding) = findings.resources.iter().find(|f| is_told_unenforced(f)) {
        let gone = finding
            .attributes
            .iter()
            .any(|a| a.subject == Subject::Deleted);
        items.push(Item::sentence(if gone {
            format!(
                "If {} was not meant to go, put it back by hand: no apply does.",
                finding.address
            )
        } else {
            format!(
                "Change {} back by hand before anything is applied, or write it into the code: \
                 no apply puts it back, and the next one hides it.",
                finding.address
            )
        }));
    }
    if alert.check.decision.kind == DecisionKind::Apply {
        items.push(Item::sentence(
            "Nothing has to be done now; if it comes back after the repair, find out what else \
             writes it.",
        ));
    } else if findings.has_drift() {
        let deploys = if findings.has_pending() {
            " (this also deploys the code that is waiting)"
        } else {
            ""
        };
        items.push(place.terraform(&format!("Put it back{deploys}"), "apply"));
        let keep = if drifted_by_deletion(alert) {
            "Or leave it gone: take it out of the code"
        } else {
            "Or keep it: write it into the code"
        };
        let mut drifted = findings.resources.iter().filter(|f| f.is_drift());
        let declared = drifted.find_map(|f| f.background.declared.as_ref());
        let code = declared.map_or_else(
            || place.directory.clone(),
            |declared| declared::place(&declared.place),
        );
        items.push(Item::sentence(format!("{keep} in {code} and merge.")));
    }
    if findings.has_failing_check() {
        items.push(Item::sentence(
            "Find out why the check fails: Terraform only warns about it.",
        ));
    }
    items
}

fn drifted_by_deletion(alert: &AlertNotice) -> bool {
    let mut drifted = alert
        .check
        .findings
        .resources
        .iter()
        .filter(|f| f.is_drift())
        .peekable();
    drifted.peek().is_some()
        && drifted.all(|f| f.attributes.iter().any(|a| a.subject == Subject::Deleted))
}

fn is_told_unenforced(finding: &Finding) -> bool {
    finding.origin == Origin::Unenforced
        && finding.suppressed.is_none()
        && finding.severity >= super::concern::UNENFORCED_FROM
}

pub(super) fn after_repair(place: &Place<'_>, over: bool) -> Section {
    let words = if over {
        "Nothing has to be done. If somebody needed the change, write it into the code."
    } else {
        "Look at the stack before anything else is applied."
    };
    Section::new(TITLE, vec![Item::sentence(words), place.show()])
}

pub(super) fn after_summary(summary: &SummaryNotice) -> Section {
    let command = match summary.stacks.first() {
        Some(worst) => format!("mooring show {}", quoted(worst.stack.as_str())),
        None => return Section::new(TITLE, Vec::new()),
    };
    Section::new(
        TITLE,
        vec![
            Item::sentence("See them all:").with_command("mooring stacks"),
            Item::sentence("Begin with the worst:").with_command(command),
        ],
    )
}

/// How the same report is made again, and where the kept one is.
pub(super) fn after_report(report: &ReportNotice) -> Section {
    let mut items = vec![
        Item::sentence("Make it again, in any form:").with_command(report_command(&report.posture)),
    ];
    if report.kept {
        let command = format!("mooring report --kept {}", report.id);
        items.push(Item::sentence("See it as it was:").with_command(command));
    }
    Section::new(REPORT_TITLE, items)
}

fn report_command(posture: &Posture) -> String {
    let Filter { which, severity } = &posture.filter;
    let window = posture.window;
    let mut command = format!(
        "mooring report --since {} --until {}",
        window.from(),
        window.to()
    );
    let mut add = |option: &str, value: &str| {
        command.push_str(&format!(" --{option} {}", quoted(value)));
    };
    for pattern in &which.stacks {
        add("stack", pattern.as_str());
    }
    for source in &which.sources {
        add("source", source.as_str());
    }
    for (label, value) in &which.labels {
        add("label", &format!("{label}={}", value.as_str()));
    }
    for owner in &which.owners {
        add("owner", owner.as_str());
    }
    if let Some(severity) = severity {
        add("severity", severity.as_str());
    }
    command
}
