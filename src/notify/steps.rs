//! What the reader of a message can do next, concretely.

use crate::domain::alert::AlertKind;
use crate::domain::finding::{Finding, FindingAction, Origin, Subject};
use crate::domain::ids::StackId;
use crate::domain::notice::{AlertNotice, ReportNotice, SummaryNotice};
use crate::domain::policy::DecisionKind;
use crate::domain::posture::{Filter, Posture};
use crate::domain::stack::DEFAULT_WORKSPACE;

use super::content::{Item, Section};

pub(super) const TITLE: &str = "What you can do";
/// The same of a report, which asks for nothing.
const REPORT_TITLE: &str = "The whole report";

/// Where to type commands about a stack.
pub(super) struct Place {
    stack: String,
    /// In words, for example `live/web of infra (workspace prod)`.
    directory: String,
}

impl Place {
    /// The place of a stack, read from its identity.
    pub(super) fn of(stack: &StackId, workspace: &str) -> Self {
        let id = stack.as_str();
        let path = id.rsplit_once('#').map_or(id, |(path, _)| path);
        let path = path
            .strip_suffix(workspace)
            .and_then(|path| path.strip_suffix('@'))
            .unwrap_or(path);
        let place = match path.split_once('/') {
            Some((source, "" | ".")) => format!("the root of {source}"),
            Some((source, dir)) => format!("{dir} of {source}"),
            None => path.to_owned(),
        };
        let directory = if workspace == DEFAULT_WORKSPACE {
            place
        } else {
            format!("{place} (workspace {workspace})")
        };
        Self {
            stack: quoted(id),
            directory,
        }
    }

    fn show(&self) -> Item {
        Item::sentence("See all of it:").with_line(format!("mooring show {}", self.stack))
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "/._@-+=:".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

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

pub(super) fn for_trouble(alert: &AlertNotice, place: &Place) -> Section {
    let mut items: Vec<Item> = losses(alert).into_iter().collect();
    match alert.kind {
        AlertKind::Drift => items.extend(drift(alert, place)),
        AlertKind::Pending => items.extend([
            Item::sentence(format!("Deploy it: terraform apply in {}", place.directory)),
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
        }
        AlertKind::Apply => items.push(Item::sentence(format!(
            "Look at the state, its lock and a fresh plan in {} before anything else is applied; \
             Mooring applies nothing there until somebody has.",
            place.directory
        ))),
    }
    items.push(place.show());
    Section::new(TITLE, items)
}

fn drift(alert: &AlertNotice, place: &Place) -> Vec<Item> {
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
            ". This also deploys the code that is waiting"
        } else {
            ""
        };
        items.push(Item::sentence(format!(
            "Put it back: terraform apply in {}{deploys}.",
            place.directory
        )));
        let keep = if drifted_by_deletion(alert) {
            "Or leave it gone: take it out of the code"
        } else {
            "Or keep it: write it into the code"
        };
        items.push(Item::sentence(format!(
            "{keep} in {} and merge.",
            place.directory
        )));
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
        && finding.severity >= super::content::UNENFORCED_FROM
}

pub(super) fn after_repair(place: &Place, over: bool) -> Section {
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
            Item::sentence("See them all:").with_line("mooring stacks"),
            Item::sentence("Begin with the worst:").with_line(command),
        ],
    )
}

/// How the same report is made again, and where the kept one is.
pub(super) fn after_report(report: &ReportNotice) -> Section {
    let mut items = vec![
        Item::sentence("Make it again, in any form:").with_line(report_command(&report.posture)),
    ];
    if report.kept {
        let command = format!("mooring report --kept {}", report.id);
        items.push(Item::sentence("See it as it was:").with_line(command));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_from_a_stacks_identity() {
        for (id, workspace, words) in [
            ("infra/live/web", "default", "live/web of infra"),
            (
                "infra/live/web@prod",
                "prod",
                "live/web of infra (workspace prod)",
            ),
            (
                "infra/a@b@prod#blue",
                "prod",
                "a@b of infra (workspace prod)",
            ),
            ("infra/.", "default", "the root of infra"),
            (".", "default", "."),
        ] {
            assert_eq!(Place::of(&StackId::new(id), workspace).directory, words);
        }
    }

    #[test]
    fn a_command_can_be_pasted_whatever_a_directory_is_called() {
        assert_eq!(quoted("infra/live/web@prod"), "infra/live/web@prod");
        assert_eq!(
            quoted("infra/a b;rm -rf 'x'"),
            r"'infra/a b;rm -rf '\''x'\'''"
        );
        assert_eq!(quoted("infra/a#b"), "'infra/a#b'");
    }
}
