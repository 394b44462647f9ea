use serde_json::{Value as Json, json};

use super::*;
use crate::domain::plan::{CheckStatus, PlannedAction};
use crate::domain::value::Value;

const KEY: DigestKey = DigestKey::new([1; 32]);

fn document(more: Json) -> Json {
    let mut plan = json!({
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "planned_values": {"root_module": {}},
    });
    let (Json::Object(plan_fields), Json::Object(more)) = (&mut plan, more) else {
        unreachable!("both are objects")
    };
    plan_fields.extend(more);
    plan
}

fn reading(more: Json) -> Reading {
    Reader::new(&KEY)
        .read(document(more).to_string().as_bytes())
        .unwrap()
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the callers make it on the spot"
)]
fn entry(address: &str, change: Json) -> Json {
    json!({"address": address, "mode": "managed", "type": "t", "change": change})
}

fn side(value: &Value) -> String {
    value.to_json().to_string()
}

#[test]
fn other_documents_are_named() {
    for (bytes, what) in [
        (
            r#"{"version":4,"serial":1,"lineage":"x","resources":[]}"#,
            "a state",
        ),
        (
            r#"{"format_version":"1.0","terraform_version":"1.5.0","values":{}}"#,
            "a state",
        ),
        (
            r#"{"format_version":"1.0","provider_schemas":{}}"#,
            "a provider schema",
        ),
        (
            r#"{"resource":{"aws_sqs_queue":{}},"variable":{}}"#,
            "a configuration",
        ),
        (r#"{"hello":1}"#, "JSON of another kind"),
        ("no json at all", "not JSON"),
        (
            "{\"@level\":\"info\",\"type\":\"version\"}\n{\"@level\":\"info\"}\n",
            "the log stream of a command run with -json",
        ),
    ] {
        let error = Reader::new(&KEY).read(bytes.as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("this is no plan in JSON: it is {what}")
        );
        let failure = Failure::from(error);
        assert_eq!(failure.kind, FailureKind::UnreadablePlan);
        assert!(failure.hint.contains("terraform show -json"));
    }
}

#[test]
fn format_versions_are_checked_by_major_and_told_by_minor() {
    let with = |version: &str| {
        let plan = document(json!({ "format_version": version }));
        Reader::new(&KEY).read(plan.to_string().as_bytes())
    };
    for version in ["0.1", "0.2", "1.0", "1.2"] {
        assert!(with(version).unwrap().warnings.is_empty(), "{version}");
    }
    assert!(with("1.9").unwrap().warnings[0].contains("1.9"));
    for version in ["2.0", "nonsense", ""] {
        let error = with(version).unwrap_err();
        assert!(matches!(error, ReadError::UnknownFormat { .. }), "{error}");
    }
    let changed = r#"{"format_version":"2.0","resource_changes":{}}"#;
    let error = Reader::new(&KEY).read(changed.as_bytes()).unwrap_err();
    assert!(matches!(error, ReadError::UnknownFormat { .. }), "{error}");
}

#[test]
fn broken_input_is_placed_and_never_quoted() {
    let error = Reader::new(&KEY)
        .read(b"$ show\n{\"format_version\": \"1.2\",\n \"a\": \"hunter2")
        .unwrap_err();
    insta::assert_snapshot!(error, @"the plan cannot be read at line 3, column 14: EOF while parsing a string");
    let wrong = "{\"format_version\":\"1.2\",\"planned_values\":{},\n\"checks\":\"hunter2\"}";
    let error = Reader::new(&KEY).read(wrong.as_bytes()).unwrap_err();
    insta::assert_snapshot!(error, @"the plan cannot be read at line 2, column 18: a value of another type than the format says");
}

#[test]
fn deep_nesting_is_compared_without_a_large_stack() {
    let nested = |depth: usize, core: &str| {
        let value = format!("{}{core}{}", "[".repeat(depth), "]".repeat(depth));
        format!(
            r#"{{"format_version":"1.2","terraform_version":"1.11.4","planned_values":{{}},
               "resource_changes":[{{"address":"a.b","mode":"managed","type":"a",
               "change":{{"actions":["update"],"before":{{"x":{value},"p":{value}}},
               "before_sensitive":{{"p":true}},"after":{{"x":{value}}}}}}}]}}"#
        )
    };
    for depth in [90, 101, 200, 100_000] {
        let read = |core: &str| {
            Reader::new(&KEY)
                .read(nested(depth, core).as_bytes())
                .unwrap()
        };
        let (one, two) = (read("\"secret-one\""), read("\"secret-two\""));
        let change = &one.plan.changes[0];
        assert_eq!(change.before.field("x"), change.after.field("x"));
        assert_ne!(change.before, two.plan.changes[0].before, "{depth}");
        assert!(!format!("{change:?}").contains("secret-one"), "{depth}");
        assert_eq!(one.masker.mask("secret-one"), "(sensitive)");
    }
}

