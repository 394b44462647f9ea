//! A repair and a summary in words.

use jiff::tz::TimeZone;

use crate::domain::alert::AlertKind;
use crate::domain::counts::VerdictCounts;
use crate::domain::finding::{Finding, Severity, Verdict};
use crate::domain::ids::Address;
use crate::domain::notice::{RepairNotice, RepairsNotice, SummaryLine, SummaryNotice};

use super::super::commands::Place;
use super::super::steps;
use super::{
    Brief, Content, Item, Section, and_more, as_found, as_repaired, concerns, facts, failure,
    grouped, listed, minute, plural, reasons, verdict_words, worst_first,
};

/// Stacks listed in one message.
const MOST_STACKS: usize = 40;

/// A repair, or an apply whose result could not be checked or is not the wished one.
pub(super) fn repaired(repair: &RepairNotice, zone: &TimeZone) -> Content {
    let after = &repair.after;
    let unchecked = matches!(after.verdict, Verdict::Failed | Verdict::Unknown);
    let still_there = |finding: &Finding| {
        let mut left = after.findings.resources.iter();
        left.any(|left| left.address == finding.address && is_applied(left))
    };
    let drifted = repair
        .before
        .findings
        .resources
        .iter()
        .filter(|f| is_applied(f));
    let done = worst_first(drifted.filter(|f| unchecked || !still_there(f)));
    let left = worst_first(
        after
            .findings
            .resources
            .iter()
            .filter(|f| concerns(AlertKind::Apply, f)),
    );
    let planned = |address: &Address| {
        let mut before = repair.before.findings.resources.iter();
        before.any(|f| f.address == *address && f.is_pending())
    };
    let in_part = left
        .iter()
        .any(|f| f.is_drift() || (f.is_pending() && planned(&f.address)));
    let (tag, words, title) = match (unchecked, in_part) {
        (true, _) => (
            "applied, not verified",
            "Mooring applied a repair and could not check the result",
            "What was to be put back",
        ),
        (_, true) if done.is_empty() => ("not repaired", "not repaired", "What was put back"),
        (_, true) => ("partly repaired", "repaired in part", "What was put back"),
        (_, false) => ("repaired", "repaired by Mooring", "What was put back"),
    };
    let mut about: Vec<String> = Vec::new();
    if !done.is_empty() {
        let names: Vec<String> = done.iter().map(|f| f.address.to_string()).collect();
        about.push(and_more(&names));
    }
    if !left.is_empty() {
        about.push(format!("{} still there", grouped(left.len())));
    }
    let how = if unchecked { as_found } else { as_repaired };
    let place = Place::of(&repair.stack, after);
    let over = left.is_empty() && after.verdict == Verdict::InSync;
    let now = verdict_words(after.verdict);
    let brief = Brief::new(tag, &repair.stack, words)
        .with("What", about.join("; "))
        .with("Now", now);
    Content {
        subject: format!("[{tag}] {}: {}", repair.stack, about.join("; ")),
        headline: if unchecked {
            format!("{}: {words}", repair.stack)
        } else {
            format!("{}: {words}; now {now}", repair.stack)
        },
        facts: vec![facts(repair.at, zone, after), format!("Run {}", repair.run)],
        sections: vec![
            failure(after),
            listed(title, &done, how, repair.at),
            Section::new("Why that was allowed", reasons(&repair.before)),
            listed("What is still there", &left, as_found, repair.at),
            steps::after_repair(&place, over),
        ],
        severity: Severity::Info,
        over,
        brief,
    }
}

/// Whether an apply does something about it.
fn is_applied(finding: &Finding) -> bool {
    finding.is_drift() || finding.is_pending()
}

