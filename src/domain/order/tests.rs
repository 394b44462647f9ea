//! Who needs whom.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::super::pattern::StackPattern;
use super::*;

/// A stack as it is written in these tests: id, and what it needs: patterns, or directories of its own
/// source after a `=`.
type Written<'a> = (&'a str, &'a [&'a str]);

fn order<'a>(stacks: &[Written<'a>]) -> Order {
    let ids: Vec<StackId> = stacks.iter().map(|(id, _)| StackId::new(*id)).collect();
    let patterns: Vec<Vec<Result<StackPattern, &'a str>>> = stacks
        .iter()
        .map(|(_, needs)| {
            let read = |need: &&'a str| match need.strip_prefix('=') {
                Some(dir) => Err(dir),
                None => Ok(StackPattern::parse(need).unwrap()),
            };
            needs.iter().map(read).collect()
        })
        .collect();
    let members = ids.iter().zip(&patterns).map(|(id, needs)| {
        let text = id.as_str();
        let (rest, name) = match text.split_once('#') {
            Some((rest, name)) => (rest, Some(name)),
            None => (text, None),
        };
        let (place, workspace) = rest.split_once('@').unwrap_or((rest, "default"));
        let needs = needs.iter().map(|need| match need {
            Ok(pattern) => Need::Matching(pattern),
            Err(dir) => Need::Directory(dir),
        });
        Member {
            id,
            place: place.to_owned(),
            source: place.split('/').next().unwrap(),
            workspace,
            name,
            needs: needs.collect(),
        }
    });
    Order::of(members.collect())
}

fn needs(order: &Order, stack: &str) -> Vec<String> {
    let stack = StackId::new(stack);
    let needed = order.needed_by(&stack).into_iter();
    needed.map(ToString::to_string).collect()
}

#[test]
fn a_stack_needs_directories_of_its_source_and_what_patterns_match_anywhere() {
    let order = order(&[
        ("a/app", &["=net", "b/dns", "b/zones/*"]),
        ("a/net", &[]),
        ("b/app", &["=net"]),
        ("b/dns", &[]),
        ("b/net", &["a/none", "="]),
        ("b/zones/x", &[]),
        ("b/zones/x/y", &[]),
    ]);
    assert_eq!(needs(&order, "a/app"), ["a/net", "b/dns", "b/zones/x"]);
    assert_eq!(needs(&order, "b/app"), ["b/net"]);
    assert!(needs(&order, "b/net").is_empty() && needs(&order, "c/none").is_empty());
    let net = StackId::new("b/net");
    assert_eq!(order.in_need_of(&net), [&StackId::new("b/app")]);
    assert!(order.in_need_of(&StackId::new("a/app")).is_empty());
    assert!(order.circles().is_empty() && !order.is_empty());
}

#[test]
fn dev_waits_for_dev_and_whoever_has_no_counterpart_for_all() {
    let order = order(&[
        ("a/app#dev", &["a/net"]),
        ("a/app#test", &["a/net"]),
        ("a/app", &["a/net", "a/plain"]),
        ("a/exact#dev", &["a/net@prod"]),
        ("a/net@dev", &[]),
        ("a/net@prod", &[]),
        ("a/plain", &[]),
        ("a/plain#dev", &[]),
        ("a/web@dev#blue", &["a/n*"]),
    ]);
    assert_eq!(needs(&order, "a/app#dev"), ["a/net@dev"]);
    assert_eq!(needs(&order, "a/web@dev#blue"), ["a/net@dev"]);
    assert_eq!(needs(&order, "a/app#test"), ["a/net@dev", "a/net@prod"]);
    assert_eq!(
        needs(&order, "a/app"),
        ["a/net@dev", "a/net@prod", "a/plain"]
    );
    assert_eq!(needs(&order, "a/exact#dev"), ["a/net@prod"]);
}

#[test]
fn nobody_waits_for_others_of_a_circle_and_all_wait_for_what_is_outside() {
    let order = order(&[
        ("a/base", &[]),
        ("a/one", &["a/two", "a/base"]),
        ("a/self", &["a/self", "a/base"]),
        ("a/three", &["a/one"]),
        ("a/two", &["a/three"]),
        ("a/user", &["a/one"]),
    ]);
    for stack in ["a/one", "a/self"] {
        assert_eq!(needs(&order, stack), ["a/base"], "{stack}");
    }
    assert!(needs(&order, "a/two").is_empty() && needs(&order, "a/three").is_empty());
    assert_eq!(needs(&order, "a/user"), ["a/one"]);
    let told: Vec<String> = order.circles().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["a/one needs a/two needs a/three needs a/one"],
        "a stack that needs itself is no circle"
    );
}

#[test]
fn whoever_needs_everything_waits_for_all_but_those_that_need_it_back() {
    let order = order(&[
        ("a/app", &["a/**"]),
        ("a/db", &["a/app"]),
        ("a/dns", &[]),
        ("a/net", &[]),
    ]);
    assert_eq!(needs(&order, "a/app"), ["a/dns", "a/net"]);
    assert!(needs(&order, "a/db").is_empty());
    let circle = &order.circles()[0];
    assert_eq!(circle.to_string(), "a/app needs a/db needs a/app");
    assert_eq!(circle.stacks, 2);
}

#[test]
fn only_what_may_apply_something_is_waited_for() {
    let of = |mode, shadow| Policy {
        mode,
        shadow,
        ..Policy::default()
    };
    let (heal, observe) = (of(PolicyMode::Heal, false), of(PolicyMode::Observe, false));
    for trigger in [Trigger::Git, Trigger::Person, Trigger::Confirmation] {
        assert!(may_apply(trigger, &heal) && !may_apply(trigger, &observe));
        assert!(!may_apply(trigger, &of(PolicyMode::Heal, true)));
    }
    assert!(may_apply(Trigger::Approval, &observe));
    assert!(!may_apply(Trigger::Schedule, &of(PolicyMode::Sync, false)));
}

#[test]
fn what_many_need_together_is_kept_once() {
    let ids: Vec<StackId> = (0..5_000)
        .map(|n| StackId::new(format!("infra/live/{n:04}/app")))
        .collect();
    let all = StackPattern::parse("infra/live/00*/app").unwrap();
    let member = |id| Member {
        id,
        place: id.to_string(),
        source: "infra",
        workspace: "default",
        name: None,
        needs: vec![Need::Matching(&all)],
    };
    let order = Order::of(ids.iter().map(member).collect());
    let kept: usize = order.groups.iter().map(Vec::len).sum();
    assert_eq!(kept, 100);
    assert_eq!(order.needed_by(&ids[4_999]).len(), 100);
    assert!(order.needed_by(&ids[7]).is_empty(), "they need each other");
    assert_eq!(order.circles()[0].stacks, 100);
}
