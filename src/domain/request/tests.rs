//! Requests under any sequence of events.

use proptest::prelude::*;

use crate::domain::approval::ApprovedPlan;
use crate::domain::ids::{ChangeDigest, CommitId, Fingerprint};
use crate::domain::testing::check;

use super::*;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(minutes * 60).unwrap()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn voter(name: &str, groups: &[&str]) -> Voter {
    Voter {
        name: name.to_owned(),
        proven: true,
        groups: set(groups),
        emails: set(&[&format!("{name}@example.com")]),
    }
}

fn vote(name: &str, groups: &[&str], minutes: i64) -> Vote {
    Vote {
        voter: voter(name, groups),
        at: at(minutes),
        reason: None,
        proof: Some(Proof {
            token: token(name),
            until: at(100_000),
        }),
    }
}

fn token(name: &str) -> TokenId {
    let number = name
        .bytes()
        .fold(0, |sum, byte| sum * 256 + u128::from(byte));
    TokenId::from_uuid(uuid::Uuid::from_u128(number))
}

pub(super) fn binding() -> Binding {
    Binding {
        stack: StackId::new("infra/web"),
        digest: ChangeDigest::new("d"),
        lineage: "l".into(),
        serial: 4,
        commit: Some(CommitId::new("c")),
        inputs: Fingerprint::new("i"),
    }
}

/// Two people, one of them a DBA, neither of them the author; an hour to do so.
fn request() -> Request {
    let two = Requirement {
        count: 2,
        groups: set(&[]),
        not_author: true,
    };
    let dba = Requirement {
        count: 1,
        groups: set(&["dba"]),
        not_author: false,
    };
    let run = RunId::from_uuid(uuid::Uuid::from_u128(1));
    let authors = Some(set(&["eve@example.com"]));
    let asked = Asked::new(run, binding(), vec![two, dba], authors, &check(vec![]));
    let id = RequestId::from_uuid(uuid::Uuid::from_u128(2));
    let hour = SignedDuration::from_hours(1);
    Request::new(id, StackId::new("infra/web"), asked, hour, at(0))
}

fn run(n: u128) -> RunId {
    RunId::from_uuid(uuid::Uuid::from_u128(n))
}

#[test]
fn every_requirement_has_to_be_met() {
    let request = request();
    assert_eq!(
        request.missing(),
        ["2 people who did not write the commit", "1 person of dba"]
    );
    let one = request
        .after(Event::Approve(vote("ann", &[], 1)), at(1))
        .unwrap();
    let two = one
        .after(Event::Approve(vote("bob", &[], 2)), at(2))
        .unwrap();
    assert_eq!(two.state, RequestState::Open);
    assert_eq!(two.missing(), ["1 person of dba"]);
    // The author counts for the group, where nothing is said of authors.
    let all = two
        .after(Event::Approve(vote("eve", &["dba"], 3)), at(3))
        .unwrap();
    assert_eq!(all.state, RequestState::Approved);
    assert_eq!(all.approvers(), ["ann", "bob", "eve"]);
}

#[test]
fn a_yes_that_counts_for_nothing_is_refused_with_the_reason() {
    let request = request();
    let claimed = Vote {
        voter: Voter {
            proven: false,
            ..voter("ann", &["dba"])
        },
        at: at(1),
        reason: None,
        proof: None,
    };
    let refused = request.after(Event::Approve(claimed), at(1)).unwrap_err();
    assert!(matches!(refused, Unfit::NoVoice(_)), "{refused}");
    let once = request
        .after(Event::Approve(vote("ann", &[], 1)), at(1))
        .unwrap();
    let again = once.after(Event::Approve(vote("ann", &[], 2)), at(2));
    assert_eq!(again, Err(Unfit::Again("ann".to_owned())));
}

#[test]
fn what_is_approved_can_be_taken_back_or_refused_until_it_is_used() {
    let request = request();
    let one = request
        .after(Event::Approve(vote("ann", &["dba"], 1)), at(1))
        .unwrap();
    let approved = one
        .after(Event::Approve(vote("bob", &[], 2)), at(2))
        .unwrap();
    assert!(approved.is_live(at(3)));
    let back = approved
        .after(Event::Revoke(voter("bob", &[])), at(3))
        .unwrap();
    assert_eq!(back.state, RequestState::Open);
    let no = approved
        .after(Event::Reject(vote("eve", &[], 3)), at(3))
        .unwrap();
    assert_eq!(no.state.as_str(), "rejected");
    let used = approved.after(Event::Use(run(9)), at(3)).unwrap();
    let late = used.after(Event::Revoke(voter("bob", &[])), at(4));
    assert_eq!(late, Err(Unfit::Over("used")));
}

