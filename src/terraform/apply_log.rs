//! What the log of an apply says it did, as far as it got.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::aftermath::Log;
use crate::domain::ids::Address;

/// A longer line is no event that is looked for here.
const LONGEST_LINE: u64 = 1 << 20;

#[derive(Deserialize)]
struct Event {
    r#type: String,
    #[serde(rename = "@timestamp")]
    at: Option<Timestamp>,
    hook: Option<Hook>,
    changes: Option<Changes>,
}

#[derive(Deserialize)]
struct Hook {
    resource: Option<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    addr: String,
}

#[derive(Deserialize)]
struct Changes {
    operation: String,
}

/// Reads the log of an apply; an error only if there is none to read.
pub fn read_log(path: &Path) -> std::io::Result<Log> {
    Ok(read_log_of(BufReader::new(File::open(path)?)))
}

/// The same from elsewhere. What is not readable in it is passed over: it may end anywhere.
pub fn read_log_of(mut reader: impl BufRead) -> Log {
    let mut log = Log::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line);
        if matches!(read, Ok(0) | Err(_)) {
            return log;
        }
        if let Ok(event) = serde_json::from_slice(&line) {
            take(&mut log, event);
        }
    }
}

fn take(log: &mut Log, event: Event) {
    // These come before the lock is taken, or because it is not.
    if !matches!(event.r#type.as_str(), "version" | "diagnostic" | "log") && log.held_at.is_none() {
        log.held_at = event.at;
    }
    if event.r#type == "change_summary" {
        log.ended |= event
            .changes
            .is_some_and(|changes| changes.operation == "apply");
    }
    let Some(resource) = event.hook.and_then(|hook| hook.resource) else {
        return;
    };
    let address = Address::new(resource.addr);
    let ends_in = match event.r#type.as_str() {
        "apply_start" => &mut log.begun,
        "apply_complete" => &mut log.done,
        "apply_errored" => &mut log.failed,
        _ => return,
    };
    if !ends_in.contains(&address) {
        ends_in.push(address.clone());
    }
    if event.r#type != "apply_start" {
        log.begun.retain(|begun| *begun != address);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Log {
        read_log_of(text.as_bytes())
    }

    fn event(kind: &str, second: u8, address: &str) -> String {
        format!(
            r#"{{"@level":"info","@timestamp":"2026-11-28T03:00:{second:02}.5Z","hook":{{"resource":{{"addr":"{address}","module":""}},"action":"update"}},"type":"{kind}"}}"#
        ) + "\n"
    }

    const VERSION: &str =
        "{\"@timestamp\":\"2026-11-28T03:00:01Z\",\"terraform\":\"1.11.4\",\"type\":\"version\"}\n";
    const REFUSED: &str = "{\"@timestamp\":\"2026-11-28T03:00:02Z\",\"diagnostic\":{\"severity\":\"error\",\"summary\":\"Error acquiring the state lock\"},\"type\":\"diagnostic\"}\n";

    #[test]
    fn what_was_begun_done_and_failed_is_told_apart() {
        let text = [
            "There are some problems\n".to_owned(),
            VERSION.to_owned(),
            event("apply_start", 3, "a.a"),
            event("apply_start", 4, "b.b"),
            event("apply_progress", 4, "b.b"),
            event("apply_start", 4, "c.c"),
            event("apply_complete", 5, "a.a"),
            event("apply_errored", 5, "c.c"),
            "{\"@timestamp\":\"2026-11-28T03:0".to_owned(),
        ];
        let log = read(&text.concat());
        let names = |addresses: &[Address]| {
            let names: Vec<&str> = addresses.iter().map(Address::as_str).collect();
            names.join(" ")
        };
        assert_eq!(names(&log.done), "a.a");
        assert_eq!(names(&log.begun), "b.b");
        assert_eq!(names(&log.failed), "c.c");
        assert!(!log.ended);
        assert_eq!(log.held_at.unwrap().to_string(), "2026-11-28T03:00:03.5Z");
    }

    #[test]
    fn a_log_that_never_got_to_the_lock_is_no_proof_of_it() {
        assert_eq!(read(VERSION), Log::default());
        assert_eq!(read(&format!("{VERSION}{REFUSED}")), Log::default());
        let planned = event("planned_change", 4, "a.a");
        assert!(read(&format!("{VERSION}{planned}")).held_at.is_some());
    }

    #[test]
    fn the_end_is_the_summary_of_an_apply() {
        let summary = |operation: &str| {
            format!(
                r#"{{"changes":{{"add":1,"operation":"{operation}"}},"type":"change_summary"}}"#
            )
        };
        assert!(read(&summary("apply")).ended);
        assert!(!read(&summary("plan")).ended);
    }
}
