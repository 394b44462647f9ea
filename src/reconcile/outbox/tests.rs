//! Channels that fail, hang and come back, on a clock that the tests move.

use tempfile::TempDir;

use crate::domain::alert::{AlertEvent, AlertKind};
use crate::domain::audience::Audience;
use crate::domain::counts::VerdictCounts;
use crate::domain::finding::Severity;
use crate::domain::ids::{AlertId, MessageId, SourceName, StackId};
use crate::domain::message::Addressee;
use crate::domain::notice::{AlertNotice, Reach, SummaryNotice};
use crate::reconcile::fixture::{HANGS, Receiver, context, operator};
use crate::reconcile::{composer, messages};
use crate::store::MessageFilter;

use super::*;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn begin() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn id(n: u128) -> MessageId {
    MessageId::from_uuid(uuid::Uuid::from_u128(n))
}

fn summary(n: u128) -> Notice {
    Notice::Summary(SummaryNotice {
        source: SourceName::new("infra"),
        at: begin() + SignedDuration::from_secs(i64::try_from(n).unwrap()),
        stacks: vec![],
        counts: VerdictCounts::default(),
    })
}

fn critical() -> Notice {
    Notice::Alert(AlertNotice {
        alert: AlertId::from_uuid(uuid::Uuid::from_u128(7)),
        event: AlertEvent::Opened,
        kind: AlertKind::Drift,
        stack: StackId::new("infra/web"),
        severity: Severity::Critical,
        at: begin(),
        looked_at: None,
        opened_at: begin(),
        since: None,
        detail: None,
        resolution: None,
        news: vec![],
        acknowledged: None,
        returns: 0,
        escalated: false,
        cause: None,
        request: None,
        trouble: None,
        audience: Audience::default(),
        check: crate::domain::testing::check(vec![]),
    })
}

async fn put(context: &Context, notifier: &str, n: u128, notice: Notice, now: Timestamp) {
    let to = Addressee {
        notifier: notifier.to_owned(),
        recipient: None,
    };
    let message = Message::new(id(n), to, notice, now);
    context.store.save_message(&message).await.unwrap();
}

/// Everything that one notifier's carrier can do at a time; says when there is more.
async fn all_at(context: &Context, carrier: &mut Carrier, now: Timestamp) -> Option<Timestamp> {
    loop {
        let next = attend(context, carrier, now).await.unwrap();
        if next.is_none_or(|next| next > now) {
            return next;
        }
    }
}

async fn states(context: &Context) -> Vec<(u128, MessageState, u32)> {
    let filter = MessageFilter::default();
    let messages = context.store.messages(&filter, 1000).await.unwrap();
    let mut states: Vec<_> = messages
        .iter()
        .map(|m| (m.id.to_string(), m.state, m.attempts))
        .map(|(id, state, attempts)| {
            let id = uuid::Uuid::parse_str(&id).unwrap().as_u128();
            (id, state, attempts)
        })
        .collect();
    states.sort_by_key(|(id, ..)| *id);
    states
}

