//! Writing to the terminal: colour, width, and a reader that goes away.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anstream::AutoStream;
use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};

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
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Write {
            name: "standard output".to_owned(),
            cause: error,
        }),
        _ => Ok(()),
    }
}

/// Writes a report to a file, or to standard output if there is none.
pub(super) fn deliver(text: &str, file: Option<&Path>) -> Result<(), CliError> {
    let Some(path) = file else {
        return print(text);
    };
    fs::write(path, text).map_err(|cause| CliError::Write {
        name: path.display().to_string(),
        cause,
    })
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
        _ => format!("{red}error:{red:#} {error}\n"),
    };
    if let Some(hint) = error.hint() {
        text.push_str(&format!("{dim}hint:{dim:#} {hint}\n"));
    }
    // Nobody can be told that standard error is gone.
    let _gone = io::stderr().lock().write_all(text.as_bytes());
}
