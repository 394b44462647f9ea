//! `mooring rollback`: a plan at an earlier commit, and people asked about it.

use std::time::Duration;

use clap::Args;

use super::CliError;
use super::client::{ByArgs, Client, ServerArgs};
use super::output::print;
use super::remote::{items, text};
use super::requests::shown;

/// How often the daemon is asked whether the plan is made.
const EVERY: Duration = Duration::from_secs(1);

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The stack, as `mooring stacks` lists it.
    stack: String,
    /// The commit to go back to: a hash, the beginning of one, or a tag.
    #[arg(long, value_name = "COMMIT")]
    to: String,
    /// Why, for those who are asked.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    by: ByArgs,
}

/// `mooring rollback`: waits for the plan and shows it.
pub(super) async fn rollback(args: RollbackArgs) -> Result<u8, CliError> {
    let client = Client::new(&args.server)?;
    let mut query = client.by(args.by);
    query.push(("to", args.to));
    query.extend(args.reason.map(|reason| ("reason", reason)));
    let path = ["stacks", args.stack.as_str(), "rollback"];
    let answer = client.post_with(&path, &query).await?;
    let id = answer["run"].as_str().unwrap_or_default().to_owned();
    print(&format!("planning: run {}\n", text(&answer["run"])))?;
    let run = loop {
        let run = client.get(&["runs", &id], &[]).await?;
        match run["state"].as_str() {
            Some("finished" | "interrupted") | None => break run,
            Some(_) => tokio::time::sleep(EVERY).await,
        }
    };
    if run["outcome"]["kind"] == "failed" {
        let failure = &run["outcome"]["failure"];
        print(&format!("it cannot be: {}\n", text(&failure["message"])))?;
        return Ok(1);
    }
    let query = [("stack", args.stack.clone())];
    let requests = client.get(&["requests"], &query).await?;
    let mut of_run = items(&requests, "requests").filter(|request| request["run"] == id.as_str());
    let Some(request) = of_run.next() else {
        print("nothing would change: the stack is like that already\n")?;
        return Ok(0);
    };
    let short = request["short"].as_str().unwrap_or_default();
    let request = client.get(&["requests", short], &[]).await?;
    print(&format!(
        "\n{}\nnothing is changed before somebody says: mooring approve {}\n",
        shown(&request),
        text(&request["short"])
    ))?;
    Ok(0)
}
