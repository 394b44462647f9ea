//! The composition root: builds, starts and drains everything.

mod key;
pub mod records;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::artifacts::{ArtifactError, Artifacts, Snapshots};
use crate::domain::audit::{Action, NewAudit};
use crate::domain::lease::Lease;
use crate::notify::{Notifiers, NotifyError, Switch};
use crate::reconcile::bells::Bells;
use crate::reconcile::command::Command;
use crate::reconcile::context::{Context, Heads, Stop};
use crate::reconcile::costs::Costs;
use crate::reconcile::driver::Driver;
use crate::reconcile::habits::Habits;
use crate::reconcile::handle::Handle;
use crate::reconcile::late::{self, Late};
use crate::reconcile::layout::Layout;
use crate::reconcile::mirrors::Mirrors;
use crate::reconcile::orders::Orders;
use crate::reconcile::pauses::{self, PauseError, PauseSwitch, UnkeptError};
use crate::reconcile::pulse::Pulse;
use crate::reconcile::recover::{LeftOver, recover};
use crate::reconcile::settings::Settings;
use crate::reconcile::time::Time;
use crate::reconcile::{
    calls, clock, composer, database, forward, heartbeat, housekeeping, leave, missing, outbox,
    overdue, reports, sources, standby, uploads, worker,
};
use crate::rego::{LoadError, Policies};
use crate::statewatch::Watcher;
use crate::store::{About, Joining, Store, StoreError};
use crate::telemetry::{self, Metrics};
use crate::terraform;

/// Commands that may wait for the driver.
const COMMANDS: usize = 64;
/// The pause before the database is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a process that ends tries to tell the others.
const TOLD: Duration = Duration::from_secs(2);

/// Why the daemon cannot start, or go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error("cannot use the data directory {path}: {cause}")]
    DataDir {
        /// The directory.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// Another daemon uses the data directory.
    #[error("another mooring uses the data directory {path}")]
    InUse {
        /// The directory.
        path: String,
    },
    /// The database cannot be used.
    #[error("cannot use the database: {0}")]
    Store(#[from] StoreError),
    /// There is a database in the data directory, and another one in the configuration.
    #[error("the configuration names a PostgreSQL database, and there is {path} as well")]
    TwoStores {
        /// The file.
        path: String,
    },
    /// The artifact store cannot be used.
    #[error("cannot use the artifact store: {0}")]
    Artifacts(#[from] ArtifactError),
    /// A channel cannot be used.
    #[error("cannot use a channel to people: {0}")]
    Notify(#[from] NotifyError),
    /// The configured installation key cannot be used.
    #[error("cannot use the installation key {path}: {cause}")]
    Key {
        /// Its file.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The records were made with another key.
    #[error("the installation key {path} is not the one that this database was first used with")]
    OtherKey {
        /// Its file.
        path: String,
    },
    /// What is paused cannot be read.
    #[error("what is paused is not known: {0}")]
    Pauses(#[from] PauseError),
    /// A policy in Rego is wrong.
    #[error(transparent)]
    Rego(#[from] LoadError),
    /// The API cannot listen.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The configured address.
        address: std::net::SocketAddr,
        /// Why.
        cause: std::io::Error,
    },
    /// A part of the daemon ended before it was asked to.
    #[error("a part of the daemon ended unexpectedly")]
    PartLost,
    /// Signals cannot be received.
    #[error("cannot receive signals: {0}")]
    Signals(std::io::Error),
}

impl StartError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::DataDir { .. } => "make it writable for this user, or set data_dir".to_owned(),
            Self::InUse { .. } => "stop the other one, or set another data_dir".to_owned(),
            Self::Store(error) => error.hint().to_owned(),
            Self::TwoStores { .. } => {
                "take its records along: `mooring store migrate-to postgres`; or \
                                       move the file away if they are not wanted"
                    .to_owned()
            }
            Self::Artifacts(error) => error.hint().to_owned(),
            Self::Key { .. } => key::HOW.to_owned(),
            Self::OtherKey { .. } => key::WHICH.to_owned(),
            Self::Rego(_) => "mend it, or take it out of policy.rego".to_owned(),
            Self::Pauses(_) => {
                "make the file readable, or delete it if nothing is to be paused".to_owned()
            }
            Self::Notify(_) => "check notify, smtp and ca_file".to_owned(),
            Self::Listen { .. } => "set api.listen to a free address and port".to_owned(),
            Self::PartLost => "look into the log for why; start it again".to_owned(),
            Self::Signals(_) => {
                "the operating system refused; nothing here can change it".to_owned()
            }
        }
    }
}

/// Runs the daemon until SIGTERM or SIGINT, then lets applies under way finish within their grace
/// time. A second signal interrupts them at once.
pub async fn serve(settings: Settings, metrics: Metrics) -> Result<(), StartError> {
    let mut signals = Signals::new().map_err(StartError::Signals)?;
    let layout = open_layout(&settings)?;
    let _held = layout.lock().map_err(|_| StartError::InUse {
        path: path(&settings),
    })?;
    let context = Arc::new(build(settings, layout).await?);
    let listener = listen(&context).await?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "listening");
    }
    let switch = switch(&context.settings)?;
    let (commands, inbox) = mpsc::channel::<Command>(COMMANDS);
    let (mut parts, mut works) = (JoinSet::new(), JoinSet::new());
    let tended = CancellationToken::new();
    let tending = tokio::spawn(database::tend(context.clone(), tended.clone()));
    let (token, stop) = (
        context.settings.api.token.clone(),
        context.stop.plans.clone(),
    );
    let handle = Handle::new(context.clone(), commands.clone());
    parts.spawn(keep_metrics(metrics.clone(), stop.clone()));
    start_own_parts(&mut parts, &context);
    // Whoever shares the database answers while another one leads. Who has it alone answers once what an
    // earlier process left is settled.
    let mut serving = Some(api::serve(listener, handle, metrics, token, stop));
    if context.store.is_shared()
        && let Some(serving) = serving.take()
    {
        parts.spawn(serving);
    }
    let leading = CancellationToken::new();
    let standing_by = tokio::spawn(forward::forward(context.clone(), inbox, leading.clone()));
    if let Some(own) = context.lease.clone() {
        works.spawn(worker::work(context.clone(), own));
    }
    let led = lead(
        &context,
        (&leading, standing_by),
        &mut signals,
        &mut parts,
        &mut works,
    );
    let ended = match led.await {
        Err(ended) => ended,
        Ok((left_over, inbox)) => {
            works.spawn(Driver::new(context.clone(), left_over).drive(inbox));
            if let Some(serving) = serving.take() {
                parts.spawn(serving);
            }
            start_parts(&mut parts, &context, &commands);
            if let Some((switch, every)) = switch {
                parts.spawn(heartbeat::keep_beating(context.clone(), switch, every));
            }
            tell_up(&context);
            until_ended(&context, &mut signals, &mut parts, &mut works).await
        }
    };
    drop(commands);
    drain(&context, works, &mut signals).await;
    // An apply may have ended after the server had last heard of this process, and before it was noticed.
    if context.store.tend().await.is_err() {
        context.stop.fenced.cancel();
    }
    end_of(&mut parts).await;
    tended.cancel();
    report(tending.await);
    if context.stop.fenced.is_cancelled() {
        record_late(&context).await;
        return Err(StoreError::Fenced.into());
    }
    context.store.close().await;
    tracing::info!("mooring is down");
    match ended {
        Ended::Asked => Ok(()),
        Ended::Fenced => Err(StoreError::Fenced.into()),
        Ended::PartLost => Err(StartError::PartLost),
        Ended::Failed(error) => Err(error),
    }
}

