//! Plan files made up here, each one step away from one in which nothing moved.

use std::io::Write;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use zip::write::SimpleFileOptions;

use super::*;

const SAME: Refreshed = Refreshed::Same;

/// A field of a message with a number in it.
fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field of a message with bytes in it.
fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    let length = content.len() as u64;
    [&varint(field << 3 | 2)[..], &varint(length), content].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// A plan in which one object and one output stay as they are, and these fields.
fn plan(more: &[Vec<u8>]) -> Vec<u8> {
    let unchanged = bytes(2, b"value");
    let object = [bytes(13, b"t.a"), bytes(9, &unchanged)].concat();
    let output = [bytes(1, b"o"), bytes(2, &unchanged)].concat();
    let passed = [number(1, 3), number(3, 1)].concat();
    let mut plan = [
        number(1, 3),
        bytes(3, &object),
        bytes(4, &output),
        bytes(19, &passed),
        number(26, 1),
    ]
    .concat();
    plan.extend(more.concat());
    plan
}

fn file(entries: &[(&str, &[u8])]) -> (tempfile::TempDir, PlanFile) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan");
    let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
    for (name, content) in entries {
        let options = SimpleFileOptions::default();
        archive.start_file(*name, options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap();
    (dir, PlanFile::open_existing(path))
}

fn seen(plan: &[u8], before: &str, after: &str) -> Refreshed {
    let (_dir, file) = file(&[
        ("tfplan", plan),
        ("tfstate-prev", before.as_bytes()),
        ("tfstate", after.as_bytes()),
    ]);
    file.refreshed()
}

fn resource(resource_type: &str, instances: &[Json]) -> Json {
    json!({"mode": "managed", "type": resource_type, "name": "a", "provider": "p",
        "instances": instances})
}

fn state(resources: &[Json]) -> String {
    json!({"version": 4, "serial": 1, "resources": resources, "check_results": null}).to_string()
}

/// One object with these attributes before and after the refresh.
fn compared(before: &Json, after: &Json) -> Refreshed {
    let one = |attributes: &Json| {
        let instance = json!({"schema_version": 0, "attributes": attributes, "private": "eyJ4"});
        state(&[resource("t", &[instance])])
    };
    seen(&plan(&[]), &one(before), &one(after))
}

fn differs(refreshed: Refreshed) -> bool {
    matches!(refreshed, Refreshed::Differs(_))
}

fn unreadable(refreshed: Refreshed) -> bool {
    matches!(refreshed, Refreshed::Unreadable(_))
}

#[test]
fn what_providers_spell_anew_is_the_same_and_nothing_else() {
    let empty = [json!(null), json!(""), json!([]), json!({})];
    for (a, b) in empty.iter().flat_map(|a| empty.iter().map(move |b| (a, b))) {
        assert_eq!(
            compared(&json!({"x": a}), &json!({"x": b})),
            SAME,
            "{a} {b}"
        );
    }
    let full = json!({"id": "i", "x": [1, {"y": null}], "n": 1});
    assert_eq!(compared(&full, &full), SAME);
    let inside = json!({"id": "i", "x": [1, {"y": ""}], "n": 1});
    assert_eq!(compared(&full, &inside), SAME);
    assert_eq!(compared(&json!({}), &json!({"x": {}})), SAME);
    for other in [
        json!({"id": "j", "x": [1, {"y": null}], "n": 1}),
        json!({"id": "i", "x": [{"y": null}, 1], "n": 1}),
        json!({"id": "i", "x": [], "n": 1}),
        json!({"id": "i", "n": 1}),
        json!({"id": "i", "x": [1, {"y": null}], "n": "1"}),
        json!({"id": "i", "x": [1, {"y": null}], "n": 1, "more": false}),
    ] {
        assert!(differs(compared(&full, &other)), "{other}");
    }
}

#[test]
fn numbers_are_compared_to_the_last_digit() {
    let with = |number: &str| {
        let instance = format!(r#"{{"attributes":{{"n":{number}}}}}"#);
        let instances = serde_json::from_str(&instance).unwrap();
        state(&[resource("t", &[instances])])
    };
    let compared = |a, b| seen(&plan(&[]), &with(a), &with(b));
    assert_eq!(compared("1", "1.0"), SAME);
    assert!(differs(compared("9007199254740993", "9007199254740992")));
    assert!(differs(compared("0.1", "0.10000000000000000001")));
}

#[test]
fn objects_are_told_apart_by_module_type_name_key_and_deposed_key_in_any_order() {
    let instance = |key: Json, id: &str| json!({"index_key": key, "attributes": {"id": id}});
    let (one, two) = (instance(json!(0), "x"), instance(json!("0"), "y"));
    let mut nested = resource("t", &[instance(json!(null), "z")]);
    nested["module"] = json!("module.m[\"k\"]");
    let both = state(&[resource("t", &[one.clone(), two.clone()]), nested.clone()]);
    let turned = state(&[nested.clone(), resource("t", &[two.clone(), one.clone()])]);
    assert_eq!(seen(&plan(&[]), &both, &turned), SAME);

    let swapped = [instance(json!(0), "y"), instance(json!("0"), "x")];
    let mut deposed = two.clone();
    deposed["deposed"] = json!("00000001");
    let mut elsewhere = nested.clone();
    elsewhere["module"] = json!("module.m[\"l\"]");
    let mut tainted = two.clone();
    tainted["status"] = json!("tainted");
    for other in [
        state(&[resource("t", &swapped), nested.clone()]),
        state(&[resource("t", std::slice::from_ref(&one)), nested.clone()]),
        state(&[resource("u", &[one.clone(), two.clone()]), nested.clone()]),
        state(&[resource("t", &[one.clone(), deposed]), nested.clone()]),
        state(&[resource("t", &[one.clone(), tainted]), nested]),
        state(&[resource("t", &[one, two]), elsewhere]),
        state(&[]),
    ] {
        assert!(differs(seen(&plan(&[]), &both, &other)), "{other}");
        assert!(differs(seen(&plan(&[]), &other, &both)), "{other}");
    }
}

#[test]
fn what_nobody_is_shown_is_not_compared() {
    let with = |private: &str, marks: Json, outputs: Json, read: &str| {
        let instance = json!({"attributes": {"id": "i"}, "private": private,
            "sensitive_attributes": marks, "dependencies": [private]});
        let data = json!({"mode": "data", "type": "d", "name": "d",
            "instances": [{"attributes": {"v": read}}]});
        json!({"version": 4, "outputs": outputs, "resources": [resource("t", &[instance]), data]})
            .to_string()
    };
    let before = with("a", json!([]), json!({"o": 1}), "x");
    let after = with("b", json!([[{"type": "get_attr"}]]), json!({}), "y");
    assert_eq!(seen(&plan(&[]), &before, &after), SAME);
}

#[test]
fn what_another_object_declares_has_not_moved() {
    let declared = |policy: &str, shown: Json| {
        let attachment = json!({"attributes": {"id": "x", "role": "web", "policy_arn": policy}});
        let role = json!({"attributes":
            {"id": "web", "name": "web", "managed_policy_arns": shown}});
        state(&[
            resource("aws_iam_role", &[role]),
            resource("aws_iam_role_policy_attachment", &[attachment]),
        ])
    };
    let compared = |policy| {
        let after = declared(policy, json!(["arn:read"]));
        seen(&plan(&[]), &declared(policy, json!([])), &after)
    };
    assert_eq!(compared("arn:read"), SAME);
    assert!(differs(compared("arn:other")));
}

#[test]
fn whatever_is_planned_or_failed_has_to_be_shown() {
    let state = state(&[]);
    let object = |more: &[Vec<u8>]| {
        let change = [&bytes(2, b"v")[..], &more.concat()].concat();
        bytes(3, &[bytes(13, b"t.b"), bytes(9, &change)].concat())
    };
    let moved = |from| {
        let change = bytes(9, &bytes(2, b"v"));
        bytes(3, &[bytes(13, b"t.b"), bytes(14, from), change].concat())
    };
    let output = bytes(4, &[bytes(1, b"o"), bytes(2, &number(1, 1))].concat());
    let check = |status| bytes(19, &[number(1, 3), number(3, status)].concat());
    for field in [
        object(&[number(1, 3)]),
        object(&[bytes(5, &bytes(1, b"imported"))]),
        moved(b"t.a"),
        output,
        bytes(5, b"t.a"),
        bytes(16, b"t.a"),
        number(17, 2),
        check(2),
        check(3),
        number(20, 1),
        number(25, 1),
        bytes(27, b""),
        bytes(30, b""),
    ] {
        assert!(
            differs(seen(&plan(std::slice::from_ref(&field)), &state, &state)),
            "{field:?}"
        );
    }
    for field in [
        object(&[]),
        moved(b"t.b"),
        check(0),
        bytes(15, b"x"),
        bytes(18, &object(&[number(1, 3)])),
        number(25, 0),
    ] {
        assert_eq!(
            seen(&plan(std::slice::from_ref(&field)), &state, &state),
            SAME,
            "{field:?}"
        );
    }
}

#[test]
fn whatever_is_not_known_has_to_be_shown() {
    let empty = state(&[]);
    for plan in [
        plan(&[number(99, 0)]),
        plan(&[number(1, 4)]),
        plan(&[bytes(3, b"")]),
        plan(&[number(5, 1)]),
        plan(&[vec![0x1b]]),
        plan(&[vec![3 << 3 | 2, 0xff]]),
        plan(&[[varint(2 << 3 | 2), varint(u64::MAX)].concat()]),
        plan(&[[varint(2 << 3 | 2), varint(7)].concat()]),
        vec![0xff; 20],
        number(26, 1),
        Vec::new(),
    ] {
        assert!(unreadable(seen(&plan, &empty, &empty)), "{plan:?}");
    }
    let instance = json!({"attributes": {"id": "i"}});
    let flat = json!({"attributes": {}, "attributes_flat": {"id": "i"}});
    let older = json!({"attributes": {"id": "i"}, "schema_version": 1});
    let usual = state(&[resource("t", std::slice::from_ref(&instance))]);
    let mut query = resource("t", std::slice::from_ref(&instance));
    query["mode"] = json!("list");
    for state in [
        String::new(),
        "[]".to_owned(),
        json!({"version": 3, "resources": []}).to_string(),
        json!({"resources": []}).to_string(),
        usual.replace("\"version\":4", "\"version\":4,\"version\":4"),
        state(&[resource("t", &[instance.clone(), instance])]),
        state(&[resource("t", &[json!({"attributes_flat": {"id": "i"}})])]),
        state(&[resource("t", &[flat])]),
        state(&[resource("t", &[older])]),
        state(&[resource("t", &[json!({"attributes": ["i"]})])]),
        state(&[query]),
        usual.replace("\"id\":\"i\"", "\"id\":\"i\",\"id\":\"i\""),
        usual.replace(
            "\"i\"",
            &format!("{}{}", "[".repeat(2000), "]".repeat(2000)),
        ),
    ] {
        assert!(unreadable(seen(&plan(&[]), &usual, &state)), "{state}");
    }
}

#[test]
fn a_file_that_lacks_something_or_is_something_else_has_to_be_shown() {
    let (plan, state) = (plan(&[]), state(&[]));
    let entries = [
        ("tfplan", &plan[..]),
        ("tfstate-prev", state.as_bytes()),
        ("tfstate", state.as_bytes()),
    ];
    for without in 0..entries.len() {
        let mut entries = entries.to_vec();
        entries.remove(without);
        assert!(unreadable(file(&entries).1.refreshed()), "{without}");
    }
    let (_dir, whole) = file(&entries);
    assert_eq!(whole.refreshed(), SAME);
    for content in [&b"{\"encrypted_data\":\"...\"}"[..], b""] {
        std::fs::write(whole.path(), content).unwrap();
        assert!(unreadable(whole.refreshed()));
    }
    std::fs::remove_file(whole.path()).unwrap();
    assert!(unreadable(whole.refreshed()));
}

#[test]
fn what_unpacks_to_more_than_the_limit_is_not_unpacked() {
    // Blanks shrink to nearly nothing.
    let limit = usize::try_from(believable(0)).unwrap();
    let (plan, state) = (plan(&[]), state(&[]));
    let padded = format!("{state}{}", " ".repeat(limit + 1 - state.len()));
    let of = |after: &str| seen(&plan, &state, after);
    assert!(unreadable(of(&padded)));
    assert_eq!(of(padded.get(..limit).unwrap()), SAME);
}

#[test]
fn much_that_is_spelt_anew_is_not_compared() {
    let tags = |value: Json| {
        let attributes = json!({"id": "i".repeat(3 << 20), "tags": value});
        state(&[resource("t", &[json!({"attributes": attributes})])])
    };
    let compared = |before, after| seen(&plan(&[]), &tags(before), &tags(after));
    assert_eq!(compared(json!(null), json!(null)), SAME);
    assert!(differs(compared(json!(null), json!({}))));
}

#[test]
fn no_reason_repeats_anything_of_the_file() {
    let with = |text: &str| state(&[resource("t", &[json!({"attributes": text})])]);
    let seen = seen(&plan(&[]), &with("hunter2hunter2"), &with("hunter3hunter3"));
    assert!(unreadable(seen) && !format!("{seen:?}").contains("hunter"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_of_any_bytes_is_never_the_same(junk in prop::collection::vec(any::<u8>(), 0..200)) {
        let state = state(&[]);
        prop_assert_ne!(seen(&junk, &state, &state), SAME);
    }

    #[test]
    fn a_change_after_any_other_fields_is_found(times in 0usize..20, action in 1u64..12) {
        let change = bytes(3, &bytes(9, &number(1, action)));
        let fields = [vec![bytes(18, b"drift"); times], vec![change]].concat();
        let state = state(&[]);
        prop_assert!(differs(seen(&plan(&fields), &state, &state)));
    }

    #[test]
    fn a_state_of_any_text_upsets_nothing(text in "[\\[\\]{}:,\"a-z0-9]{0,80}") {
        let usual = state(&[]);
        let seen = seen(&plan(&[]), &usual, &text);
        prop_assert!(seen != SAME);
    }
}
