//! What policy says of a whole plan. A decision is a value with its reasons.

use globset::GlobMatcher;
use serde::{Deserialize, Serialize};

use super::finding::{
    AttributeChange, Evidence, Finding, FindingAction, Findings, Origin, Severity, Subject, Verdict,
};
use super::plan::Mode;
use super::value::AttributePath;

/// How far Mooring goes by itself.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PolicyMode {
    /// Look and tell.
    #[default]
    Observe,
    /// Also repair drift that rules call safe; code is held back.
    Heal,
}

/// The actions a rule can call safe. Deleting, replacing and forgetting are not among them: no rule
/// makes those automatic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SafeAction {
    /// An update in place.
    Update,
    /// Re-creation of an object deleted by hand (never of one that may hold data).
    Create,
}

/// A rule that calls changes safe.
#[derive(Debug, Clone)]
pub struct SafeRule {
    /// How the rule is named in reasons.
    pub name: String,
    /// Resource types it covers.
    pub resource_type: GlobMatcher,
    /// Actions it covers.
    pub actions: Vec<SafeAction>,
    /// Attribute paths it covers (`tags`, `tags.*`); for an update every planned attribute must be
    /// covered by some rule. Ignored for a creation.
    pub attributes: Vec<GlobMatcher>,
}

/// The policy of a stack.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// How far to go.
    pub mode: PolicyMode,
    /// What is safe; without rules nothing is.
    pub safe: Vec<SafeRule>,
}

/// What to do about a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionKind {
    /// Nothing to do or say.
    Nothing,
    /// Tell people.
    Alert,
    /// Apply it.
    Apply,
    /// A person has to say yes.
    Ask,
    /// It must not be applied.
    Refuse,
}

impl DecisionKind {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Alert => "alert",
            Self::Apply => "apply",
            Self::Ask => "ask",
            Self::Refuse => "refuse",
        }
    }
}

/// A decision and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What to do.
    pub kind: DecisionKind,
    /// Why, one sentence each, guards first.
    pub reasons: Vec<String>,
}

/// Facts beyond the plan that forbid acting by itself, whatever the rules say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The stack is seen for the first time: its findings are a baseline.
    FirstSight,
    /// The state is empty.
    EmptyState,
    /// The state has another lineage than the one seen before.
    NewLineage,
    /// The state's serial is lower than the one seen before.
    OlderSerial,
    /// The backend cannot lock the state.
    NoLocking,
    /// The same finding came back after a repair.
    Contested,
    /// The drift is younger than the hold-off time.
    HoldOff,
    /// An earlier apply did not end as it should and nobody has looked at it.
    Held,
    /// The plan was made from an unclean tree.
    DirtyTree,
    /// Two plans of one commit differ, so the plan cannot be approved.
    Unstable,
}

impl Guard {
    /// The reason as a sentence.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::FirstSight => "first sight of this stack: its findings are a baseline",
            Self::EmptyState => "the state is empty: nothing is applied automatically",
            Self::NewLineage => "the state has a new lineage: it is not the one seen before",
            Self::OlderSerial => "the state is older than the one seen before",
            Self::NoLocking => "the backend cannot lock the state",
            Self::Contested => {
                "contested: this drift came back after being repaired, something else writes it too"
            }
            Self::HoldOff => "the drift is younger than the hold-off time",
            Self::Held => {
                "an earlier apply did not end as it should: a person has to look at the stack first"
            }
            Self::DirtyTree => "the tree has uncommitted changes",
            Self::Unstable => "two plans of the same commit differ: the plan cannot be approved",
        }
    }
}

/// Decides over a whole plan. Pure: the same findings, policy and guards give the same decision.
pub fn decide(
    verdict: Verdict,
    findings: &Findings,
    policy: &Policy,
    guards: &[Guard],
) -> Decision {
    let plain = |kind, reason: &str| Decision {
        kind,
        reasons: vec![reason.to_owned()],
    };
    match verdict {
        Verdict::Failed => {
            return plain(DecisionKind::Refuse, "the plan failed or is incomplete");
        }
        Verdict::Unknown => return plain(DecisionKind::Refuse, "the stack has not been checked"),
        Verdict::InSync => return in_sync(findings),
        Verdict::Pending => {
            return plain(
                DecisionKind::Alert,
                "code is waiting to be applied; Mooring holds it",
            );
        }
        Verdict::Drifted | Verdict::DriftedAndPending => {}
    }
    if policy.mode == PolicyMode::Observe {
        return plain(DecisionKind::Alert, "mode is observe: Mooring only reports");
    }
    let mut reasons: Vec<String> = guards.iter().map(|g| g.reason().to_owned()).collect();
    if verdict == Verdict::DriftedAndPending {
        reasons.push("pending code blocks the repair: applying would also deploy it".to_owned());
    }
    reasons.extend(whole_plan(findings, policy));
    if reasons.is_empty() {
        let reasons = findings
            .resources
            .iter()
            .filter(|f| f.action != FindingAction::None && f.action != FindingAction::Read)
            .map(|f| format!("{} is {} and safe by rule", f.address, f.origin.as_str()))
            .collect();
        return Decision {
            kind: DecisionKind::Apply,
            reasons,
        };
    }
    Decision {
        kind: DecisionKind::Ask,
        reasons,
    }
}

fn in_sync(findings: &Findings) -> Decision {
    let mut reasons = Vec::new();
    if findings.has_failing_check() {
        reasons.push("a check fails".to_owned());
    }
    if findings.has_grave_unenforced() {
        reasons.push("something changed that no apply would put back".to_owned());
    }
    if reasons.is_empty() {
        Decision {
            kind: DecisionKind::Nothing,
            reasons: vec!["in sync".to_owned()],
        }
    } else {
        Decision {
            kind: DecisionKind::Alert,
            reasons,
        }
    }
}

