//! How far an apply has come.

use serde::Serialize;

use super::aftermath::Log;
use super::ids::Address;

/// How far an apply has come, as its engine tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Objects whose change was carried out, in that order.
    pub done: Vec<Address>,
    /// Objects that are being changed.
    pub under_way: Vec<Address>,
    /// Objects whose change failed.
    pub failed: Vec<Address>,
}

impl From<Log> for Progress {
    fn from(log: Log) -> Self {
        Self {
            done: log.done,
            under_way: log.begun,
            failed: log.failed,
        }
    }
}
