//! Terraform and OpenTofu: from a checkout to a saved plan, and from an approved plan to an apply.
//!
//! Argument vectors are built as values (`argv`) apart from running them (`process`); what an
//! engine prints is read into diagnostics (`diagnostics`) and sorted into kinds by one table
//! (`failures`).

mod apply;
mod apply_log;
mod argv;
mod backend;
mod cli_args;
mod diagnostics;
mod engine;
mod environment;
mod failures;
mod init;
mod inventory;
mod lock;
mod machine;
mod meter;
mod output;
mod plan;
mod plan_file;
mod plugins;
mod process;
mod push;
mod refreshed;
mod schemas;
mod selections;
mod state;
mod sweep;
mod trace;
mod workdir;

pub use apply::Applied;
pub use apply_log::{read_log, read_log_of};
pub use backend::{Backend, Recorded, recorded, refuse_remote_execution};
pub use cli_args::refuse_targeting;
pub use engine::{Engine, Flavour};
pub use environment::Environment;
pub use machine::Machine;
pub use meter::Meter;
pub use plan::Planned;
pub use plan_file::{Base, PlanFile};
pub use plugins::{Plugins, PluginsError};
pub use refreshed::Refreshed;
pub use selections::Selections;
pub use state::State;
pub use sweep::sweep;
pub use trace::{Fate, Trace, fate, wait_for_end};
pub use workdir::{Limits, Workdir};
