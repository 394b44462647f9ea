//! What the surfaces may ask of the running daemon.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot};

use crate::artifacts::{ArtifactError, ArtifactId, ArtifactName, Shelf};
use crate::domain::alert::{Acknowledgement, Alert};
use crate::domain::audit::{Action, Entry, Head, NewAudit};
use crate::domain::counts::VerdictCounts;
use crate::domain::finding::{Origin, Severity, Verdict};
use crate::domain::glance::Glance;
use crate::domain::identity::Identity;
use crate::domain::ids::{MessageId, RequestId, RunId, SnapshotId, StackId, TokenId};
use crate::domain::outlook::Outlook;
use crate::domain::pause::{Pause, Scope};
use crate::domain::policy::Decided;
use crate::domain::posture::{Filter, Posture, Window};
use crate::domain::progress::Progress;
use crate::domain::report::ReportId;
use crate::domain::request::{Request, Rollback};
use crate::domain::run::{Run, RunState};
use crate::domain::snapshot::SnapshotNote;
use crate::domain::source::SourceRecord;
use crate::domain::stack::StackRecord;
use crate::domain::token::{Grant, Token, TokenState};
use crate::store::StoreError;
use crate::terraform::read_log;

use super::acknowledge;
use super::command::{Command, Concern, Refusal};
use super::context::Context;
use super::messages;
use super::posture;
use super::{restore, state_watch, tokens, vote};

pub use super::messages::{ChannelView, MessageView};
pub use super::restore::{Asked, Done, Restore};
pub use super::state_watch::Watched;
pub use super::vote::Answer;
pub use crate::store::{AuditFilter, MessageFilter, Paging, Replica};

/// Of so many requests, newest first, the short names are known when they are over.
const LONG_AGO: u32 = 1000;
/// Whoever asks whether the daemon is ready has an answer after this time.
const READY_WITHIN: Duration = Duration::from_secs(5);

/// A handle on the running daemon.
#[derive(Debug, Clone)]
pub struct Handle {
    context: Arc<Context>,
    commands: mpsc::Sender<Command>,
}

/// The verdict of a stack, and origin and severity of each of its findings.
pub type Tally = (Verdict, Vec<(Origin, Severity)>);

/// A stack with all that is shown of it.
#[derive(Debug)]
pub struct StackView {
    /// The pause that it is in.
    pub paused: Option<Pause>,
    /// What is remembered.
    pub record: StackRecord,
    /// Its verdict now: an old one is `unknown`.
    pub verdict: Verdict,
    /// Its open alerts.
    pub alerts: Vec<Alert>,
}

/// A stack in the order of all.
#[derive(Debug, Default)]
pub struct Neighbours {
    /// What is applied before it.
    pub needs: Vec<StackId>,
    /// What is applied after it.
    pub needed_by: Vec<StackId>,
    /// Of what it needs, what a queued run of it waits for now.
    pub waits_for: Option<StackId>,
}

