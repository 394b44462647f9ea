//! The pure core: what things are and how decisions follow from them. Nothing here reads a file,
//! a clock or an environment; time and history are arguments.

pub mod aftermath;
pub mod alert;
pub mod approval;
mod assess;
pub mod audience;
pub mod background;
pub mod backoff;
pub mod brief;
pub mod cause;
pub mod channel;
pub mod check;
pub mod classify;
pub mod codeowners;
mod compare;
pub mod compose;
pub mod confirm;
pub mod content;
pub mod counts;
pub mod digest;
pub mod document;
pub mod effect;
pub mod failure;
pub mod finding;
pub mod guard;
#[cfg(test)]
mod heal_tests;
pub mod history;
pub mod hours;
pub mod ids;
pub mod irreversible;
mod join;
#[cfg(test)]
mod judgement_tests;
pub mod ledger;
pub mod message;
pub mod mirrored;
mod mirrored_rules;
pub mod noise;
pub mod notice;
mod outputs;
pub mod pattern;
pub mod place;
pub mod plan;
pub mod policy;
pub mod posture;
pub mod report;
pub mod restore;
pub mod route;
pub mod rules;
pub mod run;
pub mod schedule;
pub mod selection;
pub mod severity;
pub mod shell;
pub mod snapshot;
pub mod source;
pub mod stack;
pub mod tables;
pub mod tell;
#[cfg(test)]
pub(crate) mod testing;
pub mod timing;
pub mod value;
pub mod why;
