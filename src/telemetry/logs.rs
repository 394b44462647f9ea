//! Logs: events and spans on standard error, as text or as one JSON object a line.

use std::fmt::{self, Debug};
use std::io::IsTerminal;

use anstyle::Style;
use tracing::field::Field;
use tracing::{Span, Subscriber};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{JsonFields, Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::domain::ids::{RunId, StackId};
use crate::domain::visible::visible;

use super::json::FlatJson;

/// The environment variable with filter directives that replace the verbosity, for example
/// `warn,mooring::git=trace`.
pub const FILTER_VARIABLE: &str = "MOORING_LOG";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line; the fields of spans and of the event stand at its top.
    Json,
}

/// Logging that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not understood.
    #[error(
        "{FILTER_VARIABLE} is not a log filter: {cause}. Write levels or directives, for example \
         `debug` or `warn,mooring::git=trace`"
    )]
    Filter {
        /// What is wrong with it.
        cause: String,
    },
    /// Logs were set up before in this process.
    #[error("logging is already set up: {cause}")]
    AlreadySetUp {
        /// What the library says.
        cause: String,
    },
}

/// Sends logs to standard error. `verbosity` counts `-v` less `-q`: 0 is `info` for Mooring itself;
/// its dependencies stay at `warn` up to 2.
pub fn init_logs(format: LogFormat, verbosity: i8) -> Result<(), LogError> {
    let filter = match std::env::var(FILTER_VARIABLE) {
        Ok(directives) if !directives.trim().is_empty() => parse(&directives)?,
        _ => parse(by_verbosity(verbosity))?,
    };
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = std::io::stderr().is_terminal() && !no_colour;
    subscriber(format, filter, std::io::stderr, colour)
        .try_init()
        .map_err(|error| LogError::AlreadySetUp {
            cause: error.to_string(),
        })
}

/// The span that carries a run's and its stack's id into every line logged inside it.
pub fn run_span(run: &RunId, stack: &StackId) -> Span {
    // At the highest level, so that a quiet log keeps it.
    tracing::error_span!("run", %run, %stack)
}

fn parse(directives: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(directives).map_err(|error| LogError::Filter {
        cause: error.to_string(),
    })
}

const fn by_verbosity(verbosity: i8) -> &'static str {
    match verbosity {
        i8::MIN..=-2 => "error",
        -1 => "warn",
        0 => "warn,mooring=info",
        1 => "warn,mooring=debug",
        2 => "warn,mooring=trace",
        3.. => "debug,mooring=trace",
    }
}

fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    writer: W,
    colour: bool,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => Box::new(
            registry.with(
                tracing_subscriber::fmt::layer()
                    .with_writer(writer)
                    .with_ansi(colour)
                    .fmt_fields(debug_fn(field).delimited(" ")),
            ),
        ),
        LogFormat::Json => Box::new(
            registry.with(
                tracing_subscriber::fmt::layer()
                    .with_writer(writer)
                    .with_ansi(false)
                    .fmt_fields(JsonFields::new())
                    .event_format(FlatJson),
            ),
        ),
    }
}

/// A field as a line of text shows it: one that holds control characters stays one line, and what
/// stands in a name cannot look like another event.
fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let name = field.name();
    let value = visible(&format!("{value:?}"));
    match name {
        "message" => write!(writer, "{value}"),
        // What the `log` crate says of itself stands elsewhere in the line.
        name if name.starts_with("log.") => Ok(()),
        name if writer.has_ansi_escapes() => {
            let (slanted, faint) = (Style::new().italic(), Style::new().dimmed());
            write!(writer, "{slanted}{name}{slanted:#}{faint}={faint:#}{value}")
        }
        name => write!(writer, "{name}={value}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(
            format,
            parse(filter).unwrap(),
            move || writer.clone(),
            false,
        );
        tracing::subscriber::with_default(subscriber, log);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    fn in_a_run(log: impl FnOnce()) {
        let run = RunId::from_uuid(uuid::Uuid::from_u128(7));
        run_span(&run, &StackId::new("infra/live/web")).in_scope(log);
    }

    const RUN: &str = "00000000-0000-0000-0000-000000000007";

    #[test]
    fn each_json_line_carries_run_and_stack_at_its_top() {
        let text = logged(LogFormat::Json, by_verbosity(0), || {
            in_a_run(|| {
                tracing::info_span!("plan", step = 1).in_scope(|| {
                    tracing::info!(changes = 3, ok = true, "planned \"it\"");
                });
            });
            tracing::info!("outside");
        });
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let [inside, outside] = lines.as_slice() else {
            panic!("two lines: {text}");
        };
        assert_eq!(inside["run"], RUN);
        assert_eq!(inside["stack"], "infra/live/web");
        assert_eq!(inside["step"], 1);
        assert_eq!(inside["changes"], 3);
        assert_eq!(inside["ok"], true);
        assert_eq!(inside["message"], "planned \"it\"");
        assert_eq!(inside["level"], "info");
        assert!(inside["target"].as_str().unwrap().starts_with("mooring::"));
        let at: jiff::Timestamp = inside["timestamp"].as_str().unwrap().parse().unwrap();
        assert!(at > jiff::Timestamp::UNIX_EPOCH);
        assert!(outside.get("stack").is_none());
    }

    #[test]
    fn a_quiet_text_log_keeps_run_and_stack() {
        let text = logged(LogFormat::Text, by_verbosity(-1), || {
            in_a_run(|| {
                tracing::info!("not shown");
                tracing::warn!("shown");
            });
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            text.contains(RUN) && text.contains("stack=infra/live/web"),
            "{text}"
        );
    }

    #[test]
    fn a_name_makes_no_line_of_its_own_and_acts_on_no_terminal() {
        let name = "infra/a\nERROR forged\u{1b}[31m\u{202e}";
        let text = logged(LogFormat::Text, by_verbosity(0), || {
            let run = RunId::from_uuid(uuid::Uuid::from_u128(7));
            run_span(&run, &StackId::new(name)).in_scope(|| {
                tracing::info!(%name, "planned {name}");
            });
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{text}"
        );
        let spelt = "infra/a\\nERROR forged\\u{1b}[31m\\u{202e}";
        assert_eq!(text.matches(spelt).count(), 3, "{text}");
    }

    #[test]
    fn dependencies_are_quieter() {
        let text = logged(LogFormat::Text, by_verbosity(1), || {
            tracing::info!(target: "hyper::client", "chatter");
            tracing::warn!(target: "sqlx", "trouble");
            tracing::debug!("own");
        });
        assert!(!text.contains("chatter"));
        assert!(text.contains("trouble") && text.contains("own"));
    }

    #[test]
    fn a_bad_filter_says_what_to_write() {
        let error = parse("mooring=loud").unwrap_err().to_string();
        assert!(
            error.contains("MOORING_LOG") && error.contains("for example"),
            "{error}"
        );
    }
}
