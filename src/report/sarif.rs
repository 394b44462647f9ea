//! The report as SARIF 2.1.0, for code scanning: a result for each finding, output, failing check
//! and stack that could not be checked.

mod rules;
mod wire;

use std::collections::BTreeMap;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use self::rules::{RULES, Rule};
use self::wire::{
    ArtifactLocation, Configuration, Descriptor, Driver, Invocation, Location, Log,
    LogicalLocation, Message, Notification, Outcome, PhysicalLocation, Region, Run, Suppression,
    Tool,
};
use super::escape::terminal;
use super::fit::cut;
use super::words;
use crate::domain::check::StackCheck;
use crate::domain::finding::{Finding, Severity, Verdict};
use crate::domain::place::BlockPlace;
use crate::domain::plan::CheckStatus;
use crate::domain::stack::DEFAULT_WORKSPACE;

/// GitHub refuses a run with more results; the least grave are left out, which a notification says.
const MOST_RESULTS: usize = 25_000;
/// Differences listed in one message.
const LINES: usize = 20;
/// Messages are cut to this many columns: all of them have to fit into an upload of 10 MB, packed.
const LONGEST_MESSAGE: usize = 3_000;
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The report over these stacks, in their order. Directories are those of the stacks, relative to
/// where they were looked for.
pub fn sarif(checks: &[StackCheck]) -> Json {
    let mut results: Vec<(Severity, Outcome)> = checks.iter().flat_map(results).collect();
    let mut notifications = Vec::new();
    if let Some(excess) = results.len().checked_sub(MOST_RESULTS).filter(|n| *n > 0) {
        results.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
        results.truncate(MOST_RESULTS);
        let text = format!(
            "{}, the least grave, left out: a run may have no more than {MOST_RESULTS} (--format \
             json has them all)",
            words::count(excess, "result")
        );
        notifications.push(Notification {
            level: "warning",
            message: Message { text },
        });
    }
    let failed = |check: &StackCheck| check.verdict == Verdict::Failed || check.failure.is_some();
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "Mooring",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules: RULES.iter().map(descriptor).collect(),
                },
            },
            invocations: [Invocation {
                execution_successful: !checks.iter().any(failed),
                tool_execution_notifications: notifications,
            }],
            column_kind: "unicodeCodePoints",
            results: results.into_iter().map(|(_, result)| result).collect(),
        }],
    };
    serde_json::to_value(log).unwrap_or_default()
}

fn descriptor(rule: &Rule) -> Descriptor {
    let message = |text: &str| Message {
        text: text.to_owned(),
    };
    Descriptor {
        id: rule.id,
        short_description: message(rule.short),
        full_description: message(rule.full),
        help: message(rule.help),
        default_configuration: Configuration { level: rule.level },
    }
}

/// What a result is about, before it is written down.
struct Subject<'a> {
    /// The block that declares it.
    place: Option<&'a BlockPlace>,
    rule: &'static Rule,
    severity: Severity,
    /// The object: an address, an output, or the stack itself.
    name: &'a str,
    /// What tells it from others of its name.
    distinct: &'a str,
    kind: &'static str,
    lines: Vec<String>,
    suppressed: Option<&'a str>,
}

fn results(check: &StackCheck) -> Vec<(Severity, Outcome)> {
    let findings = &check.findings;
    let title = words::title(check);
    let of_stack = |rule, severity, line: String| Subject {
        place: None,
        rule,
        severity,
        name: &title,
        distinct: "",
        kind: "module",
        lines: vec![line],
        suppressed: None,
    };
    let mut subjects = Vec::new();
    if let Some(failure) = &check.failure {
        let mut subject = of_stack(&rules::FAILED, Severity::High, failure.to_string());
        let hint = Some(&failure.hint).filter(|hint| !hint.is_empty());
        subject
            .lines
            .extend(hint.map(|hint| format!("hint: {hint}")));
        subjects.push(subject);
    } else if check.verdict == Verdict::Unknown {
        let line = "the stack was not checked, or not recently enough".to_owned();
        subjects.push(of_stack(&rules::UNKNOWN, Severity::Medium, line));
    }
    subjects.extend(findings.resources.iter().map(subject));
    for output in &findings.outputs {
        subjects.push(Subject {
            place: None,
            rule: &rules::OUTPUT,
            severity: Severity::Low,
            name: &output.name,
            distinct: "output",
            kind: "variable",
            lines: vec![format!(
                "{}: {}",
                output.origin.as_str(),
                words::output(output)
            )],
            suppressed: None,
        });
    }
    let bad = |status| matches!(status, CheckStatus::Fail | CheckStatus::Error);
    for failing in findings.checks.iter().filter(|check| bad(check.status)) {
        let mut lines = vec![format!("the check {}", words::status(failing.status))];
        lines.extend(failing.messages.iter().cloned());
        subjects.push(Subject {
            place: None,
            rule: &rules::CHECK,
            severity: Severity::High,
            name: &failing.address,
            distinct: "check",
            kind: "object",
            lines,
            suppressed: None,
        });
    }
    for line in words::besides(findings) {
        subjects.push(of_stack(&rules::BESIDES, Severity::Low, line));
    }
    let written = subjects.into_iter();
    written
        .map(|subject| (subject.severity, outcome(check, subject)))
        .collect()
}

