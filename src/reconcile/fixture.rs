//! A daemon's context without a daemon, and receivers on loopback, for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc, oneshot};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::artifacts::settings::{
    ArtifactPlace, ArtifactSettings, Keep, SnapshotKeys, SnapshotSettings,
};
use crate::artifacts::{Artifacts, Snapshots};
use crate::domain::dedication::Dedications;
use crate::domain::identity::Identity;
use crate::domain::ids::{CommitId, SourceName, StackId};
use crate::domain::rules::Rules;
use crate::domain::schedule::Schedule;
use crate::domain::stack::StackRecord;
use crate::notify::Notifiers;
use crate::notify::settings::{ChannelSettings, NotifierSettings, NotifySettings, Value};
use crate::secret::SecretSource;
use crate::statewatch::Watcher;
use crate::store::Store;
use crate::terraform::Machine;

use super::bells::Bells;
use super::command::{Command, SourceUpdate};
pub(crate) use super::context::Context;
use super::context::{Heads, Stop};
use super::costs::Costs;
use super::driver::Driver;
use super::habits::Habits;
use super::handle::Handle;
use super::late::Late;
use super::layout::Layout;
use super::mirrors::Mirrors;
use super::orders::Orders;
use super::pauses::PauseSwitch;
use super::pulse::Pulse;
use super::record::first_record;
use super::recover::LeftOver;
use super::resolve::Tracked;
use super::settings::{
    ApiSettings, PolicySettings, Settings, StackSettings, TellingSettings, Timeouts,
};
use super::time::Time;

/// A webhook that answers what it is told to, and the context of a daemon that uses it.
pub(super) struct Receiver {
    pub(super) server: MockServer,
    status: Arc<AtomicU16>,
}

struct Answers(Arc<AtomicU16>);

/// Instead of a status: no answer within the time that anybody waits.
pub(super) const HANGS: u16 = 0;

impl Respond for Answers {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        match self.0.load(Ordering::SeqCst) {
            HANGS => ResponseTemplate::new(200).set_delay(Duration::from_secs(120)),
            status => ResponseTemplate::new(status),
        }
    }
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let server = MockServer::start().await;
        let status = Arc::new(AtomicU16::new(200));
        let mock = Mock::given(wiremock::matchers::any());
        mock.respond_with(Answers(status.clone()))
            .mount(&server)
            .await;
        Self { server, status }
    }

    pub(super) fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The ids of the messages that came, in their order.
    pub(super) async fn came(&self) -> Vec<String> {
        let requests = self.server.received_requests().await.unwrap();
        let id = |request: &Request| request.headers["webhook-id"].to_str().unwrap().to_owned();
        requests.iter().map(id).collect()
    }
}

/// Whoever has the operator's token.
pub(crate) fn operator() -> Identity {
    Identity::Operator {
        claims: Some("ada".to_owned()),
    }
}

/// A place for the URL of a server.
pub(super) fn url_file(directory: &TempDir, name: &str, url: &str) -> SecretSource {
    let path = directory.path().join(name);
    std::fs::write(&path, url).unwrap();
    SecretSource::File(path)
}

/// The context of a daemon with these webhooks.
pub(super) async fn context(directory: &TempDir, receivers: &[(&str, &Receiver)]) -> Arc<Context> {
    let notify = webhooks(directory, receivers);
    daemon(settings(directory.path(), notify), Time::default()).await
}

/// Settings of these webhooks.
pub(super) fn webhooks(directory: &TempDir, receivers: &[(&str, &Receiver)]) -> NotifySettings {
    let notifiers = receivers.iter().map(|(name, receiver)| {
        let url = url_file(directory, name, &receiver.server.uri());
        NotifierSettings {
            name: (*name).to_owned(),
            channel: ChannelSettings {
                channel: "webhook",
                values: [("url", Value::Secret(url))].into_iter().collect(),
            },
        }
    });
    NotifySettings {
        notifiers: notifiers.collect(),
        ..NotifySettings::default()
    }
}

/// How a stack is planned if nothing is said of it.
pub(super) fn stack_settings() -> StackSettings {
    let now = Timestamp::UNIX_EPOCH;
    let schedule = Schedule::parse("*/30 * * * *", "UTC", SignedDuration::ZERO, now);
    StackSettings {
        workspace: None,
        var_files: Vec::new(),
        backend_config: Vec::new(),
        plan_env: BTreeMap::new(),
        apply_env: BTreeMap::new(),
        engine: "terraform".to_owned(),
        schedule: schedule.unwrap(),
        timeouts: Timeouts::default(),
        labels: BTreeMap::new(),
        watch: Vec::new(),
        adaptive: None,
        state_watch: None,
        after: Vec::new(),
        policy: PolicySettings::default(),
        disabled: false,
    }
}

