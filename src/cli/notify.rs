//! `mooring notify`: tries receivers out, or shows what they would get.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use uuid::Uuid;

use crate::config::load;
use crate::domain::ids::MessageId;
use crate::notify::{Delivery, Notifiers, Preview, Specimen};

use super::error::CliError;
use super::output::print;

/// What to do with receivers.
#[derive(Debug, Subcommand)]
pub(super) enum NotifyCommand {
    /// Send made-up messages to a receiver, each marked as a test.
    ///
    /// Exit code: 0 all accepted, 1 one was not, 64 wrong usage or configuration.
    Test(TestArgs),
    /// Write what receivers would get into files, without sending anything.
    Preview(PreviewArgs),
}

/// Which messages.
#[derive(Debug, Args)]
struct Selection {
    /// This kind of message alone; without it one of each.
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Option<Specimen>,
    /// The configuration file.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "mooring.yaml",
        env = "MOORING_CONFIG"
    )]
    config: PathBuf,
}

/// Arguments of `notify test`.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// The name of the receiver.
    receiver: String,
    #[command(flatten)]
    selection: Selection,
}

/// Arguments of `notify preview`.
#[derive(Debug, Args)]
pub(super) struct PreviewArgs {
    /// The name of the receiver; without it all of them.
    receiver: Option<String>,
    #[command(flatten)]
    selection: Selection,
    /// A directory for the files; or one file, whose ending says which form is meant (mails: eml, html
    /// or txt; others: json).
    #[arg(long, short, value_name = "DIR|FILE")]
    output: PathBuf,
}

impl Selection {
    fn kinds(&self) -> Vec<Specimen> {
        self.kind
            .map_or_else(|| Specimen::ALL.to_vec(), |kind| vec![kind])
    }

    fn notifiers(&self) -> Result<Notifiers, CliError> {
        let settings = load(&self.config)?;
        Notifiers::build(&settings.notify).map_err(|error| CliError::Usage {
            message: error.to_string(),
            hint: "check notify, smtp and ca_file".to_owned(),
        })
    }
}

/// The receiver of this name, or what could be meant.
fn known<'a>(notifiers: &'a Notifiers, receiver: &str) -> Result<&'a str, CliError> {
    let mut names = notifiers.names();
    names
        .find(|name| *name == receiver)
        .ok_or_else(|| CliError::Usage {
            message: format!("no receiver is called {receiver}"),
            hint: match notifiers.names().collect::<Vec<&str>>().as_slice() {
                [] => "the configuration names none: add one to `notify`".to_owned(),
                names => format!("the configuration names {}", names.join(", ")),
            },
        })
}

/// Sends; the exit code says whether all was accepted.
pub(super) async fn test(args: &TestArgs) -> Result<u8, CliError> {
    let notifiers = args.selection.notifiers()?.on_trial();
    let name = known(&notifiers, &args.receiver)?;
    let (trial, now) = (Uuid::now_v7(), Timestamp::now());
    let mut refused = false;
    // As the daemon does: what a channel gave back goes with the next message of the same thread.
    let mut threads: BTreeMap<String, String> = BTreeMap::new();
    for kind in args.selection.kinds() {
        let notice = kind.as_of(now, trial);
        let thread = notifiers.thread(name, &notice).unwrap_or_default();
        for to in notifiers.addressees_of(name) {
            let id = MessageId::from_uuid(Uuid::now_v7());
            let handle = threads.get(&thread).map(String::as_str);
            let delivery = notifiers.deliver(&to, &id, &notice, now, handle).await;
            let whom = to.recipient.as_deref().unwrap_or(name);
            let outcome = match delivery {
                Delivery::Accepted { handle } => {
                    threads.extend(handle.map(|handle| (thread.clone(), handle)));
                    "accepted".to_owned()
                }
                Delivery::Retry { error, .. } => {
                    refused = true;
                    format!("not accepted, and would be tried again: {error}")
                }
                Delivery::Rejected { error } => {
                    refused = true;
                    format!("refused for good: {error}")
                }
            };
            print(&format!("{}: {whom}: {outcome}\n", kind.as_str()))?;
        }
    }
    Ok(u8::from(refused))
}

/// Writes files.
pub(super) fn preview(args: &PreviewArgs) -> Result<u8, CliError> {
    let notifiers = args.selection.notifiers()?;
    let names = match &args.receiver {
        Some(receiver) => vec![known(&notifiers, receiver)?],
        None => notifiers.names().collect(),
    };
    let (now, trial) = (Timestamp::now(), Uuid::now_v7());
    let mut files: Vec<(String, Preview)> = Vec::new();
    for name in names {
        for kind in args.selection.kinds() {
            let id = MessageId::from_uuid(Uuid::now_v7());
            let previews = notifiers.preview(name, &id, &kind.as_of(now, trial), now);
            let stem = format!("{name}-{}", kind.as_str());
            files.extend(previews.into_iter().map(|preview| (stem.clone(), preview)));
        }
    }
    if files.is_empty() {
        return Err(CliError::Usage {
            message: "the configuration names no receiver".to_owned(),
            hint: "add one to `notify`".to_owned(),
        });
    }
    match ending(&args.output) {
        Some(ending) => write_one(&args.output, ending, &files)?,
        None => write_all(&args.output, &files)?,
    }
    Ok(0)
}

/// The ending of a file that is meant; none if it is a directory.
fn ending(output: &Path) -> Option<&str> {
    let ending = output.extension()?.to_str()?;
    (!output.is_dir()).then_some(ending)
}

fn write_one(path: &Path, ending: &str, files: &[(String, Preview)]) -> Result<(), CliError> {
    let mut fitting = files.iter().filter(|(_, preview)| preview.ending == ending);
    match (fitting.next(), fitting.next()) {
        (Some((_, preview)), None) => write(path, &preview.bytes),
        (Some(_), Some(_)) => Err(CliError::Usage {
            message: format!("several messages do not fit into {}", path.display()),
            hint: "name a receiver and a --kind, or a directory".to_owned(),
        }),
        (None, _) => {
            let mut known: Vec<&str> = files.iter().map(|(_, preview)| preview.ending).collect();
            known.sort_unstable();
            known.dedup();
            Err(CliError::Usage {
                message: format!("nothing here has the form {ending}"),
                hint: format!("the forms are: {}", known.join(", ")),
            })
        }
    }
}

fn write_all(directory: &Path, files: &[(String, Preview)]) -> Result<(), CliError> {
    fs::create_dir_all(directory).map_err(|cause| CliError::Write {
        name: directory.display().to_string(),
        cause,
    })?;
    for (stem, preview) in files {
        let path = directory.join(format!("{stem}.{}", preview.ending));
        write(&path, &preview.bytes)?;
        print(&format!("{}\n", path.display()))?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    fs::write(path, bytes).map_err(|cause| CliError::Write {
        name: path.display().to_string(),
        cause,
    })
}