#[test]
fn an_approval_is_worth_nothing_when_its_time_is_up() {
    let request = request();
    let one = request
        .after(Event::Approve(vote("ann", &["dba"], 1)), at(1))
        .unwrap();
    let approved = one
        .after(Event::Approve(vote("bob", &[], 2)), at(2))
        .unwrap();
    assert!(!approved.is_live(at(60)));
    let late = approved.after(Event::Use(run(9)), at(60));
    assert_eq!(late, Err(Unfit::Over("expired")));
    assert_eq!(approved.after(Event::Pass, at(59)), Err(Unfit::NotYet));
    let expired = approved.after(Event::Pass, at(60)).unwrap();
    assert_eq!(expired.state, RequestState::Expired);
}

#[test]
fn a_vote_whose_token_is_gone_is_none() {
    let request = request();
    let short = Vote {
        proof: Some(Proof {
            token: token("ann"),
            until: at(5),
        }),
        ..vote("ann", &["dba"], 1)
    };
    let one = request.after(Event::Approve(short), at(1)).unwrap();
    let approved = one
        .after(Event::Approve(vote("bob", &[], 2)), at(2))
        .unwrap();
    assert!(approved.is_live(at(4)) && !approved.is_live(at(5)));
    assert_eq!(approved.due_at(), Some(at(5)));
    let used = approved.after(Event::Use(run(9)), at(5));
    assert_eq!(used, Err(Unfit::NotApproved));
    let open = approved.after(Event::Pass, at(5)).unwrap();
    assert_eq!(
        (&open.state, open.approvers()),
        (&RequestState::Open, vec!["bob".to_owned()])
    );
    assert_eq!(open.due_at(), Some(at(60)));

    let withdrawn = approved
        .after(Event::Withdraw(token("bob")), at(3))
        .unwrap();
    assert_eq!(withdrawn.lost_since(&approved), ["bob"]);
    assert_eq!(withdrawn.state, RequestState::Open);
    assert!(
        withdrawn
            .after(Event::Withdraw(token("bob")), at(3))
            .is_err()
    );

    // Kept by a version that did not remember with which token it was given.
    let unknown = Vote {
        proof: None,
        ..vote("eve", &[], 3)
    };
    let late = withdrawn.after(Event::Approve(unknown), at(3));
    assert_eq!(late, Err(Unfit::NoProof("eve".to_owned())));
}

fn event() -> impl Strategy<Value = (u8, u8, i64)> {
    (0u8..7, 0u8..4, 0i64..9)
}

proptest! {
    /// No way leads to an apply without a live approval; what is over stays over; every request ends.
    #[test]
    fn any_sequence_of_events(events in proptest::collection::vec(event(), 0..40)) {
        let names = ["ann", "bob", "eve", "dan"];
        let mut request = request();
        let mut now = 0;
        let mut uses = 0;
        for (kind, who, passes) in events {
            now += passes;
            let who = names[usize::from(who)];
            let groups: &[&str] = if who == "dan" { &["dba"] } else { &[] };
            let event = match kind {
                0 | 1 => Event::Approve(vote(who, groups, now)),
                2 => Event::Revoke(voter(who, groups)),
                3 => Event::Use(run(7)),
                4 if now % 5 == 0 => Event::Reject(vote(who, groups, now)),
                4 => Event::Void(vec!["Git moved".to_owned()]),
                5 => Event::Withdraw(token(who)),
                _ => Event::Pass,
            };
            let before = request.clone();
            let minted = ApprovedPlan::by_people(&before, binding(), at(now));
            if let Ok(after) = before.after(event, at(now)) {
                prop_assert!(!before.state.is_over());
                if let RequestState::Used { .. } = after.state {
                    uses += 1;
                    prop_assert!(before.missing().is_empty() && at(now) < before.expires_at);
                    prop_assert!(minted.is_some());
                    prop_assert!(before.votes.iter().any(|v| v.voter.name == "dan"));
                    let counted = before.votes.iter().filter(|v| v.voter.name != "eve").count();
                    prop_assert!(counted >= 2);
                }
                request = after;
            }
            if request.state != RequestState::Approved {
                prop_assert_eq!(ApprovedPlan::by_people(&request, binding(), at(now)), None);
            }
        }
        prop_assert!(uses <= 1);
        if !request.state.is_over() {
            let end = request.after(Event::Pass, request.expires_at).unwrap();
            prop_assert_eq!(end.state, RequestState::Expired);
        }
    }
}