/// Why the daemon ends.
enum Ended {
    /// It was told to.
    Asked,
    /// Others have gone on without it.
    Fenced,
    /// A daemon that has lost a part would look alive and do only half of its work: it ends instead, and
    /// whoever runs it starts it again.
    PartLost,
    /// It cannot begin to lead.
    Failed(StartError),
}

/// Waits until it ends.
async fn until_ended(
    context: &Context,
    signals: &mut Signals,
    parts: &mut JoinSet<()>,
    works: &mut JoinSet<()>,
) -> Ended {
    tokio::select! {
        () = signals.next() => Ended::Asked,
        () = context.stop.fenced.cancelled() => Ended::Fenced,
        Some(_) = works.join_next() => Ended::PartLost,
        Some(_) = parts.join_next() => Ended::PartLost,
    }
}

/// Waits until it leads and has settled what was left; or says why it ends without.
async fn lead(
    context: &Context,
    (leading, standing_by): (&CancellationToken, JoinHandle<mpsc::Receiver<Command>>),
    signals: &mut Signals,
    parts: &mut JoinSet<()>,
    works: &mut JoinSet<()>,
) -> Result<(LeftOver, mpsc::Receiver<Command>), Ended> {
    let led = async {
        standby::until_leading(context)
            .await
            .map_err(|_| Ended::Fenced)?;
        let taken_over = taken_over(context, leading, standing_by).await;
        taken_over.map_err(Ended::Failed)
    };
    tokio::select! {
        led = led => led,
        ended = until_ended(context, signals, parts, works) => Err(ended),
    }
}

/// Goes on where whoever led before has stopped. Commands wait for the driver from now on.
async fn taken_over(
    context: &Context,
    leading: &CancellationToken,
    standing_by: JoinHandle<mpsc::Receiver<Command>>,
) -> Result<(LeftOver, mpsc::Receiver<Command>), StartError> {
    leading.cancel();
    let inbox = standing_by.await.map_err(|_| StartError::PartLost)?;
    Ok((recovered(context).await?, inbox))
}

