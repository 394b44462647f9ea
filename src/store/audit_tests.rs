//! The audit log and the tokens: nothing is recorded without what it tells of, nor the other way
//! round, and nothing that was recorded can be changed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use uuid::Uuid;

use super::place::Place;
use super::samples::*;
use super::tests::{finished, fresh, number};
use super::*;
use crate::domain::audit::{Action, Entry, Head, NewAudit, Start, verify};
use crate::domain::identity::Scope;
use crate::domain::ids::{MessageId, TokenId};
use crate::domain::run::RunState;
use crate::domain::token::{Grant, Token, TokenHash, TokenState};

async fn all(store: &Store) -> Vec<Entry> {
    let filter = AuditFilter::default();
    store.audit(&filter, Paging::After(0), 1000).await.unwrap()
}

fn plan(n: u128, stack: &str) -> NewAudit {
    let action = Action::PlanRequested {
        stack: stack_id(stack),
        run: run_id(n),
    };
    NewAudit::asked(at(i64::try_from(n).unwrap()), &operator(), action)
}

#[tokio::test]
async fn what_is_recorded_comes_back_as_a_chain_that_holds() {
    let (place, store) = fresh().await;
    assert_eq!(store.audit_head().await.unwrap(), Head::none());
    store.record(&[plan(1, "a"), plan(2, "b")]).await.unwrap();
    let applying = run(3, "a", 3);
    store.save_run(&applying).await.unwrap();
    let intent = intent(applying.id);
    store.intend(&applying, &intent, None).await.unwrap();
    store.close().await;
    let store = place.open().await;
    store.record(&[plan(4, "a")]).await.unwrap();
    let entries = all(&store).await;
    let head = store.audit_head().await.unwrap();
    let verified = verify(&entries, Some(head.hash.clone())).unwrap();
    assert_eq!((verified.entries, verified.head), (4, head));
    // Whatever is stored of an entry, its numbers too, is what was hashed.
    assert_eq!(entries[2].details["serial"].as_u64(), Some(u64::MAX));
    let expected = NewAudit::own(intent.at, Action::ApplyStarted(Box::new(intent)));
    let before = Head {
        seq: 2,
        hash: entries[1].hash.clone(),
    };
    assert_eq!(entries[2], expected.after(&before));
}

#[tokio::test]
async fn a_page_goes_on_or_back_and_may_be_narrowed() {
    let (_directory, store) = fresh().await;
    let new: Vec<NewAudit> = (1..=6)
        .map(|n| plan(n, if n % 2 == 0 { "a" } else { "b" }))
        .collect();
    store.record(&new).await.unwrap();
    let seqs = async |filter: &AuditFilter, paging| {
        let page = store.audit(filter, paging, 2).await.unwrap();
        page.iter().map(|entry| entry.seq).collect::<Vec<_>>()
    };
    let every = AuditFilter::default();
    assert_eq!(seqs(&every, Paging::After(0)).await, [1, 2]);
    assert_eq!(seqs(&every, Paging::After(5)).await, [6]);
    assert_eq!(seqs(&every, Paging::Before(None)).await, [6, 5]);
    assert_eq!(seqs(&every, Paging::Before(Some(2))).await, [1]);
    let of_a = AuditFilter {
        stack: Some(stack_id("a")),
        since: None,
    };
    assert_eq!(seqs(&of_a, Paging::Before(None)).await, [6, 4]);
    let late = AuditFilter {
        stack: None,
        since: Some(at(4)),
    };
    assert_eq!(seqs(&late, Paging::After(0)).await, [4, 5]);
}

