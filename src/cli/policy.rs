//! `mooring policy`: what another configuration would have decided, and tests of policies.

mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::config::load;
use crate::domain::policy::{Decided, Decision};
use crate::reconcile::replay::{Replay, replay};
use crate::rego::work;
use crate::report::terminal;

use super::client::{Client, ServerArgs};
use super::error::CliError;
use super::output::print;
use super::posture::moment;

pub(super) use verify::{VerifyArgs, verify};

/// Something was decided otherwise.
const DIFFERENT: u8 = 2;

/// What to do with a policy.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Decide again what the daemon decided, as another configuration would have, from the same
    /// findings and guards. Exit code: 0 all the same, 2 something differs.
    Test(TestArgs),
    /// Run the tests of policies in Rego: rules whose names begin with `test_`, as OPA and conftest
    /// have them. Exit code: 0 all pass, 1 one fails, 64 there is none or a policy is wrong.
    Verify(VerifyArgs),
}

/// Arguments of `policy test`.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The configuration to try.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Since when: how long ago (`30d`, `12h`), a day or a time.
    #[arg(long, value_name = "TIME", default_value = "30d")]
    since: String,
}

/// `mooring policy test`.
pub(super) async fn test(args: TestArgs) -> Result<u8, CliError> {
    let settings = load(&args.config)?;
    let since = moment(&args.since)?.before(Timestamp::now());
    let client = Client::new(&args.server)?;
    let mut count = Count::default();
    let mut last: Option<Decided> = None;
    loop {
        let mut query = vec![("since", since.to_string())];
        if let Some(last) = &last {
            query.push(("after", last.run.to_string()));
            query.push(("after_time", last.at.to_string()));
        }
        let mut answer = client.get(&["decisions"], &query).await?;
        let decisions = serde_json::from_value(answer["decisions"].take());
        let decisions: Vec<Decided> = decisions.map_err(|error| CliError::Daemon {
            message: format!("the daemon's decisions cannot be read: {error}"),
            hint: "use the version of mooring that the daemon has".to_owned(),
        })?;
        for decided in &decisions {
            let told = match replay(&settings, decided) {
                Replay::NotTracked => {
                    count.untracked += 1;
                    continue;
                }
                Replay::Decided(again) => told(decided, &again),
            };
            count.all += 1;
            if let Some(told) = told {
                count.different += 1;
                print(&told)?;
            }
        }
        match decisions.into_iter().next_back() {
            Some(decided) => last = Some(decided),
            None => break,
        }
    }
    print(&count.told())?;
    Ok(if count.different == 0 { 0 } else { DIFFERENT })
}

/// `mooring policy-worker`.
pub(super) fn worker() -> Result<u8, CliError> {
    let (question, opinion) = (std::io::stdin().lock(), std::io::stdout().lock());
    work(question, opinion).map_err(|cause| CliError::Read {
        name: "standard input".to_owned(),
        cause,
    })?;
    Ok(0)
}

#[derive(Debug, Default)]
struct Count {
    all: usize,
    different: usize,
    untracked: usize,
}

impl Count {
    fn told(&self) -> String {
        let mut out = format!(
            "{} decisions, {} of them different\n",
            self.all, self.different
        );
        if self.untracked > 0 {
            out.push_str(&format!(
                "{} more are of stacks that this configuration does not look after\n",
                self.untracked
            ));
        }
        out
    }
}

/// What differs, if anything does.
fn told(decided: &Decided, again: &Decision) -> Option<String> {
    let before = &decided.decision;
    if !again.differs(before) {
        return None;
    }
    let mut out = format!(
        "{}  {}  {} -> {}\n  run {}\n",
        terminal(decided.stack.as_str()),
        decided.at,
        words(before),
        words(again),
        decided.run,
    );
    for reason in &again.reasons {
        out.push_str(&format!(
            "  - {} ({})\n",
            terminal(&reason.text),
            terminal(&reason.by.to_string())
        ));
    }
    Some(out)
}

fn words(decision: &Decision) -> String {
    let shadow = decision
        .shadow
        .map(|kind| format!(" (shadow: {})", kind.as_str()));
    let no = if decision.kind.as_str() == "ask" && !decision.is_approvable() {
        " (not approvable)"
    } else {
        ""
    };
    format!(
        "{}{}{no}",
        decision.kind.as_str(),
        shadow.unwrap_or_default()
    )
}
