//! Two replicas on one real PostgreSQL server.

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::domain::counts::VerdictCounts;
use crate::domain::ids::{CommitId, MessageId, SnapshotId, SourceName, StackId};
use crate::domain::message::{Addressee, Message};
use crate::domain::notice::{Notice, SummaryNotice};
use crate::domain::replica::PATIENCE_TO_LEAD;
use crate::domain::request::Rollback;
use crate::domain::restore::Choices;
use crate::domain::run::{Run, RunState, Trigger};
use crate::notify::settings::NotifySettings;
use crate::reconcile::fixture::{
    self, Receiver, daemon, daemon_with, driver, know_stack, operator, webhooks,
};
use crate::reconcile::handed::Task;
use crate::reconcile::handle::{Asked, Handle};
use crate::reconcile::recover::recover;
use crate::reconcile::time::Time;
use crate::reconcile::{calls, composer, outbox};
use crate::store::postgres_tests::{fresh, server::Postgres};
use crate::store::settings::PostgresSettings;
use crate::store::{Leading, replicas_tests};

const LONG: Duration = Duration::from_secs(60);

/// One replica that leads and one that does not.
struct Two {
    server: Postgres,
    _directory: TempDir,
    leading: Arc<Context>,
    standing_by: Arc<Context>,
}

async fn joined(
    database: &PostgresSettings,
    directory: &TempDir,
    name: &str,
    receivers: &[(&str, &Receiver)],
) -> Arc<Context> {
    let store = replicas_tests::joined(database, name).await;
    let notify = webhooks(directory, receivers);
    let settings = fixture::settings(&directory.path().join(name), notify);
    daemon_with(store, settings, Time::default()).await
}

impl Two {
    async fn start(test: &str) -> Option<Self> {
        Self::that_tell(test, &[]).await
    }

    async fn that_tell(test: &str, receivers: &[(&str, &Receiver)]) -> Option<Self> {
        let (server, directory, database) = fresh(test)?;
        let leading = joined(&database, &directory, "first", receivers).await;
        assert_eq!(
            leading.store.lead(SignedDuration::ZERO).await.unwrap(),
            Leading::Here
        );
        Some(Self {
            standing_by: joined(&database, &directory, "second", receivers).await,
            leading,
            server,
            _directory: directory,
        })
    }

    /// A handle on the replica that does not lead, whose calls last so long.
    fn handle(&self, lasts: Duration) -> Handle {
        let (commands, inbox) = mpsc::channel(8);
        let until = CancellationToken::new();
        let context = self.standing_by.clone();
        tokio::spawn(forward_within(context.clone(), inbox, until, lasts));
        Handle::new(context, commands)
    }

    /// Has the replica that leads do what it is called for; where its commands go.
    fn keep_calls(&self) -> mpsc::Sender<Command> {
        let commands = driver(&self.leading);
        tokio::spawn(calls::keep(self.leading.clone(), commands.clone()));
        commands
    }

    /// The one that leads is gone, and the other one leads from now on.
    async fn take_over(&self) {
        let ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks \
                     WHERE locktype = 'advisory'";
        self.server.sql("m", ended);
        let leads = self.standing_by.store.lead(PATIENCE_TO_LEAD).await.unwrap();
        assert_eq!(leads, Leading::Here);
    }
}

fn a() -> StackId {
    StackId::new("infra/a")
}

fn rollback() -> Rollback {
    Rollback {
        by: "ada".to_owned(),
        reason: None,
        asker: None,
    }
}

type Answer = JoinHandle<Result<RunId, Refusal>>;

fn plan(handle: &Handle) -> Answer {
    let handle = handle.clone();
    tokio::spawn(async move { handle.plan_now(&a(), operator()).await })
}

fn resume(handle: &Handle) -> Answer {
    let handle = handle.clone();
    tokio::spawn(async move { handle.resume(&a(), operator()).await })
}

/// Waits until so many calls wait, and begins them.
async fn begin(context: &Context, calls: usize) {
    let mut open = Vec::new();
    while open.len() < calls {
        tokio::time::sleep(Duration::from_millis(10)).await;
        open = context.store.open_calls().await.unwrap();
    }
    for call in open {
        assert!(context.store.begin_call(&call.id).await.unwrap());
    }
}