async fn told(context: &Context, notifier: &str) -> Vec<Reach> {
    let (news, _) = context.store.waiting_news(notifier).await.unwrap();
    news.iter()
        .filter_map(|envelope| match &envelope.notice {
            Notice::Undelivered(lost) => Some(lost.news),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_channel_that_fails_is_left_alone_and_tried_with_what_is_critical() {
    let (directory, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let context = context(&directory, &[("hook", &receiver)]).await;
    let mut carrier = Carrier::of(&context, "hook", begin()).await.unwrap();
    receiver.answers(500);
    for n in 1..=5 {
        put(&context, "hook", n, summary(n), begin()).await;
    }
    let trial = all_at(&context, &mut carrier, begin()).await.unwrap();
    assert_eq!(receiver.came().await, [1, 2, 3].map(|n| id(n).to_string()));

    // Nothing leaves before its time, however often somebody looks, nor after a restart.
    put(&context, "hook", 6, critical(), begin()).await;
    let mut carrier = Carrier::of(&context, "hook", begin()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(all_at(&context, &mut carrier, begin()).await, Some(trial));
    }
    assert_eq!(receiver.came().await.len(), 3);

    // One message then, the critical one first; the wait for the next trial has grown.
    let second = all_at(&context, &mut carrier, trial).await.unwrap();
    assert_eq!(receiver.came().await[3..], [id(6).to_string()]);
    assert!(second.duration_since(trial) > trial.duration_since(begin()));

    receiver.answers(200);
    all_at(&context, &mut carrier, second).await;
    let came = receiver.came().await;
    assert_eq!(came[4], id(6).to_string());
    assert_eq!(came.len(), 4 + 6, "{came:?}");
    use MessageState::Delivered;
    assert_eq!(
        states(&context).await,
        [(1, 2), (2, 2), (3, 2), (4, 1), (5, 1), (6, 2)].map(|(n, tries)| (n, Delivered, tries))
    );
    let channel = context.store.channel("hook").await.unwrap().unwrap();
    assert_eq!(channel.circuit, Circuit::Closed);
    assert_eq!(channel.last_delivery, Some(second));
}

#[tokio::test]
async fn a_message_that_never_goes_through_holds_up_no_other() {
    let (directory, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let context = context(&directory, &[("hook", &receiver)]).await;
    let mut carrier = Carrier::of(&context, "hook", begin()).await.unwrap();
    receiver.answers(500);
    put(&context, "hook", 1, critical(), begin()).await;
    let mut now = begin();
    for _ in 0..8 {
        now = all_at(&context, &mut carrier, now).await.unwrap();
    }
    // Another one is tried before it, although it is not critical.
    put(&context, "hook", 2, summary(2), now).await;
    let before = receiver.came().await.len();
    all_at(&context, &mut carrier, now).await;
    assert_eq!(receiver.came().await[before], id(2).to_string());
}

#[tokio::test]
async fn a_long_outage_and_its_end_are_told_to_the_others_once() {
    let directory = TempDir::new().unwrap();
    let (dead, alive) = (Receiver::start().await, Receiver::start().await);
    let context = context(&directory, &[("alive", &alive), ("dead", &dead)]).await;
    let mut carrier = Carrier::of(&context, "dead", begin()).await.unwrap();
    dead.answers(503);
    put(&context, "dead", 1, summary(1), begin()).await;
    let mut now = begin();
    while now < begin() + HOUR * 5 {
        let next = all_at(&context, &mut carrier, now).await.unwrap();
        let told = told(&context, "alive").await;
        let minutes = now.duration_since(begin()).as_mins();
        assert_eq!(
            told.len(),
            usize::from(minutes >= 15),
            "{minutes}: {told:?}"
        );
        now = next;
        // It is not forgotten with the process.
        carrier = Carrier::of(&context, "dead", now).await.unwrap();
    }
    let since = carrier.channel.since;
    assert_eq!(since, begin());
    dead.answers(200);
    all_at(&context, &mut carrier, now).await;
    assert_eq!(
        told(&context, "alive").await,
        [Reach::Down(since), Reach::Back(since)]
    );
    assert_eq!(told(&context, "dead").await, []);
}

#[tokio::test]
async fn two_dead_channels_make_no_storm_and_no_echo() {
    let directory = TempDir::new().unwrap();
    let (one, two) = (Receiver::start().await, Receiver::start().await);
    let context = context(&directory, &[("one", &one), ("two", &two)]).await;
    one.answers(500);
    two.answers(500);
    put(&context, "one", 1, summary(1), begin()).await;
    put(&context, "two", 2, summary(2), begin()).await;
    let mut now = begin();
    while now < begin() + HOUR * 24 * 10 {
        for name in ["one", "two"] {
            let mut carrier = Carrier::of(&context, name, now).await.unwrap();
            all_at(&context, &mut carrier, now).await;
        }
        composer::round(&context, now).await.unwrap();
        now += HOUR / 2;
    }
    let filter = MessageFilter::default();
    let messages = context.store.messages(&filter, 1000).await.unwrap();
    // What was to be said; that the first is down, to the second, which failed later; of each that
    // messages to it were given up.
    assert_eq!(messages.len(), 2 + 1 + 2, "{messages:#?}");
    let lost = messages.iter().all(|m| m.state == MessageState::GivenUp);
    assert!(lost, "{messages:#?}");
}

#[tokio::test]
async fn what_is_given_up_is_told_and_sent_again_as_the_same_message() {
    let directory = TempDir::new().unwrap();
    let (dead, alive) = (Receiver::start().await, Receiver::start().await);
    let context = context(&directory, &[("alive", &alive), ("dead", &dead)]).await;
    let mut carrier = Carrier::of(&context, "dead", begin()).await.unwrap();
    dead.answers(503);
    for n in 1..=20 {
        put(&context, "dead", n, summary(n), begin()).await;
    }
    let mut now = begin();
    while now <= begin() + GIVEN_UP_AFTER + MINUTE * 10 {
        now = all_at(&context, &mut carrier, now)
            .await
            .unwrap_or(now + MINUTE * 10);
    }
    let given_up = |state: &(u128, MessageState, u32)| state.1 == MessageState::GivenUp;
    assert!(states(&context).await.iter().all(given_up));
    let told = told(&context, "alive").await;
    assert_eq!(told, [Reach::Down(begin()), Reach::GivenUp]);

    let refused = messages::retry(&context, &id(99), &operator()).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        format!("there is no message {}", id(99))
    );
    let refused = messages::retry_all(&context, Some("nobody"), &operator()).await;
    assert!(refused.is_err());
    messages::retry(&context, &id(3), &operator())
        .await
        .unwrap();
    let refused = messages::retry(&context, &id(3), &operator())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("is waiting"), "{refused}");
    let others = messages::retry_all(&context, None, &operator())
        .await
        .unwrap();
    assert_eq!(others, 19);

    // Three days more, in which another failure is no end.
    let again = Timestamp::now();
    let mut carrier = Carrier::of(&context, "dead", again).await.unwrap();
    let trial = all_at(&context, &mut carrier, again).await.unwrap();
    assert!(!states(&context).await.iter().any(given_up));
    dead.answers(200);
    let before = dead.came().await.len();
    all_at(&context, &mut carrier, trial).await;
    let mut came = dead.came().await.split_off(before);
    came.sort();
    let all: Vec<String> = (1..=20).map(|n| id(n).to_string()).collect();
    assert_eq!(came, all);
}

#[tokio::test]
async fn messages_to_a_notifier_that_is_gone_are_given_up() {
    let (directory, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let context = context(&directory, &[("hook", &receiver)]).await;
    put(&context, "gone", 1, summary(1), begin()).await;
    put(&context, "hook", 2, summary(2), begin()).await;
    retire(&context).await.unwrap();
    use MessageState::{GivenUp, Waiting};
    assert_eq!(states(&context).await, [(1, GivenUp, 0), (2, Waiting, 0)]);
    assert_eq!(told(&context, "hook").await, [Reach::GivenUp]);
    let refused = messages::retry(&context, &id(1), &operator())
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "there is no notifier gone in the configuration"
    );
}

#[tokio::test]
async fn a_channel_that_hangs_holds_up_no_other() {
    let directory = TempDir::new().unwrap();
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    let context = context(&directory, &[("quick", &quick), ("slow", &slow)]).await;
    slow.answers(HANGS);
    put(&context, "slow", 1, summary(1), Timestamp::now()).await;
    let carriers =
        ["quick", "slow"].map(|name| tokio::spawn(deliver(context.clone(), name.to_owned())));
    // The request that hangs is given fifteen seconds; all of this happens meanwhile.
    let meanwhile = async {
        while slow.came().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for n in 2..5 {
            put(&context, "quick", n, summary(n), Timestamp::now()).await;
            context.outbox_bells.ring("quick");
            while !quick.came().await.contains(&id(n).to_string()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(14), meanwhile)
        .await
        .unwrap();
    assert_eq!(slow.came().await.len(), 1);
    for carrier in carriers {
        carrier.abort();
    }
}
