//! What the program says of a plan, in the form of the `.expected.json` files.

use std::collections::BTreeMap;

use mooring::domain::check::StackCheck;
use mooring::domain::finding::{Finding, FindingAction};
use mooring::plan_json::Reader;
use mooring::report::json::json as report;
use serde_json::{Map, Value as Json, json};

use super::{Case, KEY, explained};

/// What is wrong about the program's answer to these bytes, if anything is.
pub(super) fn difference(case: &Case, bytes: &[u8]) -> Option<String> {
    let check = explained(bytes).unwrap_or_else(|error| {
        panic!("{}: {error}", case.name);
    });
    let expected = case.expected.as_object().unwrap();
    let mut found = answer(&check);
    let reading = Reader::new(&KEY).read(bytes).unwrap();
    let warnings = warnings_as_expected(expected, &reading.warnings);
    found.insert("warnings".to_owned(), warnings);
    found.insert("errored".to_owned(), reading.plan.errored.into());
    let mut wrong = Vec::new();
    for (key, found) in &found {
        let wanted = expected.get(key).cloned();
        let agrees = match (&wanted, key.as_str()) {
            (Some(wanted), "findings") if expected.contains_key("partial") => {
                is_part(wanted, found)
            }
            (Some(wanted), "actions" | "reasons" | "sensitive" | "notes") => is_part(wanted, found),
            (None, "actions" | "reasons" | "sensitive" | "notes" | "errored" | "verdict") => true,
            (Some(wanted), _) => wanted == found,
            (None, _) => matches!(found, Json::Null) || is_nothing(found),
        };
        if !agrees {
            let wanted = wanted.unwrap_or_default();
            wrong.push(format!(
                "  {key}\n    found    {found}\n    expected {wanted}"
            ));
        }
    }
    (!wrong.is_empty()).then(|| format!("{}\n{}", case.name, wrong.join("\n")))
}

fn is_nothing(found: &Json) -> bool {
    *found == json!({}) || *found == json!([]) || *found == json!(0)
}

/// Whether what is wanted is there; more may be.
fn is_part(wanted: &Json, found: &Json) -> bool {
    match (wanted, found) {
        (Json::Object(wanted), Json::Object(found)) => wanted
            .iter()
            .all(|(key, wanted)| found.get(key).is_some_and(|found| is_part(wanted, found))),
        (Json::Array(wanted), Json::Array(found)) => wanted.iter().all(|w| found.contains(w)),
        _ => wanted == found,
    }
}

/// Warnings are expected by a part of their text.
fn warnings_as_expected(expected: &Map<String, Json>, warnings: &[String]) -> Json {
    let wanted = expected.get("warnings").and_then(Json::as_array);
    let wanted = wanted.map(Vec::as_slice).unwrap_or_default();
    let fits = wanted.len() == warnings.len()
        && wanted
            .iter()
            .zip(warnings)
            .all(|(wanted, warning)| warning.contains(wanted.as_str().unwrap()));
    if fits { json!(wanted) } else { json!(warnings) }
}

fn answer(check: &StackCheck) -> Map<String, Json> {
    let findings = &check.findings;
    let names = names(&findings.resources);
    let each = |value: &dyn Fn(&Finding) -> Json| -> Json {
        let entries = findings.resources.iter().zip(&names);
        let entries = entries.map(|(finding, name)| (name.clone(), value(finding)));
        Json::Object(entries.collect())
    };
    let addresses = |wanted: &dyn Fn(&Finding) -> bool| -> Json {
        let found = findings.resources.iter().filter(|finding| wanted(finding));
        found.map(|finding| finding.address.as_str()).collect()
    };
    let outputs = findings
        .outputs
        .iter()
        .map(|o| (o.name.clone(), json!(o.action)));
    let checks = findings
        .checks
        .iter()
        .map(|c| (c.address.clone(), json!(c.status)));
    let answer = json!({
        "verdict": check.verdict,
        "findings": each(&entry),
        "outputs": outputs.collect::<Map<_, _>>(),
        "checks": checks.collect::<Map<_, _>>(),
        "actions": each(&|finding| json!(finding.action)),
        "reasons": each(&|finding| json!(finding.reason)),
        "sensitive": sensitive(check, &names),
        "notes": each(&|finding| {
            let noted = finding.attributes.iter().filter(|a| a.note.is_some());
            noted.map(|a| (a.subject.to_string(), json!(a.note))).collect::<Map<_, _>>().into()
        }),
        "deposed": addresses(&|finding| finding.deposed.is_some()),
        "importing": addresses(&|finding| finding.importing),
        "deferred": findings.deferred,
    });
    match answer {
        Json::Object(answer) => answer,
        _ => Map::new(),
    }
}

fn entry(finding: &Finding) -> Json {
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
    entry
}

/// Addresses, left-over objects told apart: `ADDRESS (deposed)`, `ADDRESS (deposed 2)`.
fn names(findings: &[Finding]) -> Vec<String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let name = |finding: &'_ Finding, seen: usize| match (&finding.deposed, seen) {
        (None, _) => finding.address.to_string(),
        (Some(_), 1) => format!("{} (deposed)", finding.address),
        (Some(_), number) => format!("{} (deposed {number})", finding.address),
    };
    let mut names = Vec::new();
    for finding in findings {
        let count = seen.entry(finding.address.as_str()).or_default();
        *count += usize::from(finding.deposed.is_some());
        names.push(name(finding, *count));
    }
    names
}

/// The paths that the JSON report calls sensitive, and shows no value of.
fn sensitive(check: &StackCheck, names: &[String]) -> Json {
    let report = report(std::slice::from_ref(check));
    let findings = report["stacks"][0]["findings"].as_array().unwrap();
    let paths = |finding: &Json| -> Json {
        let attributes = finding["attributes"].as_array().into_iter().flatten();
        let hidden = attributes.filter(|a| a["sensitive"] == true);
        hidden.map(|a| a["path"].clone()).collect()
    };
    let entries = findings.iter().zip(names);
    Json::Object(entries.map(|(f, name)| (name.clone(), paths(f))).collect())
}