#[test]
fn a_mark_on_either_side_of_either_entry_hides_all_four() {
    let values = |p: &str| json!({"p": p, "q": "open"});
    let reading = reading(json!({
        "resource_changes": [entry("t.new", json!({"actions": ["update"], "before": values("two"),
            "after": values("three"), "before_sensitive": {}, "after_sensitive": false}))],
        "resource_drift": [entry("t.new", json!({"actions": ["update"], "before": values("one"),
            "after": values("two"), "before_sensitive": {"p": true}}))],
    }));
    let (change, drift) = (&reading.plan.changes[0], &reading.plan.drift[0]);
    for value in [&change.before, &change.after, &drift.before, &drift.after] {
        assert_eq!(side(value), r#"{"p":"(sensitive)","q":"open"}"#);
    }
    assert_eq!(drift.after, change.before);
    assert_ne!(change.before, change.after);
}

#[test]
fn marks_meet_across_a_move_and_from_the_prior_state() {
    let moved = |change: Json| {
        let mut entry = entry("t.new", change);
        entry["previous_address"] = "t.old".into();
        entry
    };
    let reading = reading(json!({
        "resource_changes": [moved(json!({"actions": ["no-op"], "before": {"p": "x", "s": "y"},
            "after": {"p": "x", "s": "y"}}))],
        "resource_drift": [entry("t.old", json!({"actions": ["update"], "before": {"p": "w", "s": "z"},
            "after": {"p": "x", "s": "y"}, "after_sensitive": {"p": true}}))],
        "prior_state": {"values": {"root_module": {"child_modules": [{"resources": [
            {"address": "t.old", "values": {"s": "y"}, "sensitive_values": {"s": true}}]}]}}},
    }));
    for value in [
        &reading.plan.changes[0].before,
        &reading.plan.drift[0].before,
    ] {
        assert_eq!(side(value), r#"{"p":"(sensitive)","s":"(sensitive)"}"#);
    }
}

#[test]
fn known_secrets_are_cut_out_everywhere() {
    let reading = reading(json!({
        "variables": {"db": {"value": "variable-secret"}, "open": {"value": "innocent-text"}},
        "configuration": {"root_module": {
            "variables": {"db": {"sensitive": true, "default": "default-secret"}, "open": {}},
            "outputs": {"o": {"sensitive": true}},
            "module_calls": {"m": {"expressions": {"k": {"constant_value": "constant-secret"}},
                "module": {"variables": {"k": {"sensitive": true}}}}},
        }},
        "prior_state": {"values": {"outputs": {"old": {"sensitive": true, "value": "output-secret"}}}},
        "output_changes": {
            "o": {"actions": ["update"], "before": "a", "after": "b", "after_unknown": false},
            "same": {"actions": ["no-op"], "before": 1, "after": 1},
        },
        "checks": [{"address": {"to_display": "t.x"}, "status": "fail", "instances": [
            {"address": {"to_display": "t.x[0]"}, "problems": [{"message": "got variable-secret"}]}]}],
        "resource_changes": [entry("t.x", json!({"actions": ["create"], "importing": {"id": "output-secret"},
            "after": {"a": "default-secret!", "b": "constant-secret", "c": "innocent-text"}}))],
    }));
    let plan = &reading.plan;
    assert_eq!(
        side(&plan.changes[0].after),
        r#"{"a":"(sensitive)!","b":"(sensitive)","c":"innocent-text"}"#
    );
    assert_eq!(plan.changes[0].importing.as_deref(), Some("(sensitive)"));
    assert_eq!(plan.checks[0].messages, ["t.x[0]: got (sensitive)"]);
    assert_eq!(plan.checks[0].status, CheckStatus::Fail);
    let [output] = plan.outputs.as_slice() else {
        panic!("the unchanged output is left out")
    };
    assert!(output.sensitive && output.before.has_sensitive());
    assert_eq!(reading.masker.mask("x output-secret"), "x (sensitive)");
}

#[test]
fn a_secret_shows_neither_in_addresses_nor_in_paths_names_or_warnings() {
    let mut moved = entry(
        "t.x[\"variable-secret\"]",
        json!({"actions": ["transmute"], "replace_paths": [["tags", "variable-secret"]],
            "before": {"tags": {"variable-secret": "a"}}, "after": {"tags": {"variable-secret": "b"}}}),
    );
    moved["previous_address"] = "t.old[\"variable-secret\"]".into();
    moved["action_reason"] = "because of variable-secret".into();
    let drift = entry(
        "t.x[\"variable-secret\"]",
        json!({"actions": ["update"], "before": {"n": 1}, "after": {"n": 2}}),
    );
    let reading = reading(json!({
        "variables": {"db": {"value": "variable-secret"}},
        "configuration": {"root_module": {"variables": {"db": {"sensitive": true}}}},
        "output_changes": {"variable-secret": {"actions": ["update"], "before": "a", "after": "b"}},
        "checks": [{"address": {"to_display": "t.x"}, "status": "fail", "instances": [
            {"address": {"to_display": "t.x[\"variable-secret\"]"}, "problems": [{"message": "bad"}]}]}],
        "relevant_attributes": [{"resource": "t.x[\"variable-secret\"]",
            "attribute": ["tags", "variable-secret"]}],
        "resource_changes": [moved],
        "resource_drift": [drift],
    }));
    let shown = format!("{:?}{:?}", reading.plan, reading.warnings);
    assert!(!shown.contains("variable-secret"), "{shown}");

    let change = &reading.plan.changes[0];
    let relevant = &reading.plan.relevant[0];
    assert_eq!(reading.plan.drift[0].address, change.address);
    assert_eq!(relevant.resource, change.address);
    assert_eq!(relevant.path, change.replace_paths[0]);
    let [_, key] = change.replace_paths[0].segments() else {
        panic!("{:?}", change.replace_paths)
    };
    let tag = change.after.field("tags").field(key);
    assert_eq!(*tag, Value::String("b".to_owned()));
}

#[test]
fn marks_on_fewer_items_than_there_are_hide_all_of_them() {
    let item = |p: &str, q: &str| json!({"p": p, "q": q});
    let reading = reading(json!({
        "resource_changes": [entry("t.x", json!({"actions": ["update"],
            "before": {"x": [item("first-secret", "a")]},
            "after": {"x": [item("first-secret", "first-secret!"), item("other", "c")]},
            "after_sensitive": {"x": [{"p": true}]}}))],
    }));
    assert_eq!(
        side(&reading.plan.changes[0].after),
        r#"{"x":[{"p":"(sensitive)","q":"(sensitive)!"},{"p":"(sensitive)","q":"c"}]}"#
    );
}

#[test]
fn versions_that_mark_too_little_have_their_text_masked() {
    let plan = |version: Option<&str>| {
        reading(json!({
            "terraform_version": version,
            "resource_changes": [entry("t.x", json!({"actions": ["update"],
                "before": {"name": "n", "n": 1, "value": "s", "tags": {"a": "b"}, "l": [{"k": "s"}]},
                "after": {"name": "n", "n": 1, "value": "t", "tags": {"a": "b"}, "l": []}}))],
        }))
    };
    let old = plan(Some("1.0.3"));
    assert_eq!(
        side(&old.plan.changes[0].before),
        r#"{"l":[{"k":"(sensitive)"}],"n":1,"name":"n","tags":{"a":"b"},"value":"(sensitive)"}"#
    );
    assert_ne!(old.plan.changes[0].before, old.plan.changes[0].after);
    assert!(old.warnings[0].contains("1.0.3"));
    assert_eq!(old.masker.redact("n b s t"), None);
    assert!(plan(None).plan.changes[0].before.has_sensitive());
    for version in ["1.1.0", "1.12.0-beta1", "2.0.0"] {
        let plan = plan(Some(version)).plan;
        assert!(!plan.changes[0].before.has_sensitive(), "{version}");
    }
}

#[test]
fn unknown_parts_stand_where_they_will_be() {
    let plan = reading(
        json!({"resource_changes": [entry("t.x", json!({"actions": ["update"],
        "before": null, "after": {"a": 1, "l": [{"k": "v"}, null]},
        "after_unknown": {"id": true, "l": [{}, true], "m": {"n": true}, "a": false, "s": true},
        "after_sensitive": {"s": true}}))]}),
    )
    .plan;
    assert_eq!(
        side(&plan.changes[0].after),
        r#"{"a":1,"id":"(known after apply)","l":[{"k":"v"},"(known after apply)"],"m":{"n":"(known after apply)"},"s":"(known after apply)"}"#
    );
    assert_eq!(*plan.changes[0].after.field("s"), Value::Unknown);
}

#[test]
fn actions_paths_and_imports_are_read() {
    let other =
        |names: &[&str]| PlannedAction::Other(names.iter().map(|n| (*n).to_owned()).collect());
    for (names, action) in [
        (vec!["update"], PlannedAction::Update),
        (vec!["delete", "create"], PlannedAction::Replace),
        (vec!["create", "delete"], PlannedAction::Replace),
        (vec!["forget"], PlannedAction::Forget),
        (vec!["create", "forget"], PlannedAction::Supersede),
        (vec!["forget", "create"], PlannedAction::Supersede),
        (vec!["transmute"], other(&["transmute"])),
        (vec![], other(&[])),
    ] {
        let reading =
            reading(json!({"resource_changes": [entry("t.x", json!({"actions": names}))]}));
        let unknown = matches!(action, PlannedAction::Other(_));
        assert_eq!(reading.plan.changes[0].action, action);
        assert_eq!(reading.warnings.len(), usize::from(unknown));
    }
    let plan = reading(json!({
        "deferred_changes": [{"reason": "x"}],
        "relevant_attributes": [{"resource": "t.x", "attribute": ["a", 0, "b"]}],
        "resource_changes": [
            entry("t.x", json!({"actions": ["delete", "create"], "importing": {"identity": {"a": 1}},
                "replace_paths": [["a", 0, "b"], ["c", "d"], [0]]})),
        ],
    }))
    .plan;
    let paths: Vec<_> = plan.changes[0]
        .replace_paths
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(paths, ["a", "c.d"]);
    assert_eq!(plan.changes[0].importing.as_deref(), Some("(identity)"));
    assert_eq!(plan.relevant[0].path.to_string(), "a");
    assert_eq!(plan.deferred, 1);
}

#[test]
fn what_stays_as_it_is_is_left_out_unless_something_needs_it() {
    let same = |address: &str| {
        let values = json!({"n": 1, "p": "hidden-secret"});
        entry(
            address,
            json!({"actions": ["no-op"], "before": values, "after": values,
            "before_sensitive": {"p": true}, "after_sensitive": {"p": true}}),
        )
    };
    let mut moved = same("t.moved");
    moved["previous_address"] = "t.taken".into();
    let changes = json!([
        same("t.a"),
        same("t.b"),
        same("t.k[\"key-of-one\"]"),
        moved,
        same("t.taken"),
        same("t.drifted")
    ]);
    let drift = json!([entry(
        "t.drifted",
        json!({"actions": ["update"],
        "before": {"n": 0}, "after": {"n": 1}})
    )]);
    let keep = ["t.b", "t.gone", "t.k[\"(sensitive)#0123456789abcdef\"]"];
    let keep = keep.map(Address::new).into();
    // Terraform writes what drifted first; sorted by name it comes last.
    for first in ["resource_changes", "resource_drift"] {
        let (one, two) = match first {
            "resource_changes" => (("resource_changes", &changes), ("resource_drift", &drift)),
            _ => (("resource_drift", &drift), ("resource_changes", &changes)),
        };
        let text = format!(
            r#"{{"format_version":"1.2","terraform_version":"1.11.4","planned_values":{{}},
               "{}":{},"{}":{}}}"#,
            one.0, one.1, two.0, two.1
        );
        let reader = Reader::new(&KEY).keeping(&keep);
        let reading = reader.read(text.as_bytes()).unwrap();
        let streamed = reader.read_from(text.as_bytes()).unwrap();
        assert_eq!(reading.plan, streamed.plan);
        let kept: Vec<&str> = reading
            .plan
            .changes
            .iter()
            .map(|c| c.address.as_str())
            .collect();
        assert_eq!(
            kept,
            ["t.b", "t.k[\"key-of-one\"]", "t.moved", "t.drifted"],
            "{first}"
        );
        assert_eq!(reading.plan.reoccupied, [Address::new("t.taken")].into());
        assert_eq!(reading.masker.mask("hidden-secret"), "(sensitive)");
    }
}

