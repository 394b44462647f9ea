//! News and messages in the order of their storing, whatever the clocks of replicas say.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::samples::*;
use super::tests::fresh;
use super::*;
use crate::domain::alert::AlertEvent;
use crate::domain::compose::Desk;
use crate::domain::message::Message;
use crate::domain::notice::{AlertNotice, Notice};

fn told(event: AlertEvent) -> Notice {
    let [Notice::Alert(alert), ..] = notices() else {
        panic!("the first sample is an alert");
    };
    Notice::Alert(AlertNotice { event, ..alert })
}

#[tokio::test]
async fn news_waits_in_the_order_of_its_storing() {
    let (_place, store) = fresh().await;
    let said = [
        news(40, told(AlertEvent::Resolved), 40),
        news(20, told(AlertEvent::Opened), 20),
        news(30, told(AlertEvent::Changed), 30),
        news(50, told(AlertEvent::Resolved), 50),
    ];
    for one in &said {
        let conclusion = Conclusion {
            news: std::slice::from_ref(one),
            ..Conclusion::default()
        };
        store.conclude(&conclusion).await.unwrap();
    }
    let (waiting, _) = store.waiting_news("team").await.unwrap();
    let stored = waiting
        .iter()
        .map(|envelope| (&envelope.notice, envelope.at));
    let said = said
        .iter()
        .map(|one| (&one.envelope.notice, one.envelope.at));
    assert!(stored.eq(said), "{waiting:?}");
    assert!(waiting.is_sorted_by(|before, after| before.id < after.id));
}

#[tokio::test]
async fn an_end_put_in_the_outbox_by_a_clock_behind_comes_after_its_beginning() {
    let (_place, store) = fresh().await;
    let opened = message(3, told(AlertEvent::Opened), 40);
    let resolved = message(1, told(AlertEvent::Resolved), 20);
    let desk = Desk::default();
    for message in [&opened, &resolved] {
        let messages = std::slice::from_ref(message);
        store.post("team", messages, &[], &desk).await.unwrap();
    }
    let due = store.due_messages("team", at(50), 9).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&opened));
    store.save_message(&opened.delivered(at(50))).await.unwrap();
    let due = store.due_messages("team", at(50), 9).await.unwrap();
    let [Message { id, since, .. }] = due.as_slice() else {
        panic!("{due:?}");
    };
    assert_eq!((*id, *since), (resolved.id, resolved.since));
}
