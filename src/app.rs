//! The composition root: builds, starts and drains everything.

mod key;
pub mod records;

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::api;
use crate::artifacts::{ArtifactError, Artifacts, Snapshots};
use crate::domain::audit::{Action, NewAudit};
use crate::notify::{Notifiers, NotifyError, Switch};
use crate::reconcile::bells::Bells;
use crate::reconcile::command::Command;
use crate::reconcile::context::{Context, Heads, Stop};
use crate::reconcile::costs::Costs;
use crate::reconcile::driver::Driver;
use crate::reconcile::habits::Habits;
use crate::reconcile::handle::Handle;
use crate::reconcile::layout::Layout;
use crate::reconcile::mirrors::Mirrors;
use crate::reconcile::orders::Orders;
use crate::reconcile::pauses::{self, PauseError, PauseSwitch, UnkeptError};
use crate::reconcile::pulse::Pulse;
use crate::reconcile::recover::{LeftOver, recover};
use crate::reconcile::settings::Settings;
use crate::reconcile::time::Time;
use crate::reconcile::{
    clock, composer, database, heartbeat, housekeeping, leave, outbox, overdue, reports, sources,
    uploads,
};
use crate::rego::{LoadError, Policies};
use crate::statewatch::Watcher;
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;
use crate::terraform;

/// Commands that may wait for the driver.
const COMMANDS: usize = 64;

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
    record_start(&context).await?;
    let left_over = recover(&context).await?;
    leave::retire(&context).await?;
    outbox::retire(&context).await?;
    let switch = switch(&context.settings)?;
    let (commands, inbox) = mpsc::channel::<Command>(COMMANDS);
    let driver_gone = CancellationToken::new();
    let driver = drive(&context, left_over, inbox, driver_gone.clone().drop_guard());
    let handle = Handle::new(context.clone(), commands.clone());
    let mut parts = start_parts(&context, &commands);
    drop(commands);
    if let Some((switch, every)) = switch {
        parts.spawn(heartbeat::keep_beating(context.clone(), switch, every));
    }
    let stop = context.stop.plans.clone();
    let token = context.settings.api.token.clone();
    parts.spawn(keep_metrics(metrics.clone(), stop.clone()));
    parts.spawn(api::serve(listener, handle, metrics, token, stop));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = %context.settings.api.listen,
        sources = context.settings.sources.len(),
        data_dir = %context.layout.root().display(),
        "mooring is up"
    );
    // A daemon that has lost a part would look alive and do only half of its work: it ends instead,
    // and whoever runs it starts it again.
    let lost = tokio::select! {
        () = signals.next() => false,
        () = driver_gone.cancelled() => true,
        Some(_) = parts.join_next() => true,
    };
    drain(&context, driver, &mut signals).await;
    while let Some(ended) = parts.join_next().await {
        if let Err(error) = ended {
            tracing::error!("a part did not end well: {error}");
        }
    }
    tracing::info!("mooring is down");
    if lost {
        Err(StartError::PartLost)
    } else {
        Ok(())
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

/// Starts the driver; the guard goes with it, however it ends.
fn drive(
    context: &Arc<Context>,
    left_over: LeftOver,
    inbox: mpsc::Receiver<Command>,
    gone: DropGuard,
) -> JoinHandle<()> {
    let driver = Driver::new(context.clone(), left_over);
    tokio::spawn(async move {
        let _gone = gone;
        driver.drive(inbox).await;
    })
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
    let store = open_store(&settings, &layout).await?;
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
        applying: tokio::sync::Mutex::new(()),
        telling: tokio::sync::Mutex::new(()),
        settings,
    })
}

/// The file in the data directory, or the database on a server. A file that is left beside a server is
/// not passed over in silence: what it remembers would be missing, and come back when it is used again.
async fn open_store(settings: &Settings, layout: &Layout) -> Result<Store, StartError> {
    let file = layout.database();
    let Some(database) = &settings.database else {
        return Ok(Store::open(&file).await?);
    };
    if file.exists() {
        let path = file.display().to_string();
        return Err(StartError::TwoStores { path });
    }
    Ok(Store::connect(database).await?)
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

fn start_parts(context: &Arc<Context>, commands: &mpsc::Sender<Command>) -> JoinSet<()> {
    let mut parts = JoinSet::new();
    parts.spawn(clock::keep(context.clone()));
    parts.spawn(composer::keep(context.clone()));
    for notifier in context.notifiers.names() {
        parts.spawn(outbox::deliver(context.clone(), notifier.to_owned()));
    }
    parts.spawn(housekeeping::keep_pruning(context.clone()));
    parts.spawn(overdue::watch(context.clone()));
    parts.spawn(database::tend(context.clone()));
    parts.spawn(pauses::keep(context.clone()));
    if let Artifacts::S3(artifacts) = &context.artifacts {
        let stop = context.stop.plans.clone();
        parts.spawn(uploads::upload(artifacts.clone(), stop));
    }
    for source in context.settings.sources.clone() {
        parts.spawn(sources::follow(context.clone(), source, commands.clone()));
    }
    parts.spawn(reports::keep_sending(context.clone()));
    parts
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
async fn drain(context: &Context, driver: JoinHandle<()>, signals: &mut Signals) {
    tracing::info!("stopping: plans end now, applies may finish");
    context.stop.plans.cancel();
    let mut driver = driver;
    tokio::select! {
        ended = &mut driver => return report(ended),
        () = tokio::time::sleep(context.settings.shutdown_grace) => {
            tracing::warn!("the grace time is over: applies are interrupted");
        }
        () = signals.next() => tracing::warn!("asked again: applies are interrupted"),
    }
    context.stop.applies.cancel();
    report(driver.await);
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!("the driver did not end well: {error}");
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