#[test]
fn the_schema_tells_what_is_secret_and_what_has_no_order() {
    let document = json!({"provider_schemas": {"p": {"resource_schemas": {"t": {"block": {
        "attributes": {"value": {"type": "string", "sensitive": true},
            "other": {"type": "string"}, "zones": {"type": ["set", "string"]}}}}}}}});
    let plan = document_of_old_version();
    let blunt = Reader::new(&KEY).read(plan.as_bytes()).unwrap();
    assert_eq!(blunt.wants_schema, ["t".to_owned()].into());
    assert!(blunt.plan.changes[0].before.field("other").has_sensitive());
    let schema = Schema::read(document.to_string().as_bytes(), Some(&blunt.wants_schema)).unwrap();
    let known = Reader::new(&KEY)
        .with_schema(&schema)
        .read(plan.as_bytes())
        .unwrap();
    let change = &known.plan.changes[0];
    assert_eq!(
        side(&change.before),
        r#"{"other":"open","value":"(sensitive)","zones":["a","b"]}"#
    );
    assert_eq!(change.before, change.after);
    assert!(known.wants_schema.is_empty() && known.warnings.is_empty());
    assert_eq!(known.masker.mask("hidden-secret"), "(sensitive)");
}

#[test]
fn what_a_schema_leaves_out_stays_masked_in_plans_of_old_versions() {
    let plan = document_of_old_version();
    for block in [json!({}), json!({"block": {"attributes": {"zones": {}}}})] {
        let document = json!({"provider_schemas": {"p": {"resource_schemas": {"t": block}}}});
        let schema = Schema::read(document.to_string().as_bytes(), None).unwrap();
        let reader = Reader::new(&KEY).with_schema(&schema);
        let known = reader.read(plan.as_bytes()).unwrap();
        let before = &known.plan.changes[0].before;
        assert!(before.field("value").has_sensitive() && before.field("other").has_sensitive());
    }
}

