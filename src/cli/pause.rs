//! `mooring pause` and `resume`: nothing is changed for now, and things may go on.

use clap::Args;

use super::CliError;
use super::ack::end;
use super::client::{ByArgs, Client, ServerArgs};
use super::output::print;
use super::remote::{items, text};

/// What is paused or goes on.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct ScopeArgs {
    /// The stack, as `mooring stacks` lists it.
    stack: Option<String>,
    /// Every stack of this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Everything.
    #[arg(long)]
    all: bool,
}

impl ScopeArgs {
    fn query(&self) -> Vec<(&'static str, String)> {
        match (&self.stack, &self.source, self.all) {
            (Some(stack), ..) => vec![("stack", stack.clone())],
            (None, Some(source), _) => vec![("source", source.clone())],
            (None, None, true) => vec![("all", "true".to_owned())],
            (None, None, false) => Vec::new(),
        }
    }
}

/// Arguments of `pause`.
#[derive(Debug, Args)]
pub(super) struct PauseArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    /// For how long (`4h`, `2d`); without it until `mooring resume`.
    #[arg(long = "for", value_name = "DURATION")]
    duration: Option<String>,
    /// Why, for the others.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    by: ByArgs,
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    by: ByArgs,
}

/// `mooring pause`: without anything to pause it lists what is paused.
pub(super) async fn pause(args: PauseArgs) -> Result<u8, CliError> {
    let client = Client::new(&args.server)?;
    let mut query = args.scope.query();
    if query.is_empty() {
        let answer = client.get(&["pauses"], &[]).await?;
        let lines = items(&answer, "pauses").map(|pause| format!("{}\n", text(&pause["words"])));
        let lines: String = lines.collect();
        print(if lines.is_empty() {
            "nothing is paused\n"
        } else {
            &lines
        })?;
        return Ok(0);
    }
    query.extend(client.by(args.by));
    query.extend(args.reason.map(|reason| ("reason", reason)));
    if let Some(duration) = &args.duration {
        query.push(("until", end(duration)?.to_string()));
    }
    let answer = client.post_with(&["pauses"], &query).await?;
    print(&format!(
        "{}; an apply that is under way goes on to its end\n",
        text(&answer["words"])
    ))?;
    // It is paused whether or not there is such a stack; only the answer may come late.
    if let Some(stack) = &args.scope.stack
        && let Err(error) = client.get(&["stacks", stack], &[]).await
    {
        print(&format!("but {error}\n"))?;
        return Ok(1);
    }
    Ok(0)
}

/// `mooring resume`: ends a pause, or else the hold on a stack that is not paused.
pub(super) async fn resume(args: ResumeArgs) -> Result<u8, CliError> {
    let client = Client::new(&args.server)?;
    let mut query = args.scope.query();
    if query.is_empty() {
        return Err(CliError::Usage {
            message: "what is to go on?".to_owned(),
            hint: "name a stack, or give --source or --all; `mooring pause` lists what is paused"
                .to_owned(),
        });
    }
    query.extend(client.by(args.by));
    let Some(stack) = &args.scope.stack else {
        let answer = client.post_with(&["pauses", "end"], &query).await?;
        print(&format!("{} is no longer paused\n", text(&answer["ended"])))?;
        return Ok(0);
    };
    let pauses = client.get(&["pauses"], &[]).await?;
    let paused = items(&pauses, "pauses").any(|pause| pause["stack"] == stack.as_str());
    if paused {
        client.post_with(&["pauses", "end"], &query).await?;
        print(&format!(
            "{} is no longer paused\n",
            crate::report::terminal(stack)
        ))?;
        return Ok(0);
    }
    let path = ["stacks", stack.as_str(), "resume"];
    let by: Vec<_> = query
        .into_iter()
        .filter(|(name, _)| *name == "by")
        .collect();
    let answer = client.post_with(&path, &by).await?;
    print(&format!("resumed; queued: run {}\n", text(&answer["run"])))?;
    Ok(0)
}
