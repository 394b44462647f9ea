//! Writing to the terminal: colour, width, and a reader that goes away.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anstream::AutoStream;
use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};

use crate::report::terminal;

use super::error::CliError;

/// Width of what is not written to a terminal.
const PLAIN_WIDTH: usize = 100;

/// Whether standard output takes colour; obeys `NO_COLOR`.
pub(super) fn color() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// Whether standard error takes colour; obeys `NO_COLOR`.
pub(super) fn error_color() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// Columns of standard output.
pub(super) fn width() -> usize {
    columns(rustix::termios::tcgetwinsize(io::stdout()))
}

/// Columns of standard error.
pub(super) fn error_width() -> usize {
    columns(rustix::termios::tcgetwinsize(io::stderr()))
}

fn columns(size: rustix::io::Result<rustix::termios::Winsize>) -> usize {
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    if columns == 0 { PLAIN_WIDTH } else { columns }
}

/// Whether standard error is a terminal.
pub(super) fn error_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Writes a report to standard output. A reader that has seen enough is no error.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    write_out(text.as_bytes())
}

fn write_out(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Write {
            name: "standard output".to_owned(),
            cause: error,
        }),
        _ => Ok(()),
    }
}

/// Writes a report to a file, or to standard output if there is none.
pub(super) fn deliver(report: impl AsRef<[u8]>, file: Option<&Path>) -> Result<(), CliError> {
    let Some(path) = file else {
        return write_out(report.as_ref());
    };
    fs::write(path, report).map_err(|cause| CliError::Write {
        name: path.display().to_string(),
        cause,
    })
}

/// Fails if a report could not be written to the file: better now than after long work. Nothing is
/// left behind.
pub(super) fn require_writable(file: Option<&Path>) -> Result<(), CliError> {
    let Some(path) = file else {
        return Ok(());
    };
    let open = || match fs::metadata(path) {
        Ok(known) if known.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(known) if known.is_file() => fs::OpenOptions::new().append(true).open(path).map(drop),
        // A pipe or a device: opening it may have effects.
        Ok(_) => Ok(()),
        Err(_) => {
            let new = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(path);
            new.and_then(|_| fs::remove_file(path))
        }
    };
    open().map_err(|error| CliError::Usage {
        message: format!("cannot write {}: {error}", path.display()),
        hint: "name a file in a directory that exists and can be written".to_owned(),
    })
}

/// Text of several lines, safe for a terminal.
fn plain(text: &str) -> String {
    text.lines().map(terminal).collect::<Vec<_>>().join("\n")
}

/// Tells something beside the result, on standard error.
pub(super) fn note(text: &str) {
    // Nobody can be told that standard error is gone.
    let _gone = io::stderr()
        .lock()
        .write_all(format!("{}\n", plain(text)).as_bytes());
}

/// Tells an error on standard error.
pub(super) fn error(error: &CliError) {
    let (red, dim) = if error_color() {
        (
            AnsiColor::Red.on_default().bold(),
            AnsiColor::Cyan.on_default(),
        )
    } else {
        (Style::new(), Style::new())
    };
    let mut text = match error {
        CliError::Config(report) => report.clone(),
        _ => format!("{red}error:{red:#} {}\n", plain(&error.to_string())),
    };
    if let Some(hint) = error.hint() {
        text.push_str(&format!("{dim}hint:{dim:#} {}\n", plain(&hint)));
    }
    // Nobody can be told that standard error is gone.
    let _gone = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_noticed_without_a_trace() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("report.txt");
        require_writable(Some(&file)).unwrap();
        assert!(!file.exists());
        fs::write(&file, "kept").unwrap();
        require_writable(Some(&file)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
        for wrong in [dir.path().join("no/file"), dir.path().to_owned()] {
            let refused = require_writable(Some(&wrong)).expect_err("not writable");
            assert_eq!(refused.exit_code(), 64);
        }
    }

    #[test]
    fn what_is_told_keeps_its_lines_and_nothing_else_that_acts() {
        assert_eq!(plain("a\u{1b}[2J\nb\u{202e}"), "a\\u{1b}[2J\nb\\u{202e}");
    }
}
