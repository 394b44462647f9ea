//! The driver and the pass: what happens to a stack, in order.
//!
//! [`driver`] decides when, [`pass`] takes one stack through sync → plan → read → decide → act →
//! verify, [`conclude`] remembers and tells. [`look`] is the part that `check` shares.

mod absent;
mod acknowledge;
pub mod act;
pub mod asking;
mod attempt;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod audit_tests;
mod background;
mod baseline;
pub mod bells;
mod borrow;
mod cache;
pub mod calls;
pub mod clock;
pub mod command;
pub mod composer;
pub mod conclude;
pub mod context;
pub mod costs;
pub mod database;
mod declared;
pub mod driver;
mod examine;
pub mod explain;
mod facts;
mod filled;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
pub(crate) mod fixture;
pub mod forward;
mod fresh;
pub mod habits;
mod handed;
pub mod handle;
pub mod heartbeat;
mod history;
pub mod housekeeping;
mod inputs;
pub mod late;
pub mod layout;
pub mod leave;
pub mod local;
pub mod look;
mod messages;
mod mirror_tree;
pub mod mirrors;
pub mod missing;
mod news;
mod opinion;
pub mod orders;
pub mod outbox;
pub mod overdue;
pub mod pass;
pub mod pauses;
mod persist;
mod posture;
mod prepare;
pub mod pulse;
mod record;
pub mod recover;
mod release;
pub mod replay;
pub mod reports;
mod repository;
pub mod resolve;
mod restore;
mod rollback;
pub mod schemas;
pub mod settings;
mod shown;
mod sight;
mod source_alert;
pub mod sources;
pub mod standby;
mod state_watch;
mod step;
pub mod summary;
pub mod time;
mod tokens;
mod tree_copy;
mod turns;
mod undelivered;
mod undertake;
pub mod uploads;
mod verify;
pub mod vote;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod week;
pub mod worker;
