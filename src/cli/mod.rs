//! The command line: one file per subcommand, errors mapped once to a message, a hint and an exit
//! code.

mod ack;
mod artifacts;
mod audit;
mod check;
mod client;
mod config;
mod error;
mod explain;
mod messages;
mod moved;
mod notify;
mod output;
mod pause;
mod person;
mod policy;
mod posture;
mod progress;
mod remote;
mod replicas;
mod report;
mod requests;
mod rollback;
mod select;
mod serve;
mod signals;
mod state;
mod store;
mod tables;
mod token;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::telemetry::{LogFormat, init_logs};

use error::CliError;

/// Keeps Terraform-managed infrastructure where Git says it should be.
#[derive(Debug, Parser)]
#[command(
    name = "mooring",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
struct Global {
    /// Say less: only errors, and the report without the stacks that are in sync.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more; twice for what only a developer wants to know.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// How log lines on standard error look.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, env = "MOORING_LOG_FORMAT")]
    log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find the Terraform stacks below a directory, plan each, and report drift and pending code.
    ///
    /// Needs no configuration and changes nothing outside a cache directory. Exit code: 0 all in
    /// sync, 1 something failed, 2 something is not as it should be, 64 wrong usage or no stack.
    Check(check::CheckArgs),
    /// Explain a saved plan file or the output of `terraform show -json`.
    Explain(explain::ExplainArgs),
    /// Run the daemon.
    Serve(ConfigFile),
    /// Check a configuration, or print its schema or an example.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Try receivers of alerts out, or see what they would get.
    #[command(subcommand)]
    Notify(notify::NotifyCommand),
    /// List the daemon's stacks.
    Stacks(remote::StacksArgs),
    /// Show one stack of the daemon: its findings, decision, alerts and last runs.
    Show(remote::ShowArgs),
    /// Ask the daemon to plan a stack now.
    Plan(remote::PlanArgs),
    /// List the daemon's runs.
    Runs(remote::RunsArgs),
    /// Tell why a run decided what it did: each change, and the rule or guard that decided it.
    Why(why::WhyArgs),
    /// Try a policy out on what the daemon decided lately, or run the tests of one.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// List what is kept of a run, or write one of it: what a look found, the log of an apply.
    Artifacts(artifacts::ArtifactsArgs),
    /// Report on the daemon's stacks over a time: how they are, what came, what was fixed and by whom.
    Report(posture::PostureArgs),
    /// Change nothing in a stack, a source or anywhere until somebody says so, whatever is approved.
    Pause(pause::PauseArgs),
    /// End a pause; or say that a held stack has been looked at, so that repairs may go on.
    Resume(pause::ResumeArgs),
    /// Take the troubles of a stack or of one cause on: nobody is reminded of them until they grow.
    Ack(ack::AckArgs),
    /// List what people are asked: plans that wait for approval.
    Requests(requests::RequestsArgs),
    /// Have exactly the plan of a request applied.
    ///
    /// The stack is planned again first: what is applied is the plan that was asked about, or nothing.
    Approve(requests::ApproveArgs),
    /// Have the plan of a request left alone, even if it is approved already.
    Reject(requests::RejectArgs),
    /// Have a stack planned at an earlier commit, and people asked whether to go back to it.
    Rollback(rollback::RollbackArgs),
    /// List, show and restore snapshots of a stack's state.
    #[command(subcommand)]
    State(state::StateCommand),
    /// List what the daemon told people and what it could not, show it, or have it sent again.
    Messages(messages::MessagesArgs),
    /// List the daemons that share the database, and which of them leads.
    Replicas(replicas::ReplicasArgs),
    /// List who did what, write it to a file, or verify that nothing of it was changed.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Make tokens for people, list them, and take them back.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Move what Mooring remembers to another database, back it up, or put a backup back.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Answer one question to policies: standard input to standard output. Started by Mooring itself.
    #[command(hide = true)]
    PolicyWorker,
    /// Ask the daemon whether it is alive; for container health checks.
    #[command(hide = true)]
    Healthcheck(ConfigFile),
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "mooring.yaml",
        env = "MOORING_CONFIG"
    )]
    config: PathBuf,
}

/// Wrong usage or configuration (sysexits' EX_USAGE).
const USAGE: u8 = 64;

/// Parses the arguments, does what they say and gives the exit code.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let wrong = error.use_stderr();
            let _unwritable = error.print();
            return ExitCode::from(if wrong { USAGE } else { 0 });
        }
    };
    match execute(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output::error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(cli: Cli) -> Result<u8, CliError> {
    let global = cli.global;
    let daemon = matches!(cli.command, Command::Serve(_));
    let verbosity = match (global.quiet, daemon) {
        (true, _) => -1,
        (false, true) => i8::try_from(global.verbose).unwrap_or(i8::MAX),
        // Progress and report say what a person at a terminal wants to know.
        (false, false) => i8::try_from(global.verbose)
            .unwrap_or(i8::MAX)
            .saturating_sub(1),
    };
    init_logs(global.log_format, verbosity)?;
    match cli.command {
        Command::Check(args) => block_on_stoppable(check::check(args, &global))?,
        Command::Explain(args) => block_on_stoppable(explain::explain(args, &global))?,
        Command::Serve(args) => block_on(serve::serve(&args.config))?,
        Command::Config(command) => config::config(&command),
        Command::Notify(notify::NotifyCommand::Test(args)) => block_on(notify::test(&args))?,
        Command::Notify(notify::NotifyCommand::Preview(args)) => notify::preview(&args),
        Command::Stacks(args) => block_on(remote::stacks(args))?,
        Command::Show(args) => block_on(remote::show(args))?,
        Command::Plan(args) => block_on(remote::plan(args))?,
        Command::Runs(args) => block_on(remote::runs(args))?,
        Command::Why(args) => block_on(why::why(args))?,
        Command::Policy(policy::PolicyCommand::Test(args)) => block_on(policy::test(args))?,
        Command::Policy(policy::PolicyCommand::Verify(args)) => policy::verify(args),
        Command::PolicyWorker => policy::worker(),
        Command::Artifacts(args) => block_on(artifacts::artifacts(args))?,
        Command::Report(args) => block_on(posture::report(args, &global))?,
        Command::Ack(args) => block_on(ack::ack(args))?,
        Command::Requests(args) => block_on(requests::requests(args))?,
        Command::Approve(args) => block_on(requests::approve(args))?,
        Command::Reject(args) => block_on(requests::reject(args))?,
        Command::Rollback(args) => block_on(rollback::rollback(args))?,
        Command::Messages(args) => block_on(messages::messages(args))?,
        Command::Replicas(args) => block_on(replicas::replicas(args))?,
        Command::Audit(command) => block_on(audit::audit(command))?,
        Command::Token(command) => block_on(token::token(command))?,
        Command::Pause(args) => block_on(pause::pause(args))?,
        Command::Resume(args) => block_on(pause::resume(args))?,
        Command::State(command) => block_on(state::state(command))?,
        Command::Store(command) => block_on(store::store(command))?,
        Command::Healthcheck(args) => block_on(remote::healthcheck(&args.config))?,
    }
}

fn block_on<F: Future>(work: F) -> Result<F::Output, CliError> {
    Ok(runtime()?.block_on(work))
}

/// As [`block_on`], but does not wait for file operations that were told to stop: nothing of theirs
/// is needed then.
fn block_on_stoppable<F: Future>(work: F) -> Result<F::Output, CliError> {
    let runtime = runtime()?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(done)
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.map_err(CliError::Runtime)
}
