//! What the driver is told and asked.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::domain::failure::Failure;
use crate::domain::identity::Identity;
use crate::domain::ids::{CommitId, MessageId, RunId, SnapshotId, SourceName, StackId, TokenId};
use crate::domain::message::MessageState;
use crate::domain::outlook::Outlook;
use crate::domain::pause::Scope;
use crate::domain::request::{Rollback, Unfit};
use crate::domain::token::BadGrant;
use crate::store::StoreError;

use super::borrow::Borrowed;
use super::resolve::Tracked;

/// What a source looks like at a commit.
#[derive(Debug)]
pub struct SourceUpdate {
    /// The source.
    pub source: SourceName,
    /// The commit.
    pub commit: CommitId,
    /// Its stacks.
    pub stacks: Vec<Tracked>,
    /// Those that may read what changed since the commit before.
    pub touched: BTreeSet<StackId>,
    /// Why settings in it cannot be read, if some cannot.
    pub unread: Option<Failure>,
}

/// What the driver can be asked.
#[derive(Debug)]
pub enum Command {
    /// A source was read.
    Source(SourceUpdate, oneshot::Sender<()>),
    /// Somebody wants a stack planned now.
    PlanNow(StackId, Identity, oneshot::Sender<Result<RunId, Refusal>>),
    /// A person wants a stack back as it was at a commit, named like Git names one.
    Rollback(
        StackId,
        String,
        (Rollback, Identity),
        oneshot::Sender<Result<RunId, Refusal>>,
    ),
    /// Something is no longer paused.
    Unpaused(Scope),
    /// People approved a plan of a stack.
    Approved(StackId, oneshot::Sender<Result<RunId, Refusal>>),
    /// A person has looked at a held stack: repairs may go on.
    Resume(StackId, Identity, oneshot::Sender<Result<RunId, Refusal>>),
    /// Somebody wants to know what is yet to be done.
    Outlook(oneshot::Sender<Outlook>),
    /// Somebody wants to know when a stack is looked at next, unless a run of it waits or is under way.
    NextLook(StackId, oneshot::Sender<Option<Timestamp>>),
    /// Somebody wants to work on a stack without any run in between.
    Borrow(StackId, oneshot::Sender<Result<Borrowed, Refusal>>),
}

/// Whose troubles a person takes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concern {
    /// Those of a stack.
    Stack(StackId),
    /// Those of every stack with this cause, by its key.
    Cause(String),
}

impl std::fmt::Display for Concern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stack(stack) => stack.fmt(f),
            Self::Cause(key) => write!(f, "the cause {key}"),
        }
    }
}

/// Why the driver does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no such stack.
    #[error("there is no stack {0}")]
    UnknownStack(StackId),
    /// A run of the stack is under way.
    #[error("a run of {0} is under way; wait for its end and try again")]
    Running(StackId),
    /// There is nothing that can be acknowledged.
    #[error("there is no open alert of {0}")]
    NothingOpen(Concern),
    /// There is no such commit, or the source was never at it.
    #[error("{0}")]
    NoSuchCommit(String),
    /// There is no such source.
    #[error("there is no source {0}")]
    UnknownSource(SourceName),
    /// The pause cannot be kept in its file.
    #[error("{0}; it holds until the daemon ends")]
    NotKept(String),
    /// The end of a pause cannot be kept.
    #[error("{0}; the pause goes on")]
    StillPaused(String),
    /// Nothing of this scope is paused.
    #[error("{0} is not paused")]
    NotPaused(Scope),
    /// Nothing of the stack waits for a person's word.
    #[error("{0} is neither held nor paused by itself: there is nothing to resume")]
    NothingToResume(StackId),
    /// There is no such request.
    #[error("there is no request {0}")]
    UnknownRequest(String),
    /// Several requests begin or end like this.
    #[error("more than one request is called {0}: write all of its id")]
    Ambiguous(String),
    /// The request cannot take this answer.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// There is no such message.
    #[error("there is no message {0}")]
    UnknownMessage(MessageId),
    /// There is no such notifier.
    #[error("there is no notifier {0} in the configuration")]
    UnknownNotifier(String),
    /// A message that was not given up cannot be sent again.
    #[error("the message {0} is {state}: only what was given up is sent again", state = .1.as_str())]
    NotGivenUp(MessageId, MessageState),
    /// There is no such token.
    #[error("there is no token {0}")]
    UnknownToken(TokenId),
    /// A token is taken back once.
    #[error("the token {0} is revoked already")]
    RevokedAlready(TokenId),
    /// There can be no such token.
    #[error(transparent)]
    BadGrant(#[from] BadGrant),
    /// Nothing random can be had.
    #[error("the operating system gives no random bytes: {0}")]
    NoRandomness(std::io::Error),
    /// There is no such snapshot.
    #[error("there is no snapshot {0} of this stack")]
    UnknownSnapshot(SnapshotId),
    /// Something stands against putting a state back.
    #[error("{0}")]
    Objected(String),
    /// What was confirmed is not what would happen now.
    #[error("what would happen is not what was confirmed: the state or the choices are others")]
    Moved,
    /// A state was put back, and something else was read.
    #[error("the state that was read back is not the one that was put back; the stack is on hold")]
    NotProven,
    /// It was tried and failed.
    #[error("{}", .0.message)]
    Failure(#[from] Failure),
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopping,
    /// Only the replica that leads can do it, in its own process.
    #[error("this is done by the replica that leads, and this one does not{}", led_by(.leader.as_deref()))]
    Elsewhere {
        /// The one that does, if that is known.
        leader: Option<String>,
    },
    /// Nobody began it, and nobody will.
    #[error("no replica that leads has taken this up within {} s, so it is not done", .0.as_secs())]
    NotTakenUp(Duration),
    /// It was begun, and it is not known what came of it.
    #[error(
        "the replica that leads has begun this and not answered: it may be done, or may yet be"
    )]
    Unclear,
    /// The replica that leads failed.
    #[error("the replica that leads could not do this: {0}")]
    FailedThere(String),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn led_by(leader: Option<&str>) -> String {
    leader.map_or_else(String::new, |leader| format!("; {leader} leads"))
}