#[tokio::test]
async fn the_database_itself_refuses_every_change_but_the_next_entry() {
    let (place, store) = fresh().await;
    store.record(&[plan(1, "a"), plan(2, "a")]).await.unwrap();
    let before = all(&store).await;
    let of_one_engine = if place.is_server() {
        "TRUNCATE audit"
    } else {
        "REPLACE INTO audit SELECT seq, at, actor, 'x', subject, stack, details, previous, hash \
         FROM audit WHERE seq = 2"
    };
    for statement in [
        of_one_engine,
        "UPDATE audit SET action = 'x' WHERE seq = 1",
        "UPDATE audit SET seq = 9 WHERE seq = 2",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 2",
        "INSERT INTO audit SELECT 9, at, actor, action, subject, stack, details, previous, hash \
         FROM audit WHERE seq = 2",
        "INSERT INTO audit SELECT 0, at, actor, action, subject, stack, details, previous, hash \
         FROM audit WHERE seq = 2",
    ] {
        let refused = sqlx::query(statement)
            .execute(&mut *store.begin().await.unwrap())
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("only appended"), "{refused}");
    }
    store.prune(at(1_000_000)).await.unwrap();
    assert_eq!(all(&store).await, before);
}

/// As somebody can who has the file.
async fn by_hand((place, store): (&Place, &Store), statement: &'static str) {
    let allowed = if place.is_server() {
        "DROP TRIGGER audit_is_not_changed ON audit"
    } else {
        "DROP TRIGGER audit_is_not_changed"
    };
    for statement in [allowed, statement] {
        store.execute(sqlx::query(statement)).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_changed_in_the_file_is_seen() {
    let (place, store) = fresh().await;
    store.record(&[plan(1, "a"), plan(2, "a")]).await.unwrap();
    by_hand(
        (&place, &store),
        "UPDATE audit SET details = '{\"quiet\":true}' WHERE seq = 1",
    )
    .await;
    let broken = verify(&all(&store).await, None).unwrap_err();
    assert_eq!(broken.seq, 1);

    let (place, store) = fresh().await;
    store.record(&[plan(1, "a")]).await.unwrap();
    by_hand((&place, &store), "UPDATE audit SET stack = 'infra/b'").await;
    let error = store
        .audit(&AuditFilter::default(), Paging::After(0), 9)
        .await
        .unwrap_err();
    insta::assert_snapshot!(error, @"a record in audit cannot be read or written: stack: not the one that entry 1 is about");
}

#[tokio::test]
async fn nothing_is_recorded_of_what_is_not_stored() {
    let (_directory, store) = fresh().await;
    let first = run(1, "a", 0);
    assert!(store.enqueue(&first, Some(&plan(1, "a"))).await.unwrap());
    let second = run(2, "a", 1);
    assert!(!store.enqueue(&second, Some(&plan(2, "a"))).await.unwrap());
    assert_eq!(all(&store).await.len(), 1);
    let unknown = MessageId::from_uuid(Uuid::from_u128(1));
    let retried = store.retry_message(&unknown, &operator(), at(1)).await;
    assert!(!retried.unwrap());
    assert_eq!(
        store
            .retry_messages("team", &operator(), at(1))
            .await
            .unwrap(),
        0
    );
    let twice = intent(first.id);
    store.intend(&first, &twice, None).await.unwrap();
    store.intend(&first, &twice, None).await.unwrap_err();
    let words: Vec<String> = all(&store).await.into_iter().map(|e| e.action).collect();
    assert_eq!(words, ["plan_requested", "apply_started"]);
}

#[tokio::test]
async fn the_end_of_a_look_and_its_entry_are_stored_together_or_not_at_all() {
    let (place, store) = fresh().await;
    let ended = finished(run(1, "a", 0), 1);
    let conclusion = Conclusion {
        run: Some(&ended),
        audit: &[plan(1, "a")],
        ..Conclusion::default()
    };
    let (full, again) = if place.is_server() {
        let full = "ALTER TABLE audit ADD CONSTRAINT audit_is_full CHECK (seq < 0)";
        (full, "ALTER TABLE audit DROP CONSTRAINT audit_is_full")
    } else {
        let full = "CREATE TRIGGER audit_is_full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, ''); END";
        (full, "DROP TRIGGER audit_is_full")
    };
    store.execute(sqlx::query(full)).await.unwrap();
    store.conclude(&conclusion).await.unwrap_err();
    assert_eq!(store.run(&ended.id).await.unwrap(), None);
    store.execute(sqlx::query(again)).await.unwrap();
    store.conclude(&conclusion).await.unwrap();
    let stored = store.run(&ended.id).await.unwrap().unwrap();
    assert_eq!(stored.state, RunState::Finished);
    assert_eq!(all(&store).await.len(), 1);
}

#[tokio::test]
async fn entries_of_many_at_once_are_one_chain() {
    let (_directory, store) = fresh().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..40 {
        let store = store.clone();
        tasks.spawn(async move { store.record(&[plan(n, "a")]).await.unwrap() });
    }
    tasks.join_all().await;
    assert_eq!(verify(&all(&store).await, None).unwrap().entries, 40);
}

#[tokio::test]
async fn a_part_of_the_log_holds_after_the_entry_before_it() {
    let (_directory, store) = fresh().await;
    let new: Vec<NewAudit> = (1..=3).map(|n| plan(n, "a")).collect();
    store.record(&new).await.unwrap();
    let entries = all(&store).await;
    let start = Start::After(entries[0].hash.clone());
    let mut chain = crate::domain::audit::Chain::new(start, None);
    entries[1..].iter().for_each(|e| chain.take(e).unwrap());
    assert_eq!(chain.end().unwrap().entries, 2);
}

fn token(n: u128) -> Token {
    Token {
        id: TokenId::from_uuid(Uuid::from_u128(n)),
        grant: Grant {
            name: "alice".into(),
            groups: ["dba".to_owned(), "platform".to_owned()].into(),
            emails: ["alice@example.com".to_owned()].into(),
            scopes: [Scope::Read, Scope::Ack].into_iter().collect(),
            expires_at: at(1000),
        },
        created_at: at(0),
        last_used_at: None,
        revoked_at: None,
    }
}

#[tokio::test]
async fn a_token_is_known_by_its_hash_until_it_is_revoked_and_after() {
    let (_directory, store) = fresh().await;
    let (one, two) = (token(1), token(2));
    let hash = TokenHash::of("mrg_one");
    store.create_token(&one, &hash, &operator()).await.unwrap();
    let other = TokenHash::of("mrg_two");
    store.create_token(&two, &other, &operator()).await.unwrap();
    let again = store.create_token(&token(3), &hash, &operator()).await;
    assert!(again.is_err(), "one hash, one token");
    assert_eq!(store.token_of(&hash).await.unwrap(), Some(one.clone()));
    let unknown = TokenHash::of("mrg_onf");
    assert_eq!(store.token_of(&unknown).await.unwrap(), None);

    store.token_used(&one.id, at(5)).await.unwrap();
    assert!(
        store
            .revoke_token(&one.id, &operator(), at(6), &Conclusion::default())
            .await
            .unwrap()
    );
    assert!(
        !store
            .revoke_token(&one.id, &operator(), at(7), &Conclusion::default())
            .await
            .unwrap()
    );
    let nobody = TokenId::from_uuid(Uuid::from_u128(9));
    assert!(
        !store
            .revoke_token(&nobody, &operator(), at(7), &Conclusion::default())
            .await
            .unwrap()
    );
    let revoked = store.token_of(&hash).await.unwrap().unwrap();
    let expected = Token {
        last_used_at: Some(at(5)),
        revoked_at: Some(at(6)),
        ..one
    };
    assert_eq!(revoked, expected);
    assert_eq!(revoked.state(at(8)), TokenState::Revoked);
    assert_eq!(store.tokens().await.unwrap(), [two, revoked]);
    let told: Vec<(String, String)> = all(&store)
        .await
        .into_iter()
        .map(|entry| (entry.action, entry.details["name"].to_string()))
        .collect();
    let alice = |action: &str| (action.to_owned(), "\"alice\"".to_owned());
    let expected = ["token_created", "token_created", "token_revoked"].map(alice);
    assert_eq!(told, expected);
    assert_eq!(number(&store, "SELECT COUNT(*) FROM tokens").await, 2);
}