/// The replicas that share a database.
#[derive(Debug)]
pub struct Replicas {
    /// The number of the one that says so.
    pub answered: i64,
    /// Each of them, by number.
    pub all: Vec<Replica>,
    /// How many runs each has under way, by number.
    pub runs: BTreeMap<i64, usize>,
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
    pub async fn plan_now(&self, stack: &StackId, by: Identity) -> Result<RunId, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::PlanNow(stack.clone(), by, reply), answer)
            .await
    }

    /// Has a stack planned at an earlier commit and people asked about that; gives the run that
    /// plans.
    pub async fn roll_back(
        &self,
        stack: &StackId,
        to: &str,
        rollback: Rollback,
        by: Identity,
    ) -> Result<RunId, Refusal> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Rollback(stack.clone(), to.to_owned(), (rollback, by), reply);
        self.ask(command, answer).await
    }

    /// A person has looked at a held stack: repairs may go on. Plans it at once.
    pub async fn resume(&self, stack: &StackId, by: Identity) -> Result<RunId, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Resume(stack.clone(), by, reply), answer)
            .await
    }

    /// Nothing of a scope is changed from now on. This waits for nothing and nobody.
    ///
    /// # Errors
    /// If there is no such thing, or if the pause cannot be kept: then it holds, but not beyond the
    /// end of the daemon.
    pub fn pause(&self, pause: Pause, by: Identity) -> Result<(), Refusal> {
        self.known(&pause.scope)?;
        tracing::warn!("{}", pause.words());
        let kept = self.context.pauses.pause(pause.clone());
        let context = self.context.clone();
        // The database may be slow: nobody waits for it here.
        tokio::spawn(async move {
            let entry = NewAudit::asked(pause.at, &by, Action::Paused(pause));
            if let Err(error) = context.store.record(&[entry]).await {
                tracing::error!("the audit log lacks a pause: {error}");
            }
        });
        kept.map_err(|error| Refusal::NotKept(error.to_string()))
    }

    /// A pause is over; what it held back is looked at.
    pub async fn unpause(&self, scope: &Scope, by: &Identity) -> Result<(), Refusal> {
        let ended = self.context.pauses.resume(scope, &self.context.store).await;
        if !ended.map_err(|error| Refusal::StillPaused(error.to_string()))? {
            return Err(Refusal::NotPaused(scope.clone()));
        }
        tracing::warn!(%by, "{scope} is no longer paused");
        let action = Action::Unpaused {
            scope: scope.clone(),
        };
        let entry = NewAudit::asked(self.context.now(), by, action);
        self.context.store.record(&[entry]).await?;
        let told = self.commands.send(Command::Unpaused(scope.clone())).await;
        told.map_err(|_| Refusal::Stopping)
    }

    /// What is paused.
    pub fn pauses(&self) -> Vec<Pause> {
        self.context.pauses.on(self.context.now())
    }

    /// A scope that can be paused. Whether there is such a stack is not asked: the database may be
    /// slow, and a pause of nothing does no harm.
    fn known(&self, scope: &Scope) -> Result<(), Refusal> {
        match scope {
            Scope::Source(name) => {
                let mut sources = self.context.settings.sources.iter();
                match sources.any(|source| source.name == *name) {
                    true => Ok(()),
                    false => Err(Refusal::UnknownSource(name.clone())),
                }
            }
            Scope::All | Scope::Stack(_) => Ok(()),
        }
    }

    /// Somebody answers a request. What enough people have approved is planned again at once, and
    /// applied if it is the same plan.
    pub async fn answer(
        &self,
        id: &RequestId,
        answer: Answer,
        by: &Identity,
        reason: Option<String>,
    ) -> Result<Request, Refusal> {
        let request = vote::vote(&self.context, id, answer, by, reason).await?;
        if vote::is_approved(&request) {
            let (reply, reached) = oneshot::channel();
            let command = Command::Approved(request.stack.clone(), reply);
            // The answer is kept, and whoever leads looks for what is approved.
            if let Err(refusal) = self.ask(command, reached).await {
                tracing::warn!(request = %request.id, "applied later: {refusal}");
            }
        }
        Ok(request)
    }

    /// The request that this id, or the end of one, names; of those one that is not over first.
    pub async fn request(&self, name: &str) -> Result<Request, Refusal> {
        if let Ok(id) = name.parse() {
            let request = self.context.store.request(&id).await?;
            return request.ok_or_else(|| Refusal::UnknownRequest(name.to_owned()));
        }
        let live = self.context.store.live_requests().await?.into_iter();
        let mut named = live.filter(|request| request.id.short() == name);
        match (named.next(), named.next()) {
            (Some(request), None) => Ok(request),
            (None, _) => {
                let known = self
                    .context
                    .store
                    .requests(None, LONG_AGO)
                    .await?
                    .into_iter();
                let mut over = known.filter(|request| request.id.short() == name);
                over.next()
                    .ok_or_else(|| Refusal::UnknownRequest(name.to_owned()))
            }
            (Some(_), Some(_)) => Err(Refusal::Ambiguous(name.to_owned())),
        }
    }

    /// The newest requests, of one stack or of all, newest first; those that are not over, oldest
    /// first, unless all are asked for.
    pub async fn requests(
        &self,
        stack: Option<&StackId>,
        all: bool,
        limit: u32,
    ) -> Result<Vec<Request>, StoreError> {
        if all {
            return self.context.store.requests(stack, limit).await;
        }
        let live = self.context.store.live_requests().await?.into_iter();
        let of_stack = |request: &Request| stack.is_none_or(|stack| request.stack == *stack);
        Ok(live.filter(of_stack).collect())
    }

    /// A person takes the open alerts of a stack or a cause on; says how many there are.
    pub async fn acknowledge(
        &self,
        concern: &Concern,
        acknowledgement: &Acknowledgement,
        by: &Identity,
        now: Timestamp,
    ) -> Result<usize, Refusal> {
        acknowledge::acknowledge(&self.context, concern, acknowledgement, by, now).await
    }

    /// The snapshots of a stack's state, with what is known of each.
    pub async fn snapshots(
        &self,
        stack: &StackId,
    ) -> Result<BTreeMap<SnapshotId, Option<SnapshotNote>>, Refusal> {
        let listed = self.context.snapshots.list(stack).await;
        Ok(listed.map_err(|error| error.failure())?)
    }

    /// The state in a snapshot, with every secret that is in it.
    pub async fn snapshot(
        &self,
        stack: &StackId,
        id: SnapshotId,
        by: &Identity,
    ) -> Result<Vec<u8>, Refusal> {
        let read = self.context.snapshots.read(stack, id).await;
        let read = read.map_err(|error| error.failure())?;
        let read = read.ok_or(Refusal::UnknownSnapshot(id))?;
        let action = Action::SnapshotOpened {
            stack: stack.clone(),
            snapshot: id,
        };
        let entry = NewAudit::asked(self.context.now(), by, action);
        self.context.store.record(&[entry]).await?;
        Ok(read)
    }

    /// Says what putting a snapshot of a state back would mean, and does it if exactly that is
    /// confirmed. Then the stack is on hold, and planned. It goes on if whoever asks goes away.
    pub async fn restore(&self, stack: &StackId, asked: Asked) -> Result<Restore, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(Command::Borrow(stack.clone(), reply))
            .await
            .map_err(|_| Refusal::Stopping)?;
        let borrowed = answer.await.map_err(|_| Refusal::Stopping)??;
        let (this, stack) = (self.clone(), stack.clone());
        let restoring = tokio::spawn(async move {
            let restored = restore::restore(&this.context, &borrowed, &asked).await?;
            drop(borrowed);
            if restored.done.is_some()
                && let Err(refusal) = this.plan_now(&stack, asked.by.clone()).await
            {
                // What was asked for is done all the same.
                tracing::warn!(
                    stack = stack.as_str(),
                    "not planned after the restore: {refusal}"
                );
            }
            Ok(restored)
        });
        restoring.await.map_err(|_| Refusal::NotProven)?
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

    /// Tracked stacks: all of them at a glance, and everything about those that are chosen.
    pub async fn stacks(
        &self,
        is_chosen: impl Fn(&Glance, Verdict) -> bool,
    ) -> Result<(VerdictCounts, Vec<StackView>), StoreError> {
        let mut alerts: BTreeMap<StackId, Vec<Alert>> = BTreeMap::new();
        for alert in self.context.store.open_alerts(None).await? {
            alerts.entry(alert.stack.clone()).or_default().push(alert);
        }
        let now = self.context.now();
        let mut verdicts = Vec::new();
        let choose = |stack: &Glance| {
            stack.tracked && {
                let verdict = stack.verdict(now);
                verdicts.push(verdict);
                is_chosen(stack, verdict)
            }
        };
        let chosen = self.context.store.choose(choose).await?.into_iter();
        let views = chosen.map(|record| {
            let own = alerts.remove(&record.id).unwrap_or_default();
            self.view(record, own)
        });
        let views = views.collect();
        Ok((VerdictCounts::of(verdicts), views))
    }

    /// The ids of tracked stacks.
    pub async fn stack_ids(&self) -> Result<Vec<StackId>, StoreError> {
        let tracked = |stack: Glance| stack.tracked.then_some(stack.id);
        self.context.store.each_glance(tracked).await
    }

    /// What there is to count of every tracked stack: its verdict now, and its findings that are not
    /// suppressed.
    pub async fn tallies(&self) -> Result<Vec<Tally>, StoreError> {
        let now = self.context.now();
        let tally = |stack: Glance| {
            stack
                .tracked
                .then(|| (stack.verdict(now), stack.told().collect()))
        };
        self.context.store.each_glance(tally).await
    }

    /// What is yet to be done; none while the daemon stops, and on a replica that does not lead.
    pub async fn outlook(&self) -> Option<Outlook> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Outlook(reply)).await.ok()?;
        answer.await.ok()
    }

    /// When a stack is looked at next; none if a run of it waits or is under way, while the daemon stops,
    /// and on a replica that does not lead.
    pub async fn next_look(&self, id: &StackId) -> Option<Timestamp> {
        let (reply, answer) = oneshot::channel();
        let ask = Command::NextLook(id.clone(), reply);
        self.commands.send(ask).await.ok()?;
        answer.await.ok()?
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
        let (context, now) = (&self.context, self.context.now());
        StackView {
            paused: context.pauses.of(&record.id, &record.source, now),
            record,
            verdict,
            alerts,
        }
    }

    /// Whether the state of a stack is watched; none if it is not to be.
    pub async fn watched(&self, record: &StackRecord) -> Result<Option<Watched>, StoreError> {
        state_watch::watched(&self.context, record).await
    }

    /// What a stack waits for, and who waits for it; none where that is not known, as on a replica that
    /// does not lead.
    pub fn neighbours(&self, id: &StackId) -> Option<Neighbours> {
        let (orders, now) = (&self.context.orders, self.context.now());
        let order = orders.found_out()?;
        let own = |stacks: Vec<&StackId>| stacks.into_iter().cloned().collect();
        Some(Neighbours {
            needs: own(order.needed_by(id)),
            needed_by: own(order.in_need_of(id)),
            waits_for: orders.awaited(id, now),
        })
    }

    /// The replicas that share the database, by number; none if there can be only this process.
    pub async fn replicas(&self) -> Result<Option<Replicas>, StoreError> {
        let Some(answered) = self.context.store.replica() else {
            return Ok(None);
        };
        let all = self.context.store.replicas().await?;
        let runs = self.context.store.runs_by_replica().await?;
        Ok(Some(Replicas {
            answered,
            all,
            runs,
        }))
    }

    /// Runs, newest first.
    pub async fn runs(&self, stack: Option<&StackId>, limit: u32) -> Result<Vec<Run>, StoreError> {
        self.context.store.runs(stack, limit).await
    }

    /// One run.
    pub async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.context.store.run(id).await
    }

    /// How far the apply of a run has come; none if it applies nothing now, or does so on another replica.
    pub async fn progress(&self, run: &Run) -> Option<Progress> {
        if run.state != RunState::Applying {
            return None;
        }
        let log = self.context.layout.apply_log(&run.stack, &run.id);
        let read = tokio::task::spawn_blocking(move || read_log(&log));
        // Before the engine is started there is no log, and after the apply it is taken away.
        read.await.ok()?.ok().map(Progress::from)
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
    pub async fn retry_message(&self, id: &MessageId, by: &Identity) -> Result<(), Refusal> {
        messages::retry(&self.context, id, by).await
    }

    /// A person has every message that was given up sent again, or those to one notifier; says how
    /// many.
    pub async fn retry_messages(
        &self,
        notifier: Option<&str>,
        by: &Identity,
    ) -> Result<usize, Refusal> {
        messages::retry_all(&self.context, notifier, by).await
    }

    /// Every configured channel.
    pub async fn channels(&self) -> Result<Vec<ChannelView>, StoreError> {
        messages::channels(&self.context).await
    }

    /// A page of the audit log.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        paging: Paging,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        self.context.store.audit(filter, paging, limit).await
    }

    /// The last entry of the audit log.
    pub async fn audit_head(&self) -> Result<Head, StoreError> {
        self.context.store.audit_head().await
    }

    /// The active token that this is, and takes note of its use.
    pub async fn token_of(&self, secret: &str) -> Result<Option<Token>, StoreError> {
        tokens::token_of(&self.context, secret).await
    }

    /// Makes a token: what is known of it, and the token itself, which is told this once.
    pub async fn create_token(
        &self,
        grant: Grant,
        by: &Identity,
    ) -> Result<(Token, SecretString), Refusal> {
        tokens::create(&self.context, grant, by).await
    }

    /// Takes a token back.
    pub async fn revoke_token(&self, id: &TokenId, by: &Identity) -> Result<(), Refusal> {
        tokens::revoke(&self.context, id, by).await
    }

    /// Every token, newest first, with what it is now.
    pub async fn tokens(&self) -> Result<Vec<(Token, TokenState)>, StoreError> {
        tokens::list(&self.context).await
    }

    /// Why the daemon is not ready, if it is not: the database must answer and every source must
    /// have been tried once.
    pub async fn not_ready(&self) -> Option<String> {
        if let Some(cause) = self.context.store.waits_for() {
            return Some(format!("waiting for the database: {cause}"));
        }
        let sources = match tokio::time::timeout(READY_WITHIN, self.sources()).await {
            Ok(Ok(sources)) => sources,
            Ok(Err(error)) => return Some(format!("the database does not answer: {error}")),
            Err(_) => return Some("the database does not answer in time".to_owned()),
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