#[tokio::test]
async fn the_replica_that_leads_does_what_others_are_asked() {
    let Some(two) = Two::start("reconcile::the_replica_that_leads_does").await else {
        return;
    };
    let commands = two.keep_calls();
    know_stack(&two.leading, &commands).await;
    let handle = two.handle(LONG);
    let run = handle.plan_now(&a(), operator()).await.unwrap();
    let queued = two.leading.store.run(&run).await.unwrap().unwrap();
    assert_eq!((queued.stack, queued.trigger), (a(), Trigger::Person));
    assert_eq!(handle.resume(&a(), operator()).await.unwrap(), run);

    // What it refuses is refused here, in the same words.
    let again = handle.resume(&a(), operator()).await.unwrap_err();
    assert!(matches!(again, Refusal::NothingToResume(stack) if stack == a()));
    let none = StackId::new("infra/none");
    let unknown = handle.plan_now(&none, operator()).await.unwrap_err();
    assert!(matches!(unknown, Refusal::UnknownStack(stack) if stack == none));
    let stack = a();
    let back = handle.roll_back(&stack, "main~1", rollback(), operator());
    let unread = back.await.unwrap_err();
    assert!(matches!(&unread, Refusal::NoSuchCommit(_)));
    assert_eq!(unread.to_string(), "the source has not been read");
    let asked = Asked {
        snapshot: SnapshotId::from_uuid(uuid::Uuid::nil()),
        choices: Choices::default(),
        confirm: None,
        by: operator(),
    };
    let elsewhere = handle.restore(&a(), asked).await.unwrap_err().to_string();
    let number = two.leading.store.replica().unwrap();
    let said = format!(
        "this is done by the replica that leads, and this one does not; replica {number} (first) leads"
    );
    assert_eq!(elsewhere, said);
}

#[tokio::test]
async fn what_only_the_driver_knows_is_not_known_where_it_is_not() {
    let Some(two) = Two::start("reconcile::what_only_the_driver_knows").await else {
        return;
    };
    let commands = driver(&two.leading);
    know_stack(&two.leading, &commands).await;
    let leading = Handle::new(two.leading.clone(), commands);
    let standing_by = two.handle(LONG);
    assert!(leading.outlook().await.is_some() && leading.neighbours(&a()).is_some());
    assert!(standing_by.outlook().await.is_none());
    assert!(standing_by.next_look(&a()).await.is_none());
    assert!(standing_by.neighbours(&a()).is_none());
    let known = standing_by.replicas().await.unwrap().unwrap();
    assert_eq!(Some(known.answered), two.standing_by.store.replica());
    let all: Vec<_> = known
        .all
        .iter()
        .map(|r| (&*r.about.name, r.leads))
        .collect();
    assert_eq!(all, [("first", true), ("second", false)]);
}

#[tokio::test]
async fn what_nobody_takes_up_is_not_done_later() {
    let Some(two) = Two::start("reconcile::what_nobody_takes_up").await else {
        return;
    };
    let handle = two.handle(Duration::from_millis(200));
    let refused = handle.plan_now(&a(), operator()).await.unwrap_err();
    assert!(matches!(refused, Refusal::NotTakenUp(_)), "{refused}");
    assert!(two.leading.store.open_calls().await.unwrap().is_empty());

    let asked = plan(&two.handle(Duration::from_secs(3)));
    begin(&two.leading, 1).await;
    let refused = asked.await.unwrap().unwrap_err();
    assert!(matches!(refused, Refusal::Unclear), "{refused}");
}

/// The server has stored the call, and its answer gets lost with the connection.
#[tokio::test]
async fn what_is_said_to_have_failed_is_not_done_later() {
    let Some(two) = Two::start("reconcile::what_is_said_to_have_failed").await else {
        return;
    };
    let sql = |statement: &str| two.server.sql("m", statement);
    let reload = "SELECT pg_reload_conf()";
    // There is no such server: whatever is committed waits for it.
    sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    sql(reload);
    let asked = plan(&two.handle(LONG));
    let waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    while sql(&format!("SELECT COUNT(*) {waiting}")) == "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sql(&format!("SELECT pg_terminate_backend(pid, 5000) {waiting}"));
    sql("ALTER SYSTEM RESET synchronous_standby_names");
    sql(reload);
    let refused = asked.await.unwrap().unwrap_err();
    assert!(matches!(refused, Refusal::Store(_)), "{refused}");
    assert_eq!(sql("SELECT COUNT(*) FROM calls"), "0");
}

#[tokio::test]
async fn a_call_whose_answer_cannot_be_stored_is_taken_up_again() {
    let Some(two) = Two::start("reconcile::a_call_whose_answer_cannot_be_stored").await else {
        return;
    };
    let commands = two.keep_calls();
    know_stack(&two.leading, &commands).await;
    let fails_once = "CREATE SEQUENCE answers; \
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        IF nextval('answers') = 1 THEN RAISE EXCEPTION 'not now'; END IF; RETURN NEW; END $$; \
        CREATE TRIGGER fail BEFORE UPDATE ON calls FOR EACH ROW WHEN (NEW.reply IS NOT NULL) \
        EXECUTE FUNCTION fail()";
    two.server.sql("m", fails_once);
    let run = two.handle(LONG).plan_now(&a(), operator()).await.unwrap();
    let runs = two.leading.store.runs(Some(&a()), 9).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [run]);
    assert_eq!(two.server.sql("m", "SELECT last_value FROM answers"), "2");
}