fn subject(finding: &Finding) -> Subject<'_> {
    let mut head = vec![format!(
        "{}, {}",
        finding.origin.as_str(),
        finding.severity.as_str()
    )];
    head.extend(words::happening(finding));
    let mut lines = vec![head.join(", ")];
    lines.extend(words::reasons(finding));
    lines.extend(words::differences(finding, LINES));
    let declared = finding.background.declared.as_ref();
    Subject {
        place: declared.map(|declared| &declared.place),
        rule: rules::rule(finding),
        severity: finding.severity,
        name: finding.address.as_str(),
        distinct: finding.deposed.as_deref().unwrap_or_default(),
        kind: "object",
        lines,
        suppressed: finding.suppressed.as_deref(),
    }
}

fn outcome(check: &StackCheck, subject: Subject<'_>) -> Outcome {
    let Subject {
        place,
        rule,
        severity,
        name,
        distinct,
        kind,
        lines,
        suppressed,
    } = subject;
    let print = fingerprint(&[&words::title(check), rule.id, name, distinct]);
    let text = lines.iter().map(|line| message(line));
    let text = format!("{}: {}", message(name), text.collect::<Vec<_>>().join("\n"));
    let text = cut(&text, LONGEST_MESSAGE);
    let mut properties = BTreeMap::from([
        ("severity", severity.as_str().to_owned()),
        ("verdict", check.verdict.as_str().to_owned()),
    ]);
    if let Some(stack) = &check.stack {
        properties.insert("stack", terminal(stack.as_str()));
    }
    Outcome {
        rule_id: rule.id,
        rule_index: RULES.iter().position(|r| r == rule).unwrap_or_default(),
        level: level(severity),
        rank: rank(severity),
        message: Message { text },
        locations: [Location {
            physical_location: physical(check, place),
            logical_locations: [LogicalLocation {
                fully_qualified_name: terminal(name),
                kind,
            }],
        }],
        partial_fingerprints: BTreeMap::from([
            // The one that GitHub looks at; else it would take all of a stack for one.
            ("primaryLocationLineHash", format!("{print}:1")),
            ("mooringFinding/v1", print),
        ]),
        suppressions: suppressed
            .map(|why| Suppression {
                kind: "external",
                status: "accepted",
                justification: terminal(why),
            })
            .into_iter()
            .collect(),
        properties,
    }
}

/// The block that declares something, or else the directory of its stack; none of a plan file.
fn physical(check: &StackCheck, place: Option<&BlockPlace>) -> Option<PhysicalLocation> {
    let (path, region) = match place {
        Some(place) => (place.file.as_str(), Region::lines(place.first, place.last)),
        // Code scanning shows no result without a line.
        None => (directory(check)?, Region::lines(1, 1)),
    };
    Some(PhysicalLocation {
        artifact_location: ArtifactLocation {
            uri: uri(path),
            uri_base_id: "%SRCROOT%",
        },
        region,
    })
}

/// The directory of a stack; none of a plan file.
fn directory(check: &StackCheck) -> Option<&str> {
    if let Some(recipe) = &check.recipe {
        return Some(&recipe.dir);
    }
    let id = check.stack.as_ref()?.as_str();
    let path = match id.rsplit_once('#') {
        // The name is the last part, and the directory itself may have such a sign in it.
        Some((path, name)) if !name.contains('/') => path,
        _ => id,
    };
    let suffix = format!("@{}", check.workspace);
    Some(match path.strip_suffix(&suffix) {
        Some(directory) if check.workspace != DEFAULT_WORKSPACE => directory,
        _ => path,
    })
}

/// A path as a relative URI.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// A line of a message. Nothing in it is an embedded link.
fn message(line: &str) -> String {
    let lines: Vec<String> = line.lines().map(terminal).collect();
    lines.join("\n").replace("](", "] (")
}

/// The same for the same object of the same stack, whatever its values are.
fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hex::encode(hash.finalize());
    digest.get(..32).unwrap_or(&digest).to_owned()
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// From 0 to 100, the gravest highest.
const fn rank(severity: Severity) -> f64 {
    match severity {
        Severity::Critical => 100.0,
        Severity::High => 80.0,
        Severity::Medium => 50.0,
        Severity::Low => 20.0,
        Severity::Info => 0.0,
    }
}
