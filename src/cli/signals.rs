//! Signals that end a command: the first stops Terraform kindly, the second at once.

use std::sync::{Arc, OnceLock};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::error::CliError;

/// What a command may be told by signals.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    first: Arc<OnceLock<u8>>,
    /// Cancelled by the first signal.
    pub(super) stop: CancellationToken,
    /// Cancelled by the second.
    at_once: CancellationToken,
}

impl Signals {
    /// Watches for signals from now on, which no longer end the process by themselves.
    pub(super) fn watch() -> Result<Self, CliError> {
        let signals = Self::default();
        for kind in [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ] {
            let mut stream = signal(kind).map_err(CliError::Runtime)?;
            let signals = signals.clone();
            tokio::spawn(async move {
                while stream.recv().await.is_some() {
                    signals.take(kind);
                }
            });
        }
        Ok(signals)
    }

    fn take(&self, kind: SignalKind) {
        let number = u8::try_from(kind.as_raw_value()).unwrap_or_default();
        if self.first.set(number).is_err() {
            self.at_once.cancel();
        }
        self.stop.cancel();
    }

    /// Does the work, and gives the exit code instead of its outcome if a signal came. After a
    /// second signal the work is dropped, which kills whatever it runs.
    pub(super) async fn guard<T>(
        &self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<Result<T, u8>, CliError> {
        let done = tokio::select! {
            done = work => Some(done),
            () = self.at_once.cancelled() => None,
        };
        match (self.first.get(), done) {
            (Some(signal), _) => Ok(Err(128 + signal)),
            (None, Some(done)) => done.map(Ok),
            (None, None) => Ok(Err(1)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_signal_stops_kindly_and_the_second_at_once() {
        let signals = Signals::default();
        assert_eq!(signals.guard(async { Ok(7) }).await.unwrap(), Ok(7));
        signals.take(SignalKind::terminate());
        let kindly = async {
            signals.stop.cancelled().await;
            Ok(7)
        };
        assert_eq!(signals.guard(kindly).await.unwrap(), Err(143));
        signals.take(SignalKind::interrupt());
        let deaf = std::future::pending::<Result<(), CliError>>();
        assert_eq!(signals.guard(deaf).await.unwrap(), Err(143));
    }
}
