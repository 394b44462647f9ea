//! The heart beats while the daemon does its work: no part of it is stuck and the database takes
//! writes. Whoever listens raises the alarm when it stops, which the daemon itself could not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::notify::Switch;
use crate::store::StoreError;
use crate::telemetry::metrics::{self, Heartbeat};

use super::context::Context;
use super::pulse::Part;

/// Under which the last beat is remembered: the proof that the database takes writes.
const BEAT: &str = "heartbeat";

/// Why there is no beat.
#[derive(Debug, thiserror::Error)]
enum Silence {
    #[error("{0} is stuck")]
    Stuck(Part),
    #[error("the database takes no writes: {0}")]
    Store(#[from] StoreError),
    #[error("the dead man's switch is not reached: {0}")]
    Unheard(String),
}

impl Silence {
    /// What is logged only once as long as it stays.
    fn kind(&self) -> Kind {
        match self {
            Self::Stuck(part) => Kind::Stuck(part.clone()),
            Self::Store(_) => Kind::Store,
            Self::Unheard(_) => Kind::Unheard,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Stuck(Part),
    Store,
    Unheard,
}

/// Beats until the daemon stops. A beat that is not heard is not repeated before its time.
pub async fn keep_beating(context: Arc<Context>, switch: Switch, every: Duration) {
    let stop = context.stop.plans.clone();
    let mut silent = None;
    let beating = async {
        loop {
            let beat = beat(&context, &switch, Instant::now()).await;
            silent = told(beat, silent.as_ref());
            tokio::time::sleep(every).await;
        }
    };
    let _stopped: Option<()> = stop.run_until_cancelled(beating).await;
}

async fn beat(context: &Context, switch: &Switch, now: Instant) -> Result<(), Silence> {
    if let Some(part) = context.pulse.stuck(now) {
        return Err(Silence::Stuck(part));
    }
    let at = context.now().to_string();
    context.store.remember(BEAT, &at).await?;
    switch.beat().await.map_err(Silence::Unheard)
}

/// Counts a beat, logs what is new, and says what is wrong now.
fn told(beat: Result<(), Silence>, before: Option<&Kind>) -> Option<Kind> {
    metrics::heartbeat(match &beat {
        Ok(()) => Heartbeat::Heard,
        Err(Silence::Unheard(_)) => Heartbeat::Unheard,
        Err(_) => Heartbeat::Withheld,
    });
    let silence = match beat {
        Ok(()) => {
            if before.is_some() {
                tracing::info!("the heart beats again");
            }
            return None;
        }
        Err(silence) => silence,
    };
    let kind = silence.kind();
    if before != Some(&kind) {
        match kind {
            Kind::Unheard => tracing::warn!("{silence}"),
            Kind::Stuck(_) | Kind::Store => tracing::error!("the heart stops: {silence}"),
        }
    }
    Some(kind)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::reconcile::fixture::{Receiver, context, url_file};

    #[tokio::test]
    async fn it_beats_only_while_the_daemon_does_its_work() {
        let (directory, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
        let context = context(&directory, &[]).await;
        let url = url_file(&directory, "switch", &receiver.server.uri());
        let switch = Switch::build(url, None).unwrap();
        let heard = async || receiver.server.received_requests().await.unwrap().len();
        let now = Instant::now();
        context.pulse.beat(Part::Driver);
        context.pulse.beat(Part::Clock);
        beat(&context, &switch, now).await.unwrap();
        assert_eq!(heard().await, 1);

        let later = now + Duration::from_secs(600);
        let stuck = beat(&context, &switch, later).await.unwrap_err();
        assert_eq!(stuck.to_string(), "the driver is stuck");
        receiver.answers(500);
        let unheard = beat(&context, &switch, now).await.unwrap_err();
        assert_eq!(unheard.kind(), Kind::Unheard);
        assert_eq!(heard().await, 2, "what is not heard is not repeated");
        receiver.answers(200);
        context.store.close().await;
        let silence = beat(&context, &switch, now).await.unwrap_err();
        assert_eq!(silence.kind(), Kind::Store);
        assert_eq!(heard().await, 2);
    }

    #[test]
    fn a_silence_is_logged_once() {
        let unheard = || Err(Silence::Unheard("it answered 500".to_owned()));
        let first = told(unheard(), None);
        assert_eq!(first, Some(Kind::Unheard));
        assert_eq!(told(unheard(), first.as_ref()), first);
        assert_eq!(told(Ok(()), first.as_ref()), None);
    }
}
