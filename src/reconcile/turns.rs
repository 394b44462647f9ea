//! How much of one Git server is asked for at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::git::settings::SourceLocation;

/// Fetches of one server at once, whatever the number of sources on it.
const AT_ONCE: usize = 4;

/// The servers, and who may ask them.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BTreeMap<String, Arc<Semaphore>>>);

impl Turns {
    /// Waits until the server of a source may be asked; it may as long as the permit lives. What is on
    /// this machine needs none.
    pub(super) async fn of(&self, location: &SourceLocation) -> Option<OwnedSemaphorePermit> {
        let server = self.server(&location.host()?);
        server.acquire_owned().await.ok()
    }

    fn server(&self, host: &str) -> Arc<Semaphore> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let server = known.entry(host.to_owned());
        server
            .or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE)))
            .clone()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::git::settings::Access;

    fn at(url: &str) -> SourceLocation {
        SourceLocation::Remote {
            url: url.to_owned(),
            access: Access::Public,
        }
    }

    #[tokio::test]
    async fn a_server_is_asked_four_times_at_once_and_others_do_not_wait() {
        let turns = Turns::default();
        let mut held = Vec::new();
        for path in ["a", "b", "c", "d"] {
            let one = at(&format!("https://git.example.com/{path}"));
            held.push(turns.of(&one).await.unwrap());
        }
        let other_way = at("ssh://git@GIT.example.com:2222/e");
        let mut fifth = pin!(turns.of(&other_way));
        let mut glance = Context::from_waker(Waker::noop());
        assert!(fifth.as_mut().poll(&mut glance).is_pending());
        assert!(turns.of(&at("https://other.example.com/a")).await.is_some());
        let here = SourceLocation::Local("/srv/git".into());
        assert!(turns.of(&here).await.is_none());
        held.pop();
        assert!(matches!(
            fifth.as_mut().poll(&mut glance),
            Poll::Ready(Some(_))
        ));
    }
}