/// Settings without sources.
pub(crate) fn settings(directory: &Path, notify: NotifySettings) -> Settings {
    Settings {
        digest: "0".repeat(64),
        data_dir: directory.to_owned(),
        database: None,
        installation_key_file: None,
        ca_file: None,
        api: ApiSettings {
            listen: ([127, 0, 0, 1], 0).into(),
            token: None,
        },
        sources: Vec::new(),
        jobs: 1,
        stacks: Vec::new(),
        defaults: stack_settings(),
        rules: Rules::default(),
        notify,
        telling: TellingSettings::default(),
        reports: Vec::new(),
        budgets: Vec::new(),
        dedications: Dedications::default(),
        artifacts: ArtifactSettings {
            place: ArtifactPlace::Local,
            keep: Keep::Forever,
        },
        snapshots: SnapshotSettings {
            keys: SnapshotKeys::default(),
            keep: Keep::Forever,
            keep_last: 1,
        },
        shutdown_grace: Duration::ZERO,
        heartbeat: None,
        rego: None,
        warnings: Vec::new(),
    }
}

/// A daemon's context on what an earlier one left in the data directory.
pub(crate) async fn daemon(settings: Settings, time: Time) -> Arc<Context> {
    let layout = Layout::create(&settings.data_dir).unwrap();
    let store = Store::open(&layout.database()).await.unwrap();
    daemon_with(store, settings, time).await
}

/// A daemon's context with a store of its own.
pub(crate) async fn daemon_with(store: Store, settings: Settings, time: Time) -> Arc<Context> {
    let layout = Layout::create(&settings.data_dir).unwrap();
    let key = layout.installation_key().unwrap();
    let artifacts = Artifacts::open(&settings.artifacts.place, layout.root(), None)
        .await
        .unwrap();
    let keys = settings.snapshots.keys.clone();
    Arc::new(Context {
        store,
        snapshots: Snapshots::new(layout.root(), keys, key.clone(), &artifacts),
        key,
        artifacts,
        notifiers: Notifiers::build(&settings.notify).unwrap(),
        layout: layout.clone(),
        news_bell: Notify::new(),
        outbox_bells: Bells::default(),
        pulse: Pulse::default(),
        stop: Stop::default(),
        heads: Heads::default(),
        machine: Machine::default(),
        costs: Costs::default(),
        habits: Habits::default(),
        state_watcher: Watcher::new(None),
        mirrors: Mirrors::default(),
        orders: Orders::default(),
        pauses: PauseSwitch::open(layout.pauses()).unwrap(),
        policies: None,
        time,
        leads: AtomicBool::new(true),
        lease: None,
        late: Late::default(),
        settings,
    })
}

/// The context of a daemon on this directory without receivers, and the clock that it goes by.
pub(crate) async fn paused(directory: &Path, at: Timestamp) -> (Arc<Context>, Clock) {
    let clock = Arc::new(Mutex::new(at));
    let settings = settings(directory, NotifySettings::default());
    (daemon(settings, Time::Paused(clock.clone())).await, clock)
}

/// A clock that stands until it is moved.
pub(crate) type Clock = Arc<Mutex<Timestamp>>;

/// The stack `infra/a`.
pub(super) fn tracked() -> Tracked {
    Tracked {
        id: StackId::new("infra/a"),
        source: SourceName::new("infra"),
        dir: "a".to_owned(),
        workspace: "default".to_owned(),
        name: None,
        settings: Arc::new(stack_settings()),
        reads: Vec::new(),
        closed_at: None,
        watch: Vec::new(),
        owners: Vec::new(),
        needs: Vec::new(),
        problem: None,
    }
}

/// A handle on a driver that knows the stack `infra/a`, of which no run can start: its source has not
/// been read.
pub(crate) async fn driven(context: &Arc<Context>) -> Handle {
    let commands = driver(context);
    know_stack(context, &commands).await;
    Handle::new(context.clone(), commands)
}

/// A driver that knows no stack; where its commands go.
pub(super) fn driver(context: &Arc<Context>) -> mpsc::Sender<Command> {
    let (commands, inbox) = mpsc::channel(8);
    tokio::spawn(Driver::new(context.clone(), LeftOver::default()).drive(inbox));
    commands
}

/// Has a driver know the held stack `infra/a`.
pub(super) async fn know_stack(context: &Arc<Context>, commands: &mpsc::Sender<Command>) {
    let tracked = tracked();
    let now = context.now();
    let record = StackRecord {
        checked_at: Some(now),
        held: Some("the state went back".to_owned()),
        ..first_record(&tracked, now)
    };
    context.store.save_stack(&record).await.unwrap();
    let update = SourceUpdate {
        source: tracked.source.clone(),
        commit: CommitId::new("c"),
        stacks: vec![tracked],
        touched: BTreeSet::new(),
        unread: None,
    };
    let (done, taken) = oneshot::channel();
    let source = Command::Source(update, done);
    commands.send(source).await.unwrap();
    taken.await.unwrap();
}
