//! A call: what a replica that does not lead has the leading one do, and what came of it. It goes from one
//! process to the other as data.

use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::ids::{CallId, RunId, StackId};
use super::pause::Scope;
use super::request::Rollback;

/// Something that only the leading replica can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which.
    pub id: CallId,
    /// What is to be done.
    pub wish: Wish,
}

/// What is to be done. Who wants it has shown that they may where they asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Wish {
    /// A stack is to be planned now.
    Plan {
        /// The stack.
        stack: StackId,
        /// Who wants it.
        by: Identity,
    },
    /// A stack is to be as it was at a commit.
    RollBack {
        /// The stack.
        stack: StackId,
        /// The commit, named like Git names one.
        to: String,
        /// What people are told of it.
        rollback: Rollback,
        /// Who wants it.
        by: Identity,
    },
    /// Repairs of a held stack may go on.
    Resume {
        /// The stack.
        stack: StackId,
        /// Who has looked at it.
        by: Identity,
    },
    /// What a pause held back is to be looked at.
    TakeUp {
        /// What is no longer paused.
        scope: Scope,
    },
    /// What people approved is to be applied.
    Approved {
        /// Of this stack.
        stack: StackId,
    },
}

impl Wish {
    /// Whether it does no harm to do it once more, if whoever led may have done it and was gone before
    /// that was known. Most queue a look, and a look more changes nothing: what is approved is applied
    /// once, since its use is recorded with the intent. A word that releases a stack could release it from
    /// what has happened since, which nobody has looked at; and people would be asked about a rollback
    /// again after they have answered.
    pub const fn is_repeatable(&self) -> bool {
        match self {
            Self::Plan { .. } | Self::TakeUp { .. } | Self::Approved { .. } => true,
            Self::RollBack { .. } | Self::Resume { .. } => false,
        }
    }
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Reply {
    /// A run is queued.
    Queued {
        /// The run.
        run: RunId,
    },
    /// It is done.
    Done,
    /// It is not done.
    Denied {
        /// Why.
        why: Denial,
    },
    /// It was begun, and whoever led was gone before it was known what came of it.
    Unclear,
}

/// Why a call is not done, told apart by what people are told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Denial {
    /// There is no such stack.
    UnknownStack {
        /// What was asked for.
        stack: StackId,
    },
    /// A run of the stack is under way.
    Running {
        /// The stack.
        stack: StackId,
    },
    /// Nothing of the stack waits for a person's word.
    NothingToResume {
        /// The stack.
        stack: StackId,
    },
    /// There is no such commit, or there is nothing to go back to.
    NoSuchCommit {
        /// Why.
        why: String,
    },
    /// It failed.
    Failed {
        /// What the leading replica says.
        why: String,
    },
}

/// How far a call that nobody waits for any more has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// Nobody had begun it, and nobody will.
    InTime,
    /// It was begun.
    TooLate,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What is stored is read by replicas of other versions.
    #[test]
    fn a_call_is_stored_in_words_that_stay() {
        let wish = Wish::Plan {
            stack: StackId::new("infra/a"),
            by: Identity::Operator { claims: None },
        };
        let told = serde_json::to_string(&wish).unwrap();
        insta::assert_snapshot!(told, @r#"{"kind":"plan","stack":"infra/a","by":{"kind":"operator","claims":null}}"#);
        assert_eq!(serde_json::from_str::<Wish>(&told).unwrap(), wish);
        let reply = Reply::Denied {
            why: Denial::Running {
                stack: StackId::new("infra/a"),
            },
        };
        let told = serde_json::to_string(&reply).unwrap();
        insta::assert_snapshot!(told, @r#"{"kind":"denied","why":{"kind":"running","stack":"infra/a"}}"#);
        assert_eq!(serde_json::from_str::<Reply>(&told).unwrap(), reply);
    }
}
