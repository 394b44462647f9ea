//! What an apply waits for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::ids::StackId;

/// A stack for which the apply of another one waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// Which.
    pub stack: StackId,
    /// Why.
    pub why: Awaits,
    /// Nobody waits longer, if that is known.
    pub until: Option<Timestamp>,
}

/// Why an apply waits for another stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Awaits {
    /// It is being applied.
    Applying,
    /// People are asked about its code.
    Asked {
        /// The request, as it is called for short.
        request: String,
    },
    /// An apply of it did not end as it should.
    Held,
}

impl Awaited {
    /// The reason as a sentence.
    pub fn reason(&self) -> String {
        let stack = &self.stack;
        match &self.why {
            Awaits::Applying => format!("{stack}, which this stack needs, is being applied"),
            Awaits::Asked { request } => format!(
                "{stack}, which this stack needs, has code that waits for approval (request {request})"
            ),
            Awaits::Held => {
                format!("{stack}, which this stack needs, is held until somebody has looked at it")
            }
        }
    }
}
