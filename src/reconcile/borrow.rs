//! A stack that is taken out of the driver's hands for a while: no run of it is started until it is
//! given back.

use tokio::sync::oneshot;

use crate::domain::ids::CommitId;

use super::resolve::Tracked;

/// A stack that nobody else works on; it is given back with this value.
#[derive(Debug)]
pub struct Borrowed {
    /// The stack.
    pub(super) tracked: Tracked,
    /// The commit that its source is at.
    pub(super) commit: CommitId,
    _until_dropped: oneshot::Sender<()>,
}

impl Borrowed {
    /// A borrowed stack, and what ends when it is given back.
    pub(super) fn new(tracked: Tracked, commit: CommitId) -> (Self, oneshot::Receiver<()>) {
        let (until_dropped, given_back) = oneshot::channel();
        let borrowed = Self {
            tracked,
            commit,
            _until_dropped: until_dropped,
        };
        (borrowed, given_back)
    }
}
