//! Unenforced drift that an apply absorbed into the state is no longer in any plan. The ledger
//! keeps it, with the value last accepted, until the real value returns there.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::assess::assess;
use super::finding::{
    AttributeChange, Evidence, Finding, FindingAction, Findings, Origin, Subject,
};
use super::ids::Address;
use super::noise::is_noise;
use super::place::Background;
use super::plan::{Mode, Plan, ResourceChange};
use super::rules::Rules;
use super::value::{AttributePath, Value};

/// One attribute that moved where no configuration looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The object.
    pub address: Address,
    /// The attribute.
    pub path: AttributePath,
    /// The value before it moved.
    pub accepted: Value,
    /// When it was first seen elsewhere.
    pub first_seen_at: Timestamp,
    /// The real value while code that has not been applied looks at the attribute after all: if
    /// the code goes away again and the value is still there, so is the finding.
    #[serde(default)]
    pub while_governed: Option<Value>,
}

/// Brings ledger and findings together: unenforced findings enter the ledger, ledger entries that
/// the plan no longer shows enter the findings, and entries whose real value is back leave. Noise
/// has no place in the ledger. An incomplete plan (`complete` false) ends no entry for lack of the object.
pub fn carry(
    ledger: Vec<LedgerEntry>,
    plan: &Plan,
    complete: bool,
    findings: &mut Findings,
    rules: &Rules,
    now: Timestamp,
) -> Vec<LedgerEntry> {
    let mut kept = Vec::new();
    for mut entry in ledger {
        let Some(change) = present(plan, &entry.address) else {
            if !complete {
                kept.push(entry);
            }
            continue;
        };
        entry.address = change.address.clone();
        let real = change.before.at(&entry.path);
        if governed(findings, &entry) {
            entry.while_governed = Some(real.clone());
            kept.push(entry);
            continue;
        }
        if entry
            .while_governed
            .take()
            .is_some_and(|seen| !seen.same_observed(real))
        {
            continue;
        }
        let moved = remembered(&entry, real);
        if is_noise(&change.resource_type, &moved, rules) {
            continue;
        }
        drop_attribute(findings, &entry);
        if real.same_observed(&entry.accepted) {
            continue;
        }
        show(findings, change, &entry, moved);
        kept.push(entry);
    }
    for finding in findings
        .resources
        .iter()
        .filter(|f| f.mode == Mode::Managed && f.deposed.is_none())
    {
        for attribute in finding
            .attributes
            .iter()
            .filter(|a| a.origin == Origin::Unenforced)
            .filter(|a| !is_noise(&finding.resource_type, a, rules))
        {
            let Subject::Attribute(path) = &attribute.subject else {
                continue;
            };
            if !kept
                .iter()
                .any(|e| e.address == finding.address && &e.path == path)
            {
                kept.push(LedgerEntry {
                    address: finding.address.clone(),
                    path: path.clone(),
                    accepted: attribute.state.clone(),
                    first_seen_at: now,
                    while_governed: None,
                });
            }
        }
    }
    findings
        .resources
        .retain(|f| f.origin != Origin::Unenforced || !f.attributes.is_empty());
    for finding in &mut findings.resources {
        assess(finding, rules);
    }
    kept
}

fn present<'a>(plan: &'a Plan, address: &Address) -> Option<&'a ResourceChange> {
    plan.change(address).or_else(|| {
        plan.changes
            .iter()
            .find(|change| change.previous_address.as_ref() == Some(address))
    })
}

/// Whether the plan would write the attribute: then the configuration looks at it after all.
fn governed(findings: &Findings, entry: &LedgerEntry) -> bool {
    findings
        .resources
        .iter()
        .filter(|f| f.address == entry.address && f.deposed.is_none())
        .any(|f| {
            let whole = matches!(
                f.action,
                FindingAction::Delete | FindingAction::Replace | FindingAction::Create
            );
            whole
                || f.attributes.iter().any(|a| {
                    a.origin != Origin::Unenforced
                        && matches!(&a.subject, Subject::Attribute(p) if p == &entry.path)
                })
        })
}

fn drop_attribute(findings: &mut Findings, entry: &LedgerEntry) {
    for finding in findings
        .resources
        .iter_mut()
        .filter(|f| f.address == entry.address && f.deposed.is_none())
    {
        finding.attributes.retain(|a| {
            a.origin != Origin::Unenforced
                || !matches!(&a.subject, Subject::Attribute(p) if p == &entry.path)
        });
    }
}

fn remembered(entry: &LedgerEntry, real: &Value) -> AttributeChange {
    AttributeChange {
        evidence: Evidence::Remembered {
            since: entry.first_seen_at,
        },
        ..AttributeChange::new(
            Subject::Attribute(entry.path.clone()),
            Origin::Unenforced,
            [entry.accepted.clone(), real.clone(), real.clone()],
        )
    }
}

fn show(
    findings: &mut Findings,
    change: &ResourceChange,
    entry: &LedgerEntry,
    attribute: AttributeChange,
) {
    if let Some(finding) = findings
        .resources
        .iter_mut()
        .find(|f| f.address == entry.address && f.deposed.is_none())
    {
        finding.attributes.push(attribute);
        return;
    }
    findings.resources.push(Finding {
        address: change.address.clone(),
        resource_type: change.resource_type.clone(),
        mode: change.mode,
        deposed: None,
        previous_address: None,
        importing: false,
        action: FindingAction::None,
        origin: Origin::Unenforced,
        severity: super::finding::Severity::Info,
        severity_reason: String::new(),
        irreversible: None,
        suppressed: None,
        ignored: None,
        background: Background::default(),
        reason: Some(format!(
            "not as last accepted since {}",
            entry.first_seen_at
        )),
        attributes: vec![attribute],
    });
}
