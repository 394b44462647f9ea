//! What the surfaces may ask of the running daemon.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::artifacts::{ArtifactError, ArtifactId, ArtifactName, Shelf};
use crate::domain::alert::{Acknowledgement, Alert};
use crate::domain::finding::Verdict;
use crate::domain::ids::{MessageId, RunId, StackId};
use crate::domain::policy::Decided;
use crate::domain::posture::{Filter, Posture, Window};
use crate::domain::report::ReportId;
use crate::domain::run::Run;
use crate::domain::source::SourceRecord;
use crate::domain::stack::StackRecord;
use crate::store::StoreError;

use super::acknowledge;
use super::command::{Command, Concern, Refusal};
use super::context::Context;
use super::messages;
use super::posture;

pub use super::messages::{ChannelView, MessageView};
pub use crate::store::MessageFilter;

/// A handle on the running daemon.
#[derive(Debug, Clone)]
pub struct Handle {
    context: Arc<Context>,
    commands: mpsc::Sender<Command>,
}

/// A stack with all that is shown of it.
#[derive(Debug)]
pub struct StackView {
    /// What is remembered.
    pub record: StackRecord,
    /// Its verdict now: an old one is `unknown`.
    pub verdict: Verdict,
    /// Its open alerts.
    pub alerts: Vec<Alert>,
}

/// A kept copy as it is listed.
pub use crate::artifacts::Kept as CopyLine;

/// A kept copy.
#[derive(Debug)]
pub struct Copy {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// What that is, as HTTP says it.
    pub content_type: &'static str,
}

impl Handle {
    /// A handle on the daemon with this context.
    pub const fn new(context: Arc<Context>, commands: mpsc::Sender<Command>) -> Self {
        Self { context, commands }
    }

