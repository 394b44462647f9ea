//! The lock of a state: who holds it, and its release.

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::domain::aftermath::LockInfo;
use crate::domain::failure::{Failure, FailureKind};

use super::argv;
use super::failures::plain;
use super::output::{Capture, Events};
use super::process;
use super::workdir::Workdir;

impl Workdir {
    /// Who holds the lock of the state; none if it is free. An engine tells only by refusing to do
    /// something, so it is asked to untaint an object that does not exist: that takes the lock for a
    /// moment where it is free, reads the state and writes nothing.
    pub async fn lock_holder(
        &self,
        cancel: &CancellationToken,
    ) -> Result<Option<LockInfo>, Failure> {
        self.require_workspace(cancel).await?;
        let command = self.command(argv::untaint_nothing());
        let (mut out, mut err) = (Capture::messages(), Capture::messages());
        let stops = self.reading_stops();
        let ended = process::run(
            command,
            stops,
            cancel,
            &mut |bytes| out.take(bytes),
            &mut |bytes| err.take(bytes),
            &self.meter,
        )
        .await
        .map_err(|cause| process::cannot_start(&self.engine.program, &self.dir, &cause))?;
        let status = self.exit_status("the look at the lock", &ended, stops)?;
        if status.success() {
            return Ok(None);
        }
        let text = format!("{}\n{}", err.text(), out.text());
        let failure = self.failed("the look at the lock failed", status, &Events::new(), &text);
        match read(&text) {
            Some(info) if failure.kind == FailureKind::Locked => Ok(Some(info)),
            _ => Err(failure),
        }
    }

    /// Releases a lock by its ID; the backend refuses if another one is held.
    pub async fn force_unlock(&self, id: &str, cancel: &CancellationToken) -> Result<(), Failure> {
        if id.is_empty() || id.starts_with('-') {
            return Err(plain(
                FailureKind::Locked,
                "the lock has no ID that could be used",
            ));
        }
        let stops = self.reading_stops();
        let command = self.command(argv::force_unlock(id));
        self.quiet("force-unlock", command, stops, cancel, &mut |_| {})
            .await
    }
}

/// The lock info in what an engine prints.
fn read(text: &str) -> Option<LockInfo> {
    let lines = text.lines().map(|line| line.trim_start_matches(['│', ' ']));
    let mut lines = lines
        .skip_while(|line| !line.starts_with("Lock Info:"))
        .skip(1);
    let mut info = LockInfo {
        id: String::new(),
        who: String::new(),
        operation: String::new(),
        created: None,
    };
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        match name {
            "ID" => value.clone_into(&mut info.id),
            "Who" => value.clone_into(&mut info.who),
            "Operation" => value.clone_into(&mut info.operation),
            "Created" => info.created = time(value),
            _ => {}
        }
    }
    (!info.id.is_empty()).then_some(info)
}

/// A time as Go prints it: `2026-11-28 03:00:47.96128886 +0000 UTC`.
fn time(text: &str) -> Option<Timestamp> {
    let mut words = text.split(' ');
    let (date, time, offset) = (words.next()?, words.next()?, words.next()?);
    format!("{date}T{time}{offset}").parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "\nError: Error acquiring the state lock\n\nError message: resource temporarily unavailable\nLock Info:\n  ID:        68429d56-4ce1-410a-db92-3c71be474f58\n  Path:      terraform.tfstate\n  Operation: OperationTypeApply\n  Who:       root@vm\n  Version:   1.11.4\n  Created:   2026-11-28 03:00:47.96128886 +0000 UTC\n  Info:      \n\n\nTerraform acquires a state lock to protect the state from being written\n";

    #[test]
    fn the_holder_of_a_lock_is_read_from_the_refusal() {
        let expected = LockInfo {
            id: "68429d56-4ce1-410a-db92-3c71be474f58".to_owned(),
            who: "root@vm".to_owned(),
            operation: "OperationTypeApply".to_owned(),
            created: Some("2026-11-28T03:00:47.96128886Z".parse().unwrap()),
        };
        assert_eq!(read(TEXT), Some(expected.clone()));
        let framed: String = TEXT.lines().map(|line| format!("│ {line}\n")).collect();
        assert_eq!(read(&framed), Some(expected));
        assert_eq!(read("Error acquiring the state lock"), None);
        assert_eq!(read("Lock Info:\n  Who: x\n"), None);
    }

    proptest! {
        #[test]
        fn no_text_upsets_the_reader(text in "(Lock Info:|  ID: |Created: |[0-9 :+.-]{0,30}|\n|.){0,40}") {
            let _ = read(&text);
        }
    }
}
