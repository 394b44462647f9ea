//! Applies that wait for other stacks.

use super::*;
use crate::domain::order::{Awaited, Awaits};

fn held_back(why: Awaits, until: Option<&str>) -> Facts {
    Facts {
        needed: vec![Awaited {
            stack: StackId::new("infra/net"),
            why,
            until: until.map(at),
        }],
        ..ahead()
    }
}

fn asked() -> Awaits {
    Awaits::Asked {
        request: "abcd1234".to_owned(),
    }
}

#[test]
fn what_would_be_applied_waits_for_what_comes_first_and_is_decided_again() {
    let policy = sync(vec![rule("tags", &["tags"], Effect::Safe)]);
    let code = || vec![pending(QUEUE, "tags.Env", "new")];
    let until = "2026-11-28T12:00:00Z";
    let decision = looked(code(), &policy, &held_back(asked(), Some(until))).1;
    assert_eq!(decision.kind, DecisionKind::Alert);
    assert_eq!(decision.not_before, Some(at(until)));
    assert_eq!(decision.reasons[0].by, By::Guard(Guard::NeededFirst));
    insta::assert_snapshot!(texts(&decision), @"infra/net, which this stack needs, has code that waits for approval (request abcd1234)");
    // It ends with the other's trouble, whenever that is.
    let decision = looked(code(), &policy, &held_back(Awaits::Held, None)).1;
    assert_eq!(
        (decision.kind, decision.not_before),
        (DecisionKind::Alert, None)
    );
    insta::assert_snapshot!(texts(&decision), @"infra/net, which this stack needs, is held until somebody has looked at it");
    assert_eq!(
        looked(code(), &policy, &ahead()).1.kind,
        DecisionKind::Apply
    );
}

#[test]
fn what_people_approved_waits_only_while_the_other_is_being_applied() {
    let policy = sync(Vec::new());
    let decided = |facts: &Facts| looked(vec![tag()], &policy, facts).1;
    let decision = decided(&held_back(Awaits::Applying, None));
    assert_eq!(decision.kind, DecisionKind::Ask);
    assert!(decision.is_approvable() && decision.waits());
    for why in [asked(), Awaits::Held] {
        let decision = decided(&held_back(why, None));
        assert!(decision.is_approvable() && !decision.waits());
    }
}
