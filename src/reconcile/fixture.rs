//! A daemon's context without a daemon, and receivers on loopback, for tests.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::sync::Notify;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::artifacts::Artifacts;
use crate::artifacts::settings::{ArtifactPlace, ArtifactSettings, Keep};
use crate::domain::rules::Rules;
use crate::domain::schedule::Schedule;
use crate::notify::Notifiers;
use crate::notify::settings::{ChannelSettings, NotifierSettings, NotifySettings, Value};
use crate::secret::SecretSource;
use crate::store::Store;

use super::bells::Bells;
use super::context::{Context, Heads, States, Stop};
use super::layout::Layout;
use super::pulse::Pulse;
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

/// A place for the URL of a server.
pub(super) fn url_file(directory: &TempDir, name: &str, url: &str) -> SecretSource {
    let path = directory.path().join(name);
    std::fs::write(&path, url).unwrap();
    SecretSource::File(path)
}

/// The context of a daemon with these webhooks.
pub(super) async fn context(directory: &TempDir, receivers: &[(&str, &Receiver)]) -> Arc<Context> {
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
    let notify = NotifySettings {
        notifiers: notifiers.collect(),
        ..NotifySettings::default()
    };
    daemon(settings(directory.path(), notify), Time::default()).await
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
        policy: PolicySettings::default(),
        disabled: false,
    }
}

/// Settings without sources.
pub(super) fn settings(directory: &Path, notify: NotifySettings) -> Settings {
    Settings {
        data_dir: directory.to_owned(),
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
        artifacts: ArtifactSettings {
            place: ArtifactPlace::Local,
            keep: Keep::Forever,
        },
        shutdown_grace: Duration::ZERO,
        heartbeat: None,
        warnings: Vec::new(),
    }
}

/// A daemon's context on what an earlier one left in the data directory.
pub(super) async fn daemon(settings: Settings, time: Time) -> Arc<Context> {
    let layout = Layout::create(&settings.data_dir).unwrap();
    Arc::new(Context {
        store: Store::open(&layout.database()).await.unwrap(),
        key: layout.installation_key().unwrap(),
        artifacts: Artifacts::open(&settings.artifacts.place, layout.root(), None)
            .await
            .unwrap(),
        notifiers: Notifiers::build(&settings.notify).unwrap(),
        layout,
        news_bell: Notify::new(),
        outbox_bells: Bells::default(),
        pulse: Pulse::default(),
        stop: Stop::default(),
        states: States::default(),
        heads: Heads::default(),
        time,
        telling: tokio::sync::Mutex::new(()),
        settings,
    })
}
