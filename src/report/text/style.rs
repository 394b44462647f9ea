//! What looks how on a terminal.

use anstyle::{AnsiColor, Style};

use crate::domain::finding::{FindingAction, Severity, Verdict};

pub(in super::super) const fn bold(color: AnsiColor) -> Style {
    color.on_default().bold()
}

pub(in super::super) const fn verdict(verdict: Verdict) -> Style {
    match verdict {
        Verdict::InSync => AnsiColor::Green.on_default(),
        Verdict::Drifted | Verdict::DriftedAndPending => bold(AnsiColor::Yellow),
        Verdict::Pending => bold(AnsiColor::Cyan),
        Verdict::Failed => bold(AnsiColor::Red),
        Verdict::Unknown => bold(AnsiColor::Magenta),
    }
}

pub(in super::super) const fn severity(severity: Severity) -> Style {
    match severity {
        Severity::Critical => bold(AnsiColor::Red),
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::Low | Severity::Info => Style::new().dimmed(),
    }
}

pub(in super::super) const fn action(action: FindingAction) -> Style {
    match action {
        FindingAction::Create => bold(AnsiColor::Green),
        FindingAction::Delete | FindingAction::Replace | FindingAction::Other => {
            bold(AnsiColor::Red)
        }
        FindingAction::Update | FindingAction::Forget => bold(AnsiColor::Yellow),
        FindingAction::Read | FindingAction::None => Style::new().dimmed(),
    }
}