/// Settles what was left. A server that goes away in the middle of it is waited for: what was settled
/// already is not there any more, so it is simply begun again.
async fn recovered(context: &Context) -> Result<LeftOver, StoreError> {
    context.leads.store(true, Ordering::Relaxed);
    telemetry::metrics::leads(true);
    waited_for(|| record_start(context)).await?;
    let left_over = waited_for(|| recover(context)).await?;
    waited_for(|| leave::retire(context)).await?;
    waited_for(|| outbox::retire(context)).await?;
    Ok(left_over)
}

/// Does something again as long as the database is away.
async fn waited_for<T, F>(mut work: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        match work().await {
            Err(error) if error.passes() || matches!(error, StoreError::OutOfDisk) => {
                tracing::warn!("what was left is settled once the database is back: {error}");
                tokio::time::sleep(AGAIN).await;
            }
            done => return done,
        }
    }
}

fn tell_up(context: &Context) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        sources = context.settings.sources.len(),
        data_dir = %context.layout.root().display(),
        "mooring is up"
    );
}

/// How applies ended that nobody could wait for any more.
async fn record_late(context: &Context) {
    let recorded = async {
        let store = join(&context.settings, &context.layout, 0).await?.0;
        late::record(context, &store).await?;
        store.close().await;
        Ok::<(), StartError>(())
    };
    if let Err(error) = recorded.await {
        tracing::error!("it cannot be recorded how applies ended: {error}");
    }
}

/// The audit log tells of each start, and the log of the process where the audit log ends: a copy of
/// its head in another place.
async fn record_start(context: &Context) -> Result<(), StoreError> {
    let started = Action::DaemonStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        configuration: context.settings.digest.clone(),
    };
    let started = NewAudit::own(context.now(), started);
    context.store.record(&[started]).await?;
    let head = context.store.audit_head().await?;
    tracing::info!(entry = head.seq, hash = %head.hash, "the head of the audit log");
    Ok(())
}

fn path(settings: &Settings) -> String {
    settings.data_dir.display().to_string()
}

fn open_layout(settings: &Settings) -> Result<Layout, StartError> {
    let opened = Layout::create(&settings.data_dir);
    opened.map_err(|cause| StartError::DataDir {
        path: path(settings),
        cause,
    })
}

async fn build(settings: Settings, layout: Layout) -> Result<Context, StartError> {
    let data_dir = |cause| StartError::DataDir {
        path: path(&settings),
        cause,
    };
    let key = key::read(&settings, &layout)?;
    let swept = terraform::sweep(&layout.scratch_root()).map_err(data_dir)?;
    if swept > 0 {
        tracing::info!(
            files = swept,
            "removed plan files and the like that an earlier process left"
        );
    }
    let (store, lease) = join(&settings, &layout, settings.jobs).await?;
    key::agree(&settings, &layout, &key, &store).await?;
    let pauses = open_pauses(&layout, &store).await?;
    let rego = settings.rego.as_ref();
    let policies = rego.map(Policies::load).transpose()?;
    let ca = settings.ca_file.as_deref();
    let artifacts = Artifacts::open(&settings.artifacts.place, layout.root(), ca).await?;
    let keys = settings.snapshots.keys.clone();
    let snapshots = Snapshots::new(layout.root(), keys, key.clone(), &artifacts);
    if let Err(error) = snapshots.check().await {
        tracing::error!(
            "nothing can be applied until this is mended: {error}. {}",
            error.hint()
        );
    }
    let notifiers = Notifiers::build(&settings.notify)?;
    Ok(Context {
        store,
        key,
        layout,
        artifacts,
        snapshots,
        notifiers,
        news_bell: tokio::sync::Notify::new(),
        outbox_bells: Bells::default(),
        pulse: Pulse::default(),
        stop: Stop::default(),
        heads: Heads::default(),
        machine: terraform::Machine::read(),
        costs: Costs::default(),
        habits: Habits::default(),
        state_watcher: Watcher::new(settings.ca_file.clone()),
        mirrors: Mirrors::default(),
        orders: Orders::default(),
        pauses,
        policies,
        time: Time::default(),
        leads: AtomicBool::new(false),
        lease,
        late: Late::default(),
        settings,
    })
}

