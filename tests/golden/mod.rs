//! Plans of a real Terraform, each with the right answer beside it.

mod bounds;
mod properties;
mod secrets;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mooring::domain::classify::classify;
use mooring::domain::digest::DigestKey;
use mooring::domain::finding::{FindingAction, Findings, PlanExit, Verdict, verdict};
use mooring::domain::plan::Plan;
use mooring::domain::severity::SeverityRules;
use mooring::plan_json::{Reading, read};
use serde_json::{Value as Json, json};

pub(crate) const KEY: DigestKey = DigestKey::new([42; 32]);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/plans")
}

/// Every labelled plan: its name and bytes.
pub(crate) fn plans() -> Vec<(String, Vec<u8>)> {
    let mut plans: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name()?.to_str()?.strip_suffix(".plan.json")?;
            Some((name.to_owned(), std::fs::read(&path).unwrap()))
        })
        .collect();
    plans.sort();
    assert!(plans.len() >= 16, "the labelled plans are there");
    plans
}

pub(crate) fn reading(bytes: &[u8]) -> (Reading, Findings) {
    let reading = read(bytes, &KEY).unwrap();
    let findings = classify(&reading.plan, &SeverityRules::default());
    (reading, findings)
}

/// What a saved plan says of the exit code of the command that made it.
fn exit(plan: &Plan, findings: &Findings) -> PlanExit {
    let acts = findings.resources.iter().any(|finding| {
        finding.action != FindingAction::None
            || finding.importing
            || finding.previous_address.is_some()
    });
    if plan.errored {
        PlanExit::Failed
    } else if acts || !plan.outputs.is_empty() {
        PlanExit::Changes
    } else {
        PlanExit::NoChanges
    }
}

/// The answer in the form of the `.expected.json` files.
fn answer(plan: &Plan, findings: &Findings) -> Json {
    let resources = findings.resources.iter().map(|finding| {
        let attributes: BTreeMap<_, _> = finding
            .attributes
            .iter()
            .map(|a| (a.subject.to_string(), a.origin))
            .collect();
        let mut entry = json!({ "attributes": attributes });
        if finding.action == FindingAction::Replace {
            entry["replace"] = true.into();
        }
        if let Some(from) = &finding.previous_address {
            entry["previous_address"] = from.as_str().into();
        }
        (finding.address.as_str().to_owned(), entry)
    });
    let outputs = findings
        .outputs
        .iter()
        .map(|o| (o.name.clone(), json!(o.action)));
    let checks = findings
        .checks
        .iter()
        .map(|c| (c.address.clone(), json!(c.status)));
    json!({
        "exit": match exit(plan, findings) {
            PlanExit::NoChanges => 0,
            PlanExit::Failed => 1,
            PlanExit::Changes => 2,
        },
        "errored": plan.errored,
        "findings": resources.collect::<serde_json::Map<_, _>>(),
        "outputs": outputs.collect::<serde_json::Map<_, _>>(),
        "checks": checks.collect::<serde_json::Map<_, _>>(),
    })
}

#[test]
fn every_labelled_plan_is_understood() {
    let mut wrong = Vec::new();
    for (name, bytes) in plans() {
        let expected = folder().join(format!("{name}.expected.json"));
        let expected: Json = serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
        let (reading, findings) = reading(&bytes);
        let answer = answer(&reading.plan, &findings);
        if answer != expected {
            wrong.push(format!(
                "{name}\n  found    {answer}\n  expected {expected}"
            ));
        }
        assert_eq!(reading.warnings, Vec::<String>::new(), "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_labelled_plan_has_its_verdict() {
    for (name, bytes) in plans() {
        let (reading, findings) = reading(&bytes);
        let plan = &reading.plan;
        let expected = match name.as_str() {
            "insync" | "insync_settled" | "check_block" | "drift_converged"
            | "drift_unmanaged_sg" => Verdict::InSync,
            "postcondition_fail" => Verdict::Failed,
            "pending" => Verdict::Pending,
            "both_same_attr" | "both_other_attr" | "moved_drift" => Verdict::DriftedAndPending,
            _ => Verdict::Drifted,
        };
        let found = verdict(
            exit(plan, &findings),
            plan.errored,
            plan.complete,
            &findings,
        );
        assert_eq!(found, expected, "{name}");
    }
}

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

#[test]
fn no_sensitive_value_survives_the_reading() {
    let mut tried = 0;
    for (name, bytes) in plans() {
        let raw: Json = serde_json::from_slice(&bytes).unwrap();
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
        let (reading, findings) = reading(&bytes);
        let seen = format!(
            "{:?} {}",
            reading.plan,
            serde_json::to_string(&findings).unwrap()
        );
        for secret in hidden {
            tried += 1;
            assert!(!seen.contains(&secret), "{name}: {secret}");
            let quoted = format!("error: \"{secret}\"");
            assert_eq!(
                reading.masker.mask(&quoted),
                "error: \"(sensitive)\"",
                "{name}"
            );
        }
    }
    assert!(tried >= 5, "{tried} secrets were looked for");
}