/// Everything in the plan that stands against applying it by itself.
fn whole_plan(findings: &Findings, policy: &Policy) -> Vec<String> {
    let mut reasons: Vec<String> = findings
        .resources
        .iter()
        .filter_map(|f| objection(f, policy))
        .collect();
    reasons.extend(
        findings
            .outputs
            .iter()
            .map(|o| format!("output {} would change", o.name)),
    );
    if findings.deferred > 0 {
        reasons.push(format!(
            "{} changes are put off to a later plan",
            findings.deferred
        ));
    }
    if findings.invocations > 0 {
        reasons.push(format!(
            "{} actions of providers would run",
            findings.invocations
        ));
    }
    if findings.has_failing_check() {
        reasons.push("a check fails".to_owned());
    }
    reasons
}

fn objection(finding: &Finding, policy: &Policy) -> Option<String> {
    let address = &finding.address;
    let only_read = matches!(finding.action, FindingAction::Read | FindingAction::None);
    if finding.action == FindingAction::Read || (finding.mode == Mode::Data && only_read) {
        return None;
    }
    if finding.irreversible.is_some() {
        return Some(format!(
            "{address}: {} may lose data and is never automatic",
            finding.action.as_str()
        ));
    }
    if finding.importing {
        return Some(format!("{address} would be imported"));
    }
    if let Some(from) = &finding.previous_address {
        return Some(format!("{address} would move from {from}"));
    }
    match finding.action {
        FindingAction::None => grave_unenforced(finding),
        FindingAction::Update => update(finding, policy),
        FindingAction::Create => created(finding, policy),
        FindingAction::Delete
        | FindingAction::Replace
        | FindingAction::Forget
        | FindingAction::Other => Some(format!(
            "{address}: {} is never automatic",
            finding.action.as_str()
        )),
        FindingAction::Read => None,
    }
}

fn grave_unenforced(finding: &Finding) -> Option<String> {
    (finding.origin == Origin::Unenforced
        && finding.suppressed.is_none()
        && finding.severity >= Severity::High)
        .then(|| {
            format!(
                "{}: {} severity change that an apply would absorb into the state",
                finding.address,
                finding.severity.as_str()
            )
        })
}

fn created(finding: &Finding, policy: &Policy) -> Option<String> {
    if let Some(other) = finding
        .attributes
        .iter()
        .find(|a| a.origin != Origin::Drift)
    {
        return Some(format!(
            "{}: its creation would also deploy code ({})",
            finding.address, other.subject
        ));
    }
    if finding.attributes.iter().any(is_absorbed) {
        return Some(format!(
            "{}: somebody has written the state since it was deleted: it may be meant",
            finding.address
        ));
    }
    let safe = policy.safe.iter().any(|rule| {
        rule.actions.contains(&SafeAction::Create)
            && rule.resource_type.is_match(&finding.resource_type)
    });
    (!safe).then(|| format!("{}: no rule calls its creation safe", finding.address))
}

fn update(finding: &Finding, policy: &Policy) -> Option<String> {
    if finding
        .attributes
        .iter()
        .all(|a| a.origin == Origin::Unenforced)
    {
        let address = &finding.address;
        return Some(format!(
            "{address}: the plan updates it and does not show what changes"
        ));
    }
    if let Some(attribute) = finding.attributes.iter().find(|a| is_absorbed(a)) {
        return Some(format!(
            "{address}: somebody has written the state since {} was changed: it may be meant",
            attribute.subject,
            address = finding.address
        ));
    }
    let allowed_elsewhere = finding.attributes.iter().any(|a| a.origin == Origin::Drift);
    finding
        .attributes
        .iter()
        .find(|attribute| match attribute.origin {
            Origin::Unenforced => {
                finding.severity >= Severity::High && finding.suppressed.is_none()
            }
            // Unknown-only inside a resource that is being repaired anyway.
            Origin::Consequence if allowed_elsewhere => false,
            Origin::Consequence | Origin::Drift => !covered(finding, &attribute.subject, policy),
            Origin::Pending | Origin::Both | Origin::Input => true,
        })
        .map(|attribute| {
            format!(
                "{}: no rule calls a change of {} safe ({})",
                finding.address,
                attribute.subject,
                attribute.origin.as_str()
            )
        })
}

/// Whoever saved the refresh that wrote the drift into the state may have known of it.
const fn is_absorbed(attribute: &AttributeChange) -> bool {
    matches!(attribute.evidence, Evidence::Absorbed { .. })
}

fn covered(finding: &Finding, subject: &Subject, policy: &Policy) -> bool {
    let Subject::Attribute(path) = subject else {
        return false;
    };
    policy.safe.iter().any(|rule| {
        rule.actions.contains(&SafeAction::Update)
            && rule.resource_type.is_match(&finding.resource_type)
            && (path_matches(rule, path)
                || twin_of_tags(path).is_some_and(|p| path_matches(rule, &p)))
    })
}

/// A rule on `tags` covers the same keys of `tags_all`, which the AWS provider derives from it.
fn twin_of_tags(path: &AttributePath) -> Option<AttributePath> {
    let (first, rest) = path.segments().split_first()?;
    (first == "tags_all").then(|| {
        AttributePath::new(
            std::iter::once("tags".to_owned())
                .chain(rest.iter().cloned())
                .collect(),
        )
    })
}

/// A pattern matches the path itself or anything above it.
fn path_matches(rule: &SafeRule, path: &AttributePath) -> bool {
    (1..=path.segments().len()).any(|length| {
        let prefix = AttributePath::new(path.segments()[..length].to_vec()).to_string();
        rule.attributes.iter().any(|glob| glob.is_match(&prefix))
    })
}
