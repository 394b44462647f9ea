#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::ids::{RunId, TokenId};

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 123_456_789).unwrap()
}

fn person(name: &str) -> Identity {
    Identity::Person {
        token: TokenId::from_uuid(Uuid::from_u128(7)),
        name: name.to_owned(),
        groups: ["platform".to_owned()].into(),
        emails: ["alice@example.com".to_owned()].into(),
    }
}

fn plan(n: u64) -> NewAudit {
    let action = Action::PlanRequested {
        stack: StackId::new(format!("infra/{n}")),
        run: RunId::from_uuid(Uuid::from_u128(u128::from(n))),
    };
    NewAudit::asked(at(i64::try_from(n).unwrap()), &person("alice"), action)
}

fn chain(entries: u64) -> Vec<Entry> {
    let mut head = Head::none();
    let entries = (0..entries).map(|n| {
        let entry = plan(n).after(&head);
        head = Head {
            seq: entry.seq,
            hash: entry.hash.clone(),
        };
        entry
    });
    entries.collect()
}

fn why(entries: &[Entry], known: Option<EntryHash>) -> (u64, Defect) {
    let broken = verify(entries, known).unwrap_err();
    (broken.seq, broken.why)
}

#[test]
fn the_text_and_the_hash_of_an_entry_are_what_is_documented() {
    let operator = Identity::Operator {
        claims: Some("bob \u{7f}\"ü\n".into()),
    };
    let action = Action::StackResumed {
        stack: StackId::new("infra/a"),
        held: None,
    };
    let entry = NewAudit::asked(at(0), &operator, action).after(&Head::none());
    // jq -cS 'del(.hash)' | tr -d '\n' | sha256sum says the same.
    insta::assert_snapshot!(entry.line(), @r#"{"action":"stack_resumed","actor":{"claims":"bob �\"ü\n","kind":"operator"},"at":"2027-01-15T08:00:00.123456Z","details":{},"hash":"526dc06e71372ec52dc6581895bbe18ba89efd4fb69eb2bf93f5dff28e5ed5b9","prev":"0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"stack":"infra/a"}}"#);
    assert_eq!(Entry::read(&entry.line()), Ok(entry));
}

#[test]
fn a_chain_that_nobody_touched_holds() {
    let entries = chain(3);
    let whole = verify(&entries, None).unwrap();
    assert_eq!((whole.entries, whole.head.seq), (3, 3));
    assert_eq!(whole.first, Some(entries[0].at));
    assert_eq!(whole.last, Some(entries[2].at));
    assert_eq!(whole.since_known, None);
    let known = verify(&entries, Some(entries[1].hash.clone())).unwrap();
    assert_eq!(known.since_known, Some(1));
    assert_eq!(verify(&[], None).unwrap().head, Head::none());
}

#[test]
fn a_part_of_a_chain_holds_only_if_it_is_said_where_it_begins() {
    let entries = chain(4);
    assert_eq!(why(&entries[2..], None), (3, Defect::Gap { before: 0 }));
    let take = |after: &EntryHash| {
        let mut part = Chain::new(Start::After(after.clone()), None);
        entries[2..]
            .iter()
            .try_for_each(|entry| part.take(entry))
            .and_then(|()| part.end())
    };
    assert_eq!(take(&entries[1].hash).unwrap().entries, 2);
    let broken = take(&entries[0].hash).unwrap_err();
    assert_eq!((broken.seq, broken.why), (3, Defect::Foreign));
}

#[test]
fn each_kind_of_change_is_told_apart() {
    let entries = chain(5);
    let mut altered = entries.clone();
    altered[1].action = "nothing".into();
    assert_eq!(why(&altered, None), (2, Defect::Altered));
    altered[1].hash = altered[1].own_hash();
    assert_eq!(why(&altered, None), (3, Defect::Foreign));
    let mut gap = entries.clone();
    gap.remove(2);
    assert_eq!(why(&gap, None), (4, Defect::Gap { before: 2 }));
    let mut twice = entries.clone();
    twice.insert(2, entries[1].clone());
    assert_eq!(why(&twice, None), (2, Defect::OutOfOrder { before: 2 }));
    let mut swapped = entries.clone();
    swapped.swap(1, 2);
    assert_eq!(why(&swapped, None), (3, Defect::Gap { before: 1 }));
    let known = Some(entries[4].hash.clone());
    assert_eq!(
        why(&entries[..4], known.clone()),
        (4, Defect::KnownIsMissing)
    );
    assert_eq!(why(&[], known), (0, Defect::KnownIsMissing));
}

#[test]
fn a_chain_written_anew_is_found_by_the_known_hash() {
    let known = chain(4)[3].hash.clone();
    let mut head = Head::none();
    let anew: Vec<Entry> = (0..4)
        .map(|n| {
            let entry = plan(if n == 1 { 99 } else { n }).after(&head);
            head = Head {
                seq: entry.seq,
                hash: entry.hash.clone(),
            };
            entry
        })
        .collect();
    verify(&anew, None).unwrap();
    assert_eq!(why(&anew, Some(known)), (4, Defect::KnownIsMissing));
}

#[test]
fn a_field_more_or_a_field_twice_is_no_entry() {
    let line = chain(1)[0].line();
    for wrong in [
        line.replace("\"seq\":1", "\"seq\":1,\"so\":2"),
        line.replace("\"seq\":1", "\"seq\":9,\"seq\":1"),
        line.replace("{\"run\"", "{\"run\":\"\",\"run\""),
        line.replace("\"seq\":1", "\"seq\": 1"),
        line.replace("\"seq\":1", "\"seq\":1.0"),
        format!("{line} "),
    ] {
        assert_ne!(wrong, line);
        assert_eq!(Entry::read(&wrong), Err(Defect::Unreadable), "{wrong}");
    }
}

#[test]
fn who_did_it_is_told_apart_from_who_says_they_did() {
    let who = |actor: Actor| {
        let action = Action::StackResumed {
            stack: StackId::new("infra/a"),
            held: None,
        };
        let new = NewAudit {
            at: at(0),
            actor,
            action,
        };
        new.after(&Head::none()).who()
    };
    let operator = |claims: Option<&str>| {
        let claims = claims.map(str::to_owned);
        Actor::Asked(Identity::Operator { claims })
    };
    assert_eq!(who(Actor::Mooring), "mooring");
    assert_eq!(who(operator(Some("bob"))), "bob (claimed)");
    assert_eq!(who(operator(None)), "the operator");
    assert_eq!(who(person("alice").into()), "alice");
}

/// A change of an entry.
fn change(entry: &mut Entry, kind: u8, noise: &str) {
    match kind {
        0 => entry.action.push_str(noise),
        1 => entry.actor["name"] = json!(noise),
        2 => entry.at += jiff::SignedDuration::from_micros(1),
        3 => entry.details[noise] = json!(1),
        4 => entry.prev = EntryHash::of(noise),
        5 => entry.seq += 1 + noise.len() as u64,
        6 => entry.subject["stack"] = json!(noise),
        _ => entry.hash = EntryHash::of(noise),
    }
}

proptest! {
    #[test]
    fn any_change_of_any_field_of_any_entry_is_found(
        length in 1_u64..8, which: prop::sample::Index, kind in 0_u8..8, noise in "[a-z]{1,9}", rehash: bool,
    ) {
        let before = chain(length);
        let known = before[before.len() - 1].hash.clone();
        let mut entries = before.clone();
        let changed = which.index(entries.len());
        change(&mut entries[changed], kind, &noise);
        prop_assume!(entries != before);
        if rehash {
            entries[changed].hash = entries[changed].own_hash();
        }
        prop_assert!(entries == before || verify(&entries, Some(known)).is_err());
        if !rehash {
            prop_assert!(verify(&entries, None).is_err());
        }
    }

    #[test]
    fn entries_taken_away_put_in_or_moved_are_found(
        length in 2_u64..8, one: prop::sample::Index, other: prop::sample::Index, kind in 0_u8..3,
    ) {
        let before = chain(length);
        let known = before[before.len() - 1].hash.clone();
        let mut entries = before.clone();
        let (one, other) = (one.index(entries.len()), other.index(entries.len()));
        match kind {
            0 => { entries.remove(one); }
            1 => {
                let again = entries[one].clone();
                entries.insert(other, again);
            }
            _ => entries.swap(one, other),
        }
        let found = verify(&entries, Some(known)).is_err();
        prop_assert_eq!(found, entries != before);
    }

    #[test]
    fn any_other_letter_in_any_line_is_found(
        length in 1_u64..4, which: prop::sample::Index, place: prop::sample::Index, letter in "[ -~]",
    ) {
        let entries = chain(length);
        let mut lines: Vec<String> = entries.iter().map(Entry::line).collect();
        let changed = which.index(lines.len());
        let place = place.index(lines[changed].len());
        lines[changed].replace_range(place..=place, &letter);
        prop_assume!(lines[changed] != entries[changed].line());
        let read: Result<Vec<Entry>, Defect> = lines.iter().map(|line| Entry::read(line)).collect();
        let found = match read {
            Err(why) => why == Defect::Unreadable,
            Ok(read) => verify(&read, None).is_err(),
        };
        prop_assert!(found);
    }

    #[test]
    fn what_is_hashed_is_the_same_text_for_every_tool(text in "\\PC*|[\u{0}-\u{20}\u{7f}-\u{9f}]{0,9}") {
        let identity = Identity::Operator { claims: Some(text) };
        let action = Action::StackResumed { stack: StackId::new("infra/a"), held: None };
        let entry = NewAudit::asked(at(0), &identity, action).after(&Head::none());
        let line = entry.line();
        prop_assert!(!line.contains(|c: char| c.is_control()));
        prop_assert_eq!(Entry::read(&line), Ok(entry));
    }
}