/// Repairs of several stacks, each of which is in sync.
pub(super) fn repaired_alike(repairs: &RepairsNotice, zone: &TimeZone) -> Content {
    let count = plural(repairs.members.len(), "stack", "stacks");
    let cause = &repairs.cause;
    let example = &repairs.example;
    let findings = example.before.findings.resources.iter();
    let done = worst_first(findings.filter(|finding| finding.is_drift()));
    let members = repairs.members.iter().take(MOST_STACKS);
    let items = members.map(|member| Item::labelled(&member.stack, &member.text));
    let mut stacks = Section::new("Where", items.collect());
    let more = repairs.members.len().saturating_sub(MOST_STACKS);
    if more > 0 {
        stacks.more = Some(format!("and {} more", grouped(more)));
    }
    let places = repairs.members.iter();
    let places: Vec<String> = places.map(|member| member.stack.to_string()).collect();
    let place = Place::of(&example.stack, &example.after);
    let mut next = steps::after_repair(&place, true);
    next.more = Some("The same goes for the others, each with its own commands.".to_owned());
    Content {
        subject: format!("[repaired] {count}: {cause}"),
        headline: format!("{count}: repaired by Mooring: {cause}; now in sync"),
        facts: vec![format!("Last of it verified {}", minute(repairs.at, zone))],
        sections: vec![
            stacks,
            listed(
                "For example, in the first of them",
                &done,
                as_repaired,
                repairs.at,
            ),
            Section::new("Why that was allowed", reasons(&example.before)),
            next,
        ],
        severity: Severity::Info,
        over: true,
        brief: Brief::new("repaired", &count, "repaired by Mooring")
            .with("What", cause)
            .with("Where", and_more(&places))
            .with("Now", "in sync"),
    }
}

pub(super) fn summarised(summary: &SummaryNotice, zone: &TimeZone) -> Content {
    let counts = &summary.counts;
    let total = plural(counts.stacks, "stack", "stacks");
    let occasion = format!(" (first look at {})", summary.source);
    let parts = verdicts(counts);
    let facts = vec![
        format!("Made {}", minute(summary.at, zone)),
        "This is the first look at this source. Drift found now is the baseline: it alerts nobody \
         until it changes. What cannot be checked is told again."
            .to_owned(),
    ];
    let rows = summary.stacks.iter().take(MOST_STACKS);
    let mut table = Section::new("Worth a look", rows.map(|line| row(line, zone)).collect());
    if summary.stacks.len() > MOST_STACKS {
        table.more = Some(format!(
            "and {} more",
            grouped(summary.stacks.len() - MOST_STACKS)
        ));
    }
    let severity = summary.stacks.iter().map(|line| line.severity).max();
    let worst = summary.stacks.first().map(|line| line.stack.as_str());
    let brief =
        Brief::new("first look", &total, parts.join(", ")).with("Worst", worst.unwrap_or_default());
    Content {
        subject: format!(
            "Mooring: {total}, {} in sync{occasion}",
            grouped(counts.in_sync)
        ),
        headline: format!("{total}: {}{occasion}", parts.join(", ")),
        facts,
        sections: vec![table, steps::after_summary(summary)],
        severity: severity.unwrap_or(Severity::Info),
        over: counts.in_sync == counts.stacks,
        brief,
    }
}

/// How many stacks are in which state, for those states that occur.
pub(super) fn verdicts(counts: &VerdictCounts) -> Vec<String> {
    let parts = [
        (counts.in_sync, "in sync"),
        (counts.drifted, "drifted"),
        (counts.drifted_and_pending, "drifted with code waiting"),
        (counts.pending, "waiting for code to be applied"),
        (counts.failed, "impossible to check"),
        (counts.unknown, "not checked recently"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    parts
        .map(|(count, words)| format!("{} {words}", grouped(*count)))
        .collect()
}

fn row(line: &SummaryLine, zone: &TimeZone) -> Item {
    let since = match line.since {
        Some(since) => format!(" since {}", minute(since, zone)),
        None => String::new(),
    };
    let text = format!(
        "{} ({}){since}",
        verdict_words(line.verdict),
        line.severity.as_str()
    );
    let item = Item::labelled(&line.stack, text);
    if line.text.is_empty() {
        item
    } else {
        item.with_line(&line.text)
    }
}
