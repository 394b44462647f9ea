//! What policy says of a whole plan. A decision is a value with its reasons.

mod decided;
mod decision;
mod demand;
mod facts;
mod ignore;
mod judge;
mod not_now;
#[cfg(test)]
mod properties;
mod rule;
mod tally;
#[cfg(test)]
mod tests;
mod tightening;
#[cfg(test)]
mod tightening_tests;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

pub use decided::{Decided, Inputs};
pub use decision::{About, Approvable, By, Decision, DecisionKind, Reason, Requirement};
pub use demand::{Demand, demand};
pub use facts::{Applies, CodeSince, Facts, Guard};
pub use ignore::ignore;
pub use not_now::{ApplyLimit, Freeze, Limits, not_now};
pub use rule::{Conditions, Effect, EffectKind, Ignore, Rule};
pub use tightening::{Loosens, Restriction, Tightening};

use super::finding::{FindingAction, Findings, Verdict};
use super::hours::Hours;
use super::opinion::Opinion;
use judge::Judge;
use tally::Tally;

/// More changes than this are not made at once without asking.
const MOST_CHANGES: usize = 20;

/// How far Mooring goes by itself, the most restrained first.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PolicyMode {
    /// Look and tell.
    #[default]
    Observe,
    /// Also repair drift that rules call safe; code is held back.
    Heal,
    /// Also apply merged code that rules call safe.
    Sync,
}

/// Drift that comes back is written by something else too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contest {
    /// After so many repairs it is no longer repaired.
    pub times: usize,
    /// Repairs longer ago than this do not count.
    pub within: SignedDuration,
}

impl Default for Contest {
    /// One repair within a day.
    fn default() -> Self {
        Self {
            times: 1,
            within: SignedDuration::from_hours(24),
        }
    }
}

/// The policy of a stack. The operator's is all but `repository`.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How far the operator lets it go; see [`Policy::furthest`].
    pub mode: PolicyMode,
    /// Rules in order; the first that fits decides.
    pub rules: Vec<Rule>,
    /// What is safe besides, after all other rules.
    pub safe: Vec<Rule>,
    /// Whether decisions are only recorded.
    pub shadow: bool,
    /// When something may be applied; none means always.
    pub windows: Vec<Hours>,
    /// When nothing may be applied.
    pub freezes: Vec<Freeze>,
    /// How often something may be applied.
    pub limits: Limits,
    /// More changes than this are not made at once without asking.
    pub max_changes: usize,
    /// When drift that comes back is no longer repaired.
    pub contested: Contest,
    /// What the repository says besides, the root's file first. It tightens everything above.
    pub repository: Vec<Tightening>,
}

impl Default for Policy {
    /// Observes; nothing is safe.
    fn default() -> Self {
        Self {
            mode: PolicyMode::default(),
            rules: Vec::new(),
            safe: Vec::new(),
            shadow: false,
            windows: Vec::new(),
            freezes: Vec::new(),
            limits: Limits::default(),
            max_changes: MOST_CHANGES,
            contested: Contest::default(),
            repository: Vec::new(),
        }
    }
}

impl Policy {
    fn in_order(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().chain(&self.safe)
    }

    fn judge<'a>(&'a self, findings: &Findings, facts: &'a Facts) -> Judge<'a> {
        let changes = findings.changes();
        let counts = |rule: &&Rule| !rule.is_over(facts.now) && rule.is_about(facts, changes);
        let files = self.repository.iter();
        let restrictions = files.map(|file| {
            let rules = file.rules.iter().map(Restriction::rule);
            (file.file.as_str(), rules.filter(counts).collect())
        });
        Judge {
            rules: self.in_order().filter(counts).collect(),
            restrictions: restrictions.collect(),
            deploys: self.furthest() == PolicyMode::Sync,
            facts,
        }
    }
}

/// Decides over a whole plan. Pure: the same findings, policy and facts give the same decision. What
/// rules ignore is marked before, by [`ignore()`].
pub fn decide(verdict: Verdict, findings: &Findings, policy: &Policy, facts: &Facts) -> Decision {
    let decision = open(verdict, findings, policy, facts);
    let acts = matches!(
        decision.kind,
        DecisionKind::Apply | DecisionKind::Ask | DecisionKind::Refuse
    );
    if !policy.shadow || !acts || verdict == Verdict::Failed {
        return decision;
    }
    let text = format!("shadow: {}", decision.kind.would_have());
    let mut reasons = vec![Reason::from(text)];
    reasons.extend(decision.reasons);
    Decision {
        kind: DecisionKind::Alert,
        reasons,
        approvable: Approvable::NotAsked,
        shadow: Some(decision.kind),
        ..decision
    }
}

