//! How far a policy may go.

use std::time::Duration;

use serde_json::json;

use crate::domain::opinion::PolicyFailureKind;

use super::super::{Policies, StackFacts};
use super::{about, ask, denials, failure, folder, main, settings};

#[test]
fn a_policy_that_does_not_end_is_stopped() {
    let folder = folder(&[(
        "a.rego",
        "package main\n\
         r := numbers.range(1, 2000)\n\
         f(x) := 1 if { y := r[_]; z := r[_]; w := r[_]; x + y + z + w == 0 }\n\
         f(x) := 2 if x == 0\n\
         deny contains \"seen\"\n\
         warn contains \"x\" if not f(1)\n",
    )]);
    let mut settings = settings(folder.path());
    settings.limits.time = Duration::from_millis(500);
    let began = std::time::Instant::now();
    let opinion = ask(&Policies::load(&settings).unwrap(), &json!({}));
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(denials(&opinion), ["seen"]);
    assert_eq!(
        failure(&opinion),
        (
            PolicyFailureKind::TimedOut,
            "no end within 500 ms".to_owned()
        )
    );
}

#[test]
fn what_would_fill_the_memory_is_refused() {
    let range = main("deny contains \"x\" if count(numbers.range(1, 100000000)) > 5");
    assert_eq!(
        failure(&ask(&range, &json!({}))).1,
        "main.rego:2:41: numbers.range makes 100000 numbers at most"
    );
    let number = main("deny contains \"x\" if json.unmarshal(input.text).a");
    let (kind, message) = failure(&ask(&number, &json!({"text": "{\"a\": 1e999999999}"})));
    assert_eq!(kind, PolicyFailureKind::Evaluation);
    assert!(message.contains("out of bounds"), "{message}");

    let hidden = main(
        "f(x) := 1 if json.unmarshal(x).a == 5\n\
         f(x) := 2 if x\n\
         deny contains \"x\" if f(input.text) == 1",
    );
    let (_, message) = failure(&ask(&hidden, &json!({"text": "{\"a\": 1e999999999}"})));
    assert!(message.contains("out of bounds"), "{message}");

    let folder = folder(&[("a.rego", "package main\ndeny contains \"x\"")]);
    let mut settings = settings(folder.path());
    settings.limits.input_bytes = 100;
    let large = ask(
        &Policies::load(&settings).unwrap(),
        &json!({"a": "x".repeat(100)}),
    );
    assert_eq!(
        failure(&large),
        (
            PolicyFailureKind::Input,
            "the plan cannot be given to them: it is larger than 100 bytes".to_owned()
        )
    );
}

#[test]
fn many_threads_get_the_same_answer() {
    let policies = main("deny contains x if { some x in input.list; x != data.mooring.stack.id }");
    std::thread::scope(|scope| {
        for id in 0..8 {
            let policies = &policies;
            scope.spawn(move || {
                let stack = StackFacts {
                    id: id.to_string(),
                    ..StackFacts::default()
                };
                let list: Vec<String> = (0..8).rev().map(|n: i32| n.to_string()).collect();
                let opinion = about(policies, &json!({"list": list}), &json!([]), &stack);
                let expected: Vec<String> = (0..8)
                    .filter(|n| *n != id)
                    .map(|n: i32| n.to_string())
                    .collect();
                assert_eq!(denials(&opinion), expected);
            });
        }
    });
}