/// The file in the data directory, or the database on a server. A file that is left beside a server is
/// not passed over in silence: what it remembers would be missing, and come back when it is used again.
async fn join(
    settings: &Settings,
    layout: &Layout,
    jobs: usize,
) -> Result<(Store, Option<Lease>), StartError> {
    let file = layout.database();
    let Some(database) = &settings.database else {
        return Ok((Store::open(&file).await?, None));
    };
    if file.exists() {
        let path = file.display().to_string();
        return Err(StartError::TwoStores { path });
    }
    let home = layout.home().map_err(|cause| StartError::DataDir {
        path: path(settings),
        cause,
    })?;
    let about = about(settings, jobs);
    let name = about.name.clone();
    let joining = Joining {
        home: home.clone(),
        about,
    };
    let store = Store::join(database, &joining).await?;
    let lease = store.replica().map(|replica| Lease {
        replica,
        home,
        name,
    });
    Ok((store, lease))
}

/// What other replicas are told of this one, which takes so many runs.
fn about(settings: &Settings, jobs: usize) -> About {
    let system = rustix::system::uname();
    About {
        name: system.nodename().to_string_lossy().into_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        configuration: settings.digest.clone(),
        jobs,
        memory: terraform::Machine::read().memory,
    }
}

/// What is paused, here and elsewhere.
async fn open_pauses(layout: &Layout, store: &Store) -> Result<PauseSwitch, StartError> {
    let pauses = PauseSwitch::open(layout.pauses())?;
    match pauses.exchange(store).await {
        Ok(()) => {}
        Err(UnkeptError::Store(error)) => return Err(error.into()),
        Err(UnkeptError::File(error)) => {
            tracing::warn!("what is paused stays in its file as well: {error}");
        }
    }
    Ok(pauses)
}

/// The dead man's switch, and how often it wants to hear.
fn switch(settings: &Settings) -> Result<Option<(Switch, Duration)>, NotifyError> {
    let Some(heartbeat) = &settings.heartbeat else {
        return Ok(None);
    };
    let switch = Switch::build(heartbeat.url.clone(), settings.ca_file.as_deref())?;
    Ok(Some((switch, heartbeat.every)))
}

async fn listen(context: &Context) -> Result<tokio::net::TcpListener, StartError> {
    let address = context.settings.api.listen;
    let listener = tokio::net::TcpListener::bind(address).await;
    listener.map_err(|cause| StartError::Listen { address, cause })
}

/// What every replica does, whether it leads or not: what runs leave behind stays with it.
fn start_own_parts(parts: &mut JoinSet<()>, context: &Arc<Context>) {
    parts.spawn(housekeeping::keep_pruning(context.clone()));
    parts.spawn(pauses::keep(context.clone()));
    if let Artifacts::S3(artifacts) = &context.artifacts {
        let stop = context.stop.plans.clone();
        parts.spawn(uploads::upload(artifacts.clone(), stop));
    }
}

fn start_parts(parts: &mut JoinSet<()>, context: &Arc<Context>, commands: &mpsc::Sender<Command>) {
    parts.spawn(clock::keep(context.clone()));
    parts.spawn(composer::keep(context.clone()));
    for notifier in context.notifiers.names() {
        parts.spawn(outbox::deliver(context.clone(), notifier.to_owned()));
    }
    parts.spawn(overdue::watch(context.clone()));
    for source in context.settings.sources.clone() {
        parts.spawn(sources::follow(context.clone(), source, commands.clone()));
    }
    parts.spawn(reports::keep_sending(context.clone()));
    if context.store.is_shared() {
        parts.spawn(calls::keep(context.clone(), commands.clone()));
        parts.spawn(missing::look(context.clone()));
    }
}

/// Histogram samples are folded this often, so that they don't pile up when nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(60);

async fn keep_metrics(metrics: Metrics, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(UPKEEP))
        .await
        .is_some()
    {
        metrics.upkeep();
    }
}

/// Plans stop at once; applies get their time.
async fn drain(context: &Context, mut works: JoinSet<()>, signals: &mut Signals) {
    tracing::info!("stopping: plans end now, applies may finish");
    context.stop.plans.cancel();
    let none = about(&context.settings, 0);
    let told = tokio::time::timeout(TOLD, context.store.describe(&none)).await;
    if !matches!(told, Ok(Ok(()))) {
        tracing::debug!("other replicas do not know yet that this one ends");
    }
    // Whoever leads now cannot end an apply of this process better than its own end.
    let grace = match context.stop.fenced.is_cancelled() {
        true => Duration::MAX,
        false => context.settings.shutdown_grace,
    };
    tokio::select! {
        () = end_of(&mut works) => return,
        () = tokio::time::sleep(grace) => {
            tracing::warn!("the grace time is over: applies are interrupted");
        }
        () = signals.next() => tracing::warn!("asked again: applies are interrupted"),
    }
    context.stop.applies.cancel();
    end_of(&mut works).await;
}

async fn end_of(set: &mut JoinSet<()>) {
    while let Some(ended) = set.join_next().await {
        report(ended);
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!("a part did not end well: {error}");
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    term: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let (term, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
        Ok(Self {
            term: signal(term)?,
            interrupt: signal(interrupt)?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