/// The decision as it is where decisions are not only recorded.
fn open(verdict: Verdict, findings: &Findings, policy: &Policy, facts: &Facts) -> Decision {
    let plain = |kind, reason: &str| Decision::because(kind, reason);
    let judge = policy.judge(findings, facts);
    let ignores_drift = findings.has_only_ignored_drift();
    let mode = policy.furthest();
    let decision = match verdict {
        Verdict::Failed => {
            return plain(DecisionKind::Refuse, "the plan failed or is incomplete");
        }
        Verdict::Unknown => return plain(DecisionKind::Refuse, "the stack has not been checked"),
        Verdict::InSync => in_sync(findings),
        Verdict::Drifted if ignores_drift && !findings.has_other_trouble() => plain(
            DecisionKind::Nothing,
            "everything that differs is ignored by rules",
        ),
        Verdict::Pending if mode != PolicyMode::Sync => Decision::because(
            DecisionKind::Alert,
            policy.by_mode("code is waiting to be applied; Mooring holds it"),
        ),
        Verdict::DriftedAndPending if mode == PolicyMode::Heal && ignores_drift => {
            Decision::because(
                DecisionKind::Alert,
                policy.by_mode("code is waiting to be applied; Mooring holds it"),
            )
        }
        _ if mode == PolicyMode::Observe => Decision::because(
            DecisionKind::Alert,
            policy.by_mode("mode is observe: Mooring only reports"),
        ),
        _ => whole_plan(verdict, findings, policy, &judge),
    };
    let judged = decision
        .explained()
        .any(|reason| reason.about != About::Plan);
    let again = ignore::told_again(findings, policy, &judge, facts);
    let mut decision = decision;
    decision.reasons.extend(again);
    decision.reasons.extend(policy.unread());
    if !judged {
        decision.details.extend(ignore::listed(findings));
    }
    decision
}

fn in_sync(findings: &Findings) -> Decision {
    let mut reasons: Vec<Reason> = Vec::new();
    if findings.has_failing_check() {
        reasons.push("a check fails".into());
    }
    if findings.has_grave_unenforced() {
        reasons.push("something changed that no apply would put back".into());
    }
    if reasons.is_empty() {
        Decision::because(DecisionKind::Nothing, "in sync")
    } else {
        Decision {
            reasons,
            ..Decision::new(DecisionKind::Alert)
        }
    }
}

/// The decision where Mooring may act: every objection counts.
fn whole_plan(
    verdict: Verdict,
    findings: &Findings,
    policy: &Policy,
    judge: &Judge<'_>,
) -> Decision {
    let facts = judge.facts;
    let mut tally = Tally::default();
    let later = not_now::waits(policy, facts);
    for guard in &facts.guards {
        // What comes back is told attribute by attribute, and time is not an objection.
        let told_elsewhere = match guard {
            Guard::Contested => !facts.contested.is_empty(),
            Guard::HoldOff => true,
            _ => false,
        };
        if !told_elsewhere {
            tally.object(Reason::plan(By::Guard(*guard), guard.reason()));
        }
    }
    let holds_code = !judge.deploys && verdict != Verdict::Drifted;
    if holds_code {
        let text = "pending code blocks the repair: applying would also deploy it";
        tally.object(policy.by_mode(text));
    }
    if judge.deploys && verdict != Verdict::Drifted {
        tally.objections.extend(not_ahead(facts));
    }
    let changes = findings.changes();
    let (most, file) = policy.most_changes();
    if changes > most {
        let of = file.map(|file| format!(" ({file})")).unwrap_or_default();
        let text = format!(
            "the plan changes {changes} objects, and more than {most} are not changed at once without \
             asking{of}"
        );
        tally.object(Reason::plan(By::Guard(Guard::TooManyChanges), text));
    }
    for finding in &findings.resources {
        tally.take(judge.finding(finding));
    }
    for text in besides(findings) {
        tally.object(text.into());
    }
    for reason in facts.opinion.iter().flat_map(heard) {
        tally.object(reason);
    }
    tally.decision(policy, facts, holds_code, later)
}

/// What people's policies in Rego have against a plan, or may have: one reason each.
pub fn heard(opinion: &Opinion) -> Vec<Reason> {
    let denied = opinion.denied().map(|text| {
        let rego = By::Rule {
            name: "Rego".to_owned(),
            effect: EffectKind::Ask,
            file: None,
        };
        Reason::plan(rego, text)
    });
    let unanswered = opinion
        .unanswered()
        .map(|text| Reason::plan(By::Guard(Guard::PolicyFailed), text));
    denied.chain(unanswered).collect()
}

/// Why code is not applied by itself although rules may call it safe.
fn not_ahead(facts: &Facts) -> Option<Reason> {
    let text = match (facts.code, facts.state_stood) {
        (CodeSince::Changed, true) => return None,
        (CodeSince::Changed, false) => {
            "the state was written since the stack was last in sync: somebody may have applied already"
        }
        (CodeSince::Same, _) => {
            "nothing that the stack reads changed in Git since it was last in sync"
        }
        (CodeSince::Unknown, _) => {
            "it is not known that what the stack reads changed since it was last in sync"
        }
    };
    Some(Reason::plan(By::Guard(Guard::NotAhead), text))
}

/// What else in the plan is never done without asking.
fn besides(findings: &Findings) -> Vec<String> {
    let outputs = findings.outputs.iter();
    let mut told: Vec<String> = outputs
        .map(|output| format!("output {} would change", output.name))
        .collect();
    if findings.deferred > 0 {
        told.push(format!(
            "{} changes are put off to a later plan",
            findings.deferred
        ));
    }
    if findings.invocations > 0 {
        told.push(format!(
            "{} actions of providers would run",
            findings.invocations
        ));
    }
    if findings.has_failing_check() {
        told.push("a check fails".to_owned());
    }
    told
}

impl Findings {
    /// How many objects an apply would change.
    pub fn changes(&self) -> usize {
        let changed = self
            .resources
            .iter()
            .filter(|finding| !matches!(finding.action, FindingAction::None | FindingAction::Read));
        changed.count()
    }
}
