//! `mooring audit verify`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::CliError;
use crate::cli::client::{Client, ServerArgs};
use crate::cli::output::print;
use crate::domain::audit::{Chain, EntryHash, Start, Verified};

use super::{each, file};

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// An exported file; without it the daemon's own log.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The hash of an entry that must be there, from wherever it was kept: only with it is it seen
    /// that the end was cut off, or everything written anew.
    #[arg(long, value_name = "HASH")]
    head: Option<EntryHash>,
    /// The hash of the entry before the first one, for a file that does not begin with entry 1.
    #[arg(long, value_name = "HASH", requires = "file")]
    after: Option<EntryHash>,
}

/// `mooring audit verify`.
pub(super) async fn verify(args: VerifyArgs) -> Result<u8, CliError> {
    let start = args.after.map_or(Start::First, Start::After);
    let mut chain = Chain::new(start, args.head);
    match &args.file {
        Some(path) => file::read(&contents(path)?, &mut chain)?,
        None => {
            let client = Client::new(&args.server)?;
            each(&client, None, |entry| Ok(chain.take(&entry)?)).await?;
        }
    }
    let verified = chain.end()?;
    if verified.entries == 0 {
        return Err(CliError::Failed {
            message: "there is no entry, so nothing is verified".to_owned(),
            hint: "a daemon records its start: the log was emptied, or this is another file"
                .to_owned(),
        });
    }
    print(&told(&verified))?;
    Ok(0)
}

fn contents(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|cause| CliError::Read {
        name: path.display().to_string(),
        cause,
    })
}

fn told(verified: &Verified) -> String {
    let head = &verified.head;
    let mut out = format!("the chain holds: {} entries\n", verified.entries);
    if let (Some(first), Some(last)) = (verified.first, verified.last) {
        out.push_str(&format!("first  {first}\nlast   {last}\n"));
    }
    out.push_str(&format!("head   {} (entry {})\n", head.hash, head.seq));
    if let Some(since) = verified.since_known {
        out.push_str(&format!("known  entry {}\n", head.seq - since));
    }
    out
}