fn document_of_old_version() -> String {
    let values =
        |zones: [&str; 2]| json!({"value": "hidden-secret", "other": "open", "zones": zones});
    let change =
        json!({"actions": ["update"], "before": values(["b", "a"]), "after": values(["a", "b"])});
    document(json!({"terraform_version": "1.0.3", "resource_changes": [entry("t.x", change)]}))
        .to_string()
}

#[test]
fn a_credential_that_nobody_marked_is_told_by_its_looks() {
    let reading = reading(
        json!({"resource_changes": [entry("t.x", json!({"actions": ["update"],
        "before": {"url": "https://u:old@h"}, "after": {"url": "https://u:new@h"}}))]}),
    );
    let change = &reading.plan.changes[0];
    assert_eq!(side(&change.after), r#"{"url":"https://u:(sensitive)@h"}"#);
    assert_ne!(change.before, change.after);
}

#[test]
fn a_broken_value_is_placed_and_never_quoted() {
    let text =
        document(json!({"resource_changes": [entry("t.x", json!({"actions": ["update"]}))]}))
            .to_string()
            .replace(
                r#"["update"]"#,
                r#"["update"],"before":{"a":"\ud800 hunter2"}"#,
            );
    let error = Reader::new(&KEY).read(text.as_bytes()).unwrap_err();
    insta::assert_snapshot!(error, @"the plan cannot be read in resource_changes: unexpected end of hex escape");
}

#[test]
fn completeness_that_is_not_stated_follows_from_errors() {
    for (more, errored, complete) in [
        (json!({}), false, true),
        (json!({"errored": true}), true, false),
        (json!({"errored": false, "complete": false}), false, false),
    ] {
        let plan = reading(more).plan;
        assert_eq!((plan.errored, plan.complete), (errored, complete));
    }
}

#[test]
fn numbers_keep_every_digit() {
    let text = r#"{"format_version":"1.2","terraform_version":"1.11.4","planned_values":{},
        "resource_changes":[{"address":"a.b","mode":"managed","type":"a","change":{"actions":["update"],
        "before":{"n":12345678901234567890.000000000001},"after":{"n":12345678901234567890.000000000002}}}]}"#;
    let plan = Reader::new(&KEY).read(text.as_bytes()).unwrap().plan;
    assert_ne!(plan.changes[0].before, plan.changes[0].after);
    assert_eq!(
        side(&plan.changes[0].before),
        r#"{"n":12345678901234567890.000000000001}"#
    );
}