    /// Queues a run of a stack now; gives the run.
    pub async fn plan_now(&self, stack: &StackId) -> Result<RunId, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::PlanNow(stack.clone(), reply), answer)
            .await
    }

    /// A person has looked at a held stack: repairs may go on. Plans it at once.
    pub async fn resume(&self, stack: &StackId) -> Result<RunId, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Resume(stack.clone(), reply), answer)
            .await
    }

    /// A person takes the open alerts of a stack or a cause on; says how many there are.
    pub async fn acknowledge(
        &self,
        concern: &Concern,
        acknowledgement: &Acknowledgement,
        now: Timestamp,
    ) -> Result<usize, Refusal> {
        acknowledge::acknowledge(&self.context, concern, acknowledgement, now).await
    }

    async fn ask(
        &self,
        command: Command,
        answer: oneshot::Receiver<Result<RunId, Refusal>>,
    ) -> Result<RunId, Refusal> {
        self.commands
            .send(command)
            .await
            .map_err(|_| Refusal::Stopping)?;
        answer.await.map_err(|_| Refusal::Stopping)?
    }

    /// Every tracked stack.
    pub async fn stacks(&self) -> Result<Vec<StackView>, StoreError> {
        let mut alerts = self.context.store.open_alerts(None).await?;
        let records = self.context.store.stacks().await?;
        let tracked = records.into_iter().filter(|record| record.tracked);
        Ok(tracked
            .map(|record| {
                let (own, others): (Vec<Alert>, Vec<Alert>) = std::mem::take(&mut alerts)
                    .into_iter()
                    .partition(|alert| alert.stack == record.id);
                alerts = others;
                self.view(record, own)
            })
            .collect())
    }

    /// One stack.
    pub async fn stack(&self, id: &StackId) -> Result<Option<StackView>, StoreError> {
        let Some(record) = self.context.store.stack(id).await? else {
            return Ok(None);
        };
        let alerts = self.context.store.open_alerts(Some(id)).await?;
        Ok(Some(self.view(record, alerts)))
    }

    fn view(&self, record: StackRecord, alerts: Vec<Alert>) -> StackView {
        let verdict = record.verdict(self.context.now());
        StackView {
            record,
            verdict,
            alerts,
        }
    }

    /// Runs, newest first.
    pub async fn runs(&self, stack: Option<&StackId>, limit: u32) -> Result<Vec<Run>, StoreError> {
        self.context.store.runs(stack, limit).await
    }

    /// One run.
    pub async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.context.store.run(id).await
    }

    /// What was decided in a run, and from what.
    pub async fn decision(&self, run: &RunId) -> Result<Option<Decided>, StoreError> {
        self.context.store.decision(run).await
    }

    /// What was decided since a time, oldest first; `after` is the last one seen.
    pub async fn decisions(
        &self,
        since: Timestamp,
        after: Option<(Timestamp, RunId)>,
        limit: u32,
    ) -> Result<Vec<Decided>, StoreError> {
        self.context.store.decisions(since, after, limit).await
    }

    /// The sources.
    pub async fn sources(&self) -> Result<Vec<SourceRecord>, StoreError> {
        self.context.store.sources().await
    }

    /// Open alerts.
    pub async fn alerts(&self) -> Result<Vec<Alert>, StoreError> {
        self.context.store.open_alerts(None).await
    }

    /// The posture of the stacks that pass the filter: how they are now, and what happened in the
    /// window.
    pub async fn posture(
        &self,
        window: Window,
        filter: Filter,
        now: Timestamp,
    ) -> Result<Posture, StoreError> {
        posture::posture(&self.context.store, window, filter, now).await
    }

    /// The kept copies of a run or report, by name.
    pub async fn copies(&self, of: impl Into<Shelf>) -> Result<Vec<CopyLine>, ArtifactError> {
        self.context.artifacts.list(&of.into()).await
    }

    /// A kept copy of a run or report; none if there is none of this name.
    pub async fn copy(
        &self,
        of: impl Into<Shelf>,
        name: &str,
    ) -> Result<Option<Copy>, ArtifactError> {
        let Some(name) = ArtifactName::parse(name) else {
            return Ok(None);
        };
        let content_type = name.content_type();
        let id = ArtifactId::new(of, name);
        let bytes = self.context.artifacts.get(&id).await?;
        Ok(bytes.map(|bytes| Copy {
            bytes,
            content_type,
        }))
    }

    /// The reports that are kept, newest first.
    pub async fn reports(&self) -> Result<Vec<ReportId>, ArtifactError> {
        self.context.artifacts.reports().await
    }

    /// How many messages wait to be delivered.
    pub async fn waiting_messages(&self) -> Result<usize, StoreError> {
        self.context.store.waiting_messages().await
    }

    /// The newest of these messages, newest first.
    pub async fn messages(
        &self,
        filter: &MessageFilter,
        limit: u32,
    ) -> Result<Vec<MessageView>, StoreError> {
        messages::list(&self.context, filter, limit).await
    }

    /// One message, and its text.
    pub async fn message(
        &self,
        id: &MessageId,
    ) -> Result<Option<(MessageView, String)>, StoreError> {
        messages::show(&self.context, id).await
    }

    /// A person has a message that was given up sent again.
    pub async fn retry_message(&self, id: &MessageId, by: &str) -> Result<(), Refusal> {
        messages::retry(&self.context, id, by).await
    }

    /// A person has every message that was given up sent again, or those to one notifier; says how
    /// many.
    pub async fn retry_messages(&self, notifier: Option<&str>, by: &str) -> Result<usize, Refusal> {
        messages::retry_all(&self.context, notifier, by).await
    }

    /// Every configured channel.
    pub async fn channels(&self) -> Result<Vec<ChannelView>, StoreError> {
        messages::channels(&self.context).await
    }

    /// Why the daemon is not ready, if it is not: the database must answer and every source must
    /// have been tried once.
    pub async fn not_ready(&self) -> Option<String> {
        if let Err(error) = self.context.store.ping().await {
            return Some(format!("the database does not answer: {error}"));
        }
        let sources = match self.sources().await {
            Ok(sources) => sources,
            Err(error) => return Some(format!("the database cannot be read: {error}")),
        };
        let tried = |name| {
            sources
                .iter()
                .any(|s| &s.name == name && s.checked_at.is_some())
        };
        let untried = self
            .context
            .settings
            .sources
            .iter()
            .find(|source| !tried(&source.name));
        untried.map(|source| format!("the source {} has not been read yet", source.name))
    }
}