#[tokio::test]
async fn who_comes_to_lead_does_what_was_begun_if_that_does_no_harm_and_says_so_if_not() {
    let Some(two) = Two::start("reconcile::who_comes_to_lead_does").await else {
        return;
    };
    know_stack(&two.leading, &driver(&two.leading)).await;
    let handle = two.handle(LONG);
    let (planned, resumed) = (plan(&handle), resume(&handle));
    begin(&two.leading, 2).await;
    let approved = plan(&handle);
    two.take_over().await;

    // Its driver has not read the source yet: that is no reason to say that there is no such stack.
    let commands = driver(&two.standing_by);
    tokio::spawn(calls::keep(two.standing_by.clone(), commands.clone()));
    let refused = resumed.await.unwrap().unwrap_err();
    assert!(matches!(refused, Refusal::Unclear), "{refused}");
    let record = two.standing_by.store.stack(&a()).await.unwrap().unwrap();
    assert!(record.held.is_some(), "nobody has looked at it");
    assert!(!planned.is_finished() && !approved.is_finished());
    know_stack(&two.standing_by, &commands).await;
    let run = planned.await.unwrap().unwrap();
    assert_eq!(approved.await.unwrap().unwrap(), run);
    let runs = two.standing_by.store.runs(Some(&a()), 9).await.unwrap();
    assert_eq!(runs.len(), 1, "it is queued once");
}

#[tokio::test]
async fn who_comes_to_lead_knows_who_wants_a_rollback_that_was_handed_out() {
    let Some(two) = Two::start("reconcile::who_comes_to_lead_knows").await else {
        return;
    };
    let mut run = Run::queued(fresh::run(), a(), Trigger::Rollback, Timestamp::now());
    run.step(RunState::Syncing, Timestamp::now()).unwrap();
    let task = Task {
        source: SourceName::new("infra"),
        commit: CommitId::new("c"),
        wanted: Some(rollback()),
        needed: vec![],
    };
    let number = two.standing_by.store.replica().unwrap();
    let handed = two.leading.store.hand_out(&run, number, &task);
    handed.await.unwrap();
    let left = recover(&two.leading).await.unwrap();
    assert_eq!(left.elsewhere[0].wanted, Some(rollback()));
}

#[tokio::test]
async fn a_call_of_which_nothing_is_heard_is_done_all_the_same() {
    let Some(two) = Two::start("reconcile::a_call_of_which_nothing").await else {
        return;
    };
    let commands = two.keep_calls();
    know_stack(&two.leading, &commands).await;
    let wish = Wish::Plan {
        stack: a(),
        by: operator(),
    };
    let wish = serde_json::to_string(&wish).unwrap();
    let (from, to) = ("0", "9000000000000000");
    let unheard = format!(
        "INSERT INTO calls (id, wish, asked_at, ends_at) VALUES ('{}', '{wish}', {from}, {to})",
        fresh::call()
    );
    two.server.sql("m", &unheard);
    let done = async {
        while two.server.sql(
            "m",
            "SELECT COUNT(*) FROM calls WHERE reply LIKE '%queued%'",
        ) != "1"
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, done).await.unwrap();
}

#[tokio::test]
async fn a_message_that_is_sent_again_elsewhere_leaves_at_once() {
    let hook = Receiver::start().await;
    let test = "reconcile::a_message_that_is_sent_again";
    let Some(two) = Two::that_tell(test, &[("hook", &hook)]).await else {
        return;
    };
    let to = Addressee {
        notifier: "hook".to_owned(),
        recipient: None,
    };
    let notice = Notice::Summary(SummaryNotice {
        source: SourceName::new("infra"),
        at: Timestamp::now(),
        stacks: vec![],
        counts: VerdictCounts::default(),
    });
    let id = MessageId::from_uuid(uuid::Uuid::nil());
    let message = Message::new(id, to, notice, Timestamp::now()).given_up("gone");
    two.leading.store.save_message(&message).await.unwrap();
    let mut listens = two.leading.store.bell(Topic::News);
    tokio::spawn(composer::keep(two.leading.clone()));
    tokio::spawn(outbox::deliver(two.leading.clone(), "hook".to_owned()));
    listens.rung().await;
    let handle = two.handle(LONG);
    handle.retry_message(&id, &operator()).await.unwrap();
    let came = async {
        while hook.came().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // By themselves they would look again after half a minute.
    timeout(Duration::from_secs(20), came).await.unwrap();
}

#[tokio::test]
async fn who_comes_to_lead_goes_on_with_the_commands() {
    let directory = tempfile::tempdir().unwrap();
    let settings = fixture::settings(directory.path(), NotifySettings::default());
    let context = daemon(settings, Time::default()).await;
    let (commands, inbox) = mpsc::channel(8);
    let until = CancellationToken::new();
    let standing_by = tokio::spawn(forward(context.clone(), inbox, until.clone()));
    let handle = Handle::new(context.clone(), commands);
    // Answered by nobody, so it is known to have been taken.
    assert!(handle.outlook().await.is_none());
    until.cancel();
    let mut inbox = standing_by.await.unwrap();
    let asked = plan(&handle);
    let command = inbox.recv().await;
    assert!(matches!(command, Some(Command::PlanNow(..))));
    drop(command);
    assert!(matches!(asked.await.unwrap(), Err(Refusal::Stopping)));
}
