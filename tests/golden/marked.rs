//! No sensitive value of a plan is in anything that comes out.

use clap::ValueEnum;
use mooring::report::{Format, Options, render};
use serde_json::Value as Json;

use super::{cases, explained, parse, reading};

/// Every string below a sensitive mark, found in the raw document.
fn secrets(value: &Json, marks: &Json, found: &mut Vec<String>) {
    match (value, marks) {
        (Json::String(text), Json::Bool(true)) if text.len() >= 8 => found.push(text.clone()),
        (Json::Object(fields), Json::Bool(true)) => {
            fields.values().for_each(|v| secrets(v, marks, found));
        }
        (Json::Array(items), Json::Bool(true)) => {
            items.iter().for_each(|v| secrets(v, marks, found));
        }
        (Json::Object(fields), Json::Object(marks)) => {
            for (key, marks) in marks {
                secrets(fields.get(key).unwrap_or(&Json::Null), marks, found);
            }
        }
        (Json::Array(items), Json::Array(marks)) => {
            items
                .iter()
                .zip(marks)
                .for_each(|(v, m)| secrets(v, m, found));
        }
        _ => {}
    }
}

fn marked(raw: &Json) -> Vec<String> {
    let mut hidden = Vec::new();
    for list in ["resource_changes", "resource_drift"] {
        for entry in raw[list].as_array().into_iter().flatten() {
            let change = &entry["change"];
            for side in ["before", "after"] {
                secrets(
                    &change[side],
                    &change[format!("{side}_sensitive")],
                    &mut hidden,
                );
            }
        }
    }
    hidden
}

/// All that the program can say of a plan.
fn outputs(bytes: &[u8]) -> String {
    let (reading, findings) = reading(bytes);
    let checks = [explained(bytes).unwrap()];
    let mut said = format!(
        "{:?}\n{}\n{}\n{}\n",
        reading.plan,
        serde_json::to_string(&findings).unwrap(),
        serde_json::to_string(&checks).unwrap(),
        reading.warnings.join("\n"),
    );
    for format in Format::value_variants() {
        for verbose in [false, true] {
            let options = Options {
                width: 200,
                color: false,
                verbose,
                why: true,
            };
            said += &render(*format, &checks, &options).unwrap();
        }
    }
    said
}

#[test]
fn no_sensitive_value_survives_the_reading() {
    let mut tried = 0;
    for case in cases() {
        let raw = parse(&case.bytes);
        let (reading, _) = reading(&case.bytes);
        let seen = outputs(&case.bytes);
        for secret in marked(&raw) {
            tried += 1;
            assert!(!seen.contains(&secret), "{}: {secret}", case.name);
            let quoted = format!("error: \"{secret}\"");
            assert_eq!(
                reading.masker.mask(&quoted),
                "error: \"(sensitive)\"",
                "{}",
                case.name
            );
        }
    }
    assert!(tried >= 20, "{tried} secrets were looked for");
}

#[test]
fn what_must_be_absent_is_in_no_output() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for case in cases() {
        let seen = outputs(&case.bytes);
        for text in case.texts("absent") {
            tried += 1;
            if let Some(at) = seen.find(text) {
                let from = seen.floor_char_boundary(at.saturating_sub(150));
                let to = seen.ceil_char_boundary((at + 80).min(seen.len()));
                wrong.push(format!("{}: {text} in …{}…", case.name, &seen[from..to]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried >= 30, "{tried} texts were looked for");
}
