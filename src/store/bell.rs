//! Bells that ring in every process that shares the database, so that whoever waits for what another one
//! stores is woken by it and need not look again and again.

use std::sync::{Arc, Once};
use std::time::Duration;

use sqlx::{AnyConnection, Executor};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::postgres::{self, Heard};
use super::settings::PostgresSettings;
use super::writer::Writing;
use super::{Store, StoreError};

/// What a bell rings for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// A call to the leading replica.
    Calls,
    /// What came of one.
    Answers,
    /// News that waits to become messages, and messages that wait to be delivered.
    News,
    /// Runs that are handed to a replica.
    Runs,
    /// Their ends.
    Ends,
}

impl Topic {
    const ALL: [Self; 5] = [
        Self::Calls,
        Self::Answers,
        Self::News,
        Self::Runs,
        Self::Ends,
    ];

    /// Its name on a server.
    const fn name(self) -> &'static str {
        match self {
            Self::Calls => "mooring_calls",
            Self::Answers => "mooring_answers",
            Self::News => "mooring_news",
            Self::Runs => "mooring_runs",
            Self::Ends => "mooring_ends",
        }
    }

    const fn ringing(self) -> &'static str {
        match self {
            Self::Calls => "NOTIFY mooring_calls",
            Self::Answers => "NOTIFY mooring_answers",
            Self::News => "NOTIFY mooring_news",
            Self::Runs => "NOTIFY mooring_runs",
            Self::Ends => "NOTIFY mooring_ends",
        }
    }
}

/// Rings on a server when the transaction is committed, in every process; a file has one process, which
/// rings by itself.
pub(super) async fn ring(connection: &mut AnyConnection, topic: Topic) -> Result<(), StoreError> {
    if postgres::is_server(connection) {
        connection.execute(topic.ringing()).await?;
    }
    Ok(())
}

/// Waits for one topic.
#[derive(Debug)]
pub struct Bell {
    heard: watch::Receiver<u64>,
    /// As long as a bell is there, it is listened for it.
    _bells: Bells,
}

impl Bell {
    /// Waits until it has rung since it was last waited for. It may ring for nothing. Now and then a ring
    /// is lost with the connection that it comes by, so whoever relies on it looks for themselves from
    /// time to time.
    pub async fn rung(&mut self) {
        if self.heard.changed().await.is_err() {
            // Nobody can ring it any more.
            std::future::pending::<()>().await;
        }
    }

    /// The same, but for a time at most.
    pub async fn rung_within(&mut self, time: Duration) {
        let _rung_or_not = timeout(time, self.rung()).await;
    }
}

/// The bells of a store.
#[derive(Debug, Clone)]
pub(super) struct Bells(Arc<Tower>);

#[derive(Debug)]
struct Tower {
    ropes: Arc<Ropes>,
    server: Option<PostgresSettings>,
    listens: Once,
    stop: CancellationToken,
    _stops_with_it: DropGuard,
}

/// Each counts how often it rang.
#[derive(Debug, Default)]
struct Ropes {
    calls: watch::Sender<u64>,
    answers: watch::Sender<u64>,
    news: watch::Sender<u64>,
    runs: watch::Sender<u64>,
    ends: watch::Sender<u64>,
}

impl Ropes {
    const fn of(&self, topic: Topic) -> &watch::Sender<u64> {
        match topic {
            Topic::Calls => &self.calls,
            Topic::Answers => &self.answers,
            Topic::News => &self.news,
            Topic::Runs => &self.runs,
            Topic::Ends => &self.ends,
        }
    }

    fn ring(&self, topic: Topic) {
        let count = |rang: &mut u64| *rang = rang.wrapping_add(1);
        self.of(topic).send_modify(count);
    }
}

impl Bells {
    /// Bells that ring in this process, and for what is said on a server if there is one.
    pub(super) fn new(server: Option<PostgresSettings>) -> Self {
        let stop = CancellationToken::new();
        Self(Arc::new(Tower {
            ropes: Arc::default(),
            server,
            listens: Once::new(),
            _stops_with_it: stop.clone().drop_guard(),
            stop,
        }))
    }

    /// Hears nothing more.
    pub(super) fn silence(&self) {
        self.0.stop.cancel();
    }

    fn bell(&self, topic: Topic) -> Bell {
        let tower = &self.0;
        if let Some(server) = &tower.server {
            let (server, ropes) = (server.clone(), tower.ropes.clone());
            let stop = tower.stop.clone();
            tower.listens.call_once(|| {
                tokio::spawn(stop.run_until_cancelled_owned(listen(server, ropes)));
            });
        }
        Bell {
            heard: tower.ropes.of(topic).subscribe(),
            _bells: self.clone(),
        }
    }
}

async fn listen(server: PostgresSettings, ropes: Arc<Ropes>) {
    let names = Topic::ALL.map(Topic::name);
    let heard = |heard: Heard<'_>| match heard {
        Heard::Said(name) => {
            let said = Topic::ALL.into_iter().find(|c| c.name() == name);
            said.into_iter().for_each(|topic| ropes.ring(topic));
        }
        Heard::NothingSoFar => Topic::ALL.into_iter().for_each(|c| ropes.ring(c)),
    };
    postgres::listen(&server, &names, &heard).await;
}

impl Store {
    /// A bell for a topic, which rings for what is stored from now on.
    pub fn bell(&self, topic: Topic) -> Bell {
        self.bells.bell(topic)
    }

    /// Commits a transaction, and rings.
    pub(super) async fn commit_and_ring(
        &self,
        mut transaction: Writing,
        topic: Topic,
    ) -> Result<(), StoreError> {
        ring(&mut transaction, topic).await?;
        transaction.commit().await?;
        self.bells.0.ropes.ring(topic);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_topic_is_rung_by_its_name() {
        for topic in Topic::ALL {
            assert_eq!(topic.ringing(), format!("NOTIFY {}", topic.name()));
        }
    }

    #[tokio::test]
    async fn a_bell_that_rang_before_it_is_waited_for_is_not_missed() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("db")).await.unwrap();
        let (mut calls, mut news) = (store.bell(Topic::Calls), store.bell(Topic::News));
        for _ in 0..2 {
            let transaction = store.begin().await.unwrap();
            let rung = store.commit_and_ring(transaction, Topic::Calls);
            rung.await.unwrap();
        }
        calls.rung().await;
        let quiet = Duration::from_millis(1);
        assert!(timeout(quiet, calls.rung()).await.is_err(), "once for both");
        assert!(timeout(quiet, news.rung()).await.is_err());
    }
}
