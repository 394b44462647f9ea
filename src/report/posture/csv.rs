//! The report for spreadsheets: a row for each open alert, and for each stack without one.

use std::collections::BTreeMap;

use csv::{Terminator, WriterBuilder};
use jiff::Timestamp;

use super::super::escape::terminal;
use crate::domain::ids::StackId;
use crate::domain::posture::{OpenAlert, Posture, StackLine};

const HEADER: [&str; 20] = [
    "stack",
    "source",
    "dir",
    "owners",
    "labels",
    "verdict",
    "since",
    "checked_at",
    "severity",
    "contested",
    "suppressed",
    "headline",
    "alert",
    "alert_severity",
    "opened_at",
    "first_seen",
    "age_seconds",
    "acknowledged_by",
    "acknowledged_until",
    "acknowledged_reason",
];

/// The report. Fields, quotes and line ends are those of RFC 4180.
pub(super) fn csv(posture: &Posture) -> Result<String, csv::Error> {
    let mut table = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    table.write_record(HEADER)?;
    let mut open: BTreeMap<&StackId, Vec<&OpenAlert>> = BTreeMap::new();
    for alert in &posture.open.items {
        open.entry(&alert.stack).or_default().push(alert);
    }
    for line in &posture.stacks.items {
        let stack = of_stack(line);
        match open.remove(&line.stack) {
            Some(alerts) => {
                for alert in alerts {
                    table.write_record(stack.iter().chain(&of_alert(alert)))?;
                }
            }
            None => table.write_record(stack.iter().chain(&NO_ALERT.map(str::to_owned)))?,
        }
    }
    // Sources that cannot be read, and stacks that are gone.
    for alert in open.into_values().flatten() {
        let mut stack: [String; 12] = Default::default();
        stack[0] = field(alert.stack.as_str());
        table.write_record(stack.iter().chain(&of_alert(alert)))?;
    }
    let bytes = table.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

const NO_ALERT: [&str; 8] = [""; 8];

fn of_stack(line: &StackLine) -> [String; 12] {
    let labels = line.labels.iter();
    let labels: Vec<String> = labels
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let severity = line.severity.map(|severity| severity.as_str());
    [
        field(line.stack.as_str()),
        field(line.source.as_str()),
        field(&line.dir),
        field(&line.owners.join(", ")),
        field(&labels.join(", ")),
        line.verdict.as_str().to_owned(),
        time(line.since),
        time(line.checked_at),
        severity.unwrap_or_default().to_owned(),
        line.contested.to_string(),
        line.suppressed.to_string(),
        field(line.headline.as_deref().unwrap_or_default()),
    ]
}

fn of_alert(alert: &OpenAlert) -> [String; 8] {
    let known = alert.acknowledged.as_ref();
    let by = known.map(|known| known.by.as_str());
    let reason = known.and_then(|known| known.reason.as_deref());
    [
        alert.kind.as_str().to_owned(),
        alert.severity.as_str().to_owned(),
        time(Some(alert.opened_at)),
        time(Some(alert.first_seen)),
        alert.age.0.to_string(),
        field(by.unwrap_or_default()),
        time(known.and_then(|known| known.until)),
        field(reason.unwrap_or_default()),
    ]
}

fn time(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

/// A text that no spreadsheet takes for a formula, and in which nothing hides.
fn field(text: &str) -> String {
    let text = terminal(text);
    if text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
    {
        format!("'{text}")
    } else {
        text
    }
}
