//! What is decided of each change of a plan: by what is built in, by the first rule that fits, or by
//! default, which is that nothing is safe.

use super::super::attribute_key::AttributeKey;
use super::super::finding::{
    AttributeChange, Evidence, Finding, FindingAction, Origin, Severity, Subject,
};
use super::super::plan::Mode;
use super::super::tables::usual_writer;
use super::{About, By, Effect, EffectKind, Facts, Guard, Ignore, Reason, Requirement, Rule};

/// What is decided of one change.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// It may be applied.
    Allowed,
    /// A person has to say yes.
    Asks(Requirement),
    /// The plan must not be applied.
    Refused,
}

#[derive(Debug, Clone)]
pub(super) struct Judgement {
    pub(super) outcome: Outcome,
    pub(super) reason: Reason,
}

/// Judges the changes of one plan.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    /// The rules that can fit something in it, in order.
    pub(super) rules: Vec<&'a Rule>,
    /// Rules that files of the repository have, each file by itself: of each the first that fits
    /// counts, and none hides another or one of the operator's.
    pub(super) restrictions: Vec<(&'a str, Vec<&'a Rule>)>,
    /// Whether rules can call code safe.
    pub(super) deploys: bool,
    /// What is known besides.
    pub(super) facts: &'a Facts,
}

impl Judge<'_> {
    /// What is decided of an object, change by change.
    pub(super) fn finding(&self, finding: &Finding) -> Vec<Judgement> {
        let only_read = matches!(finding.action, FindingAction::Read | FindingAction::None);
        if finding.action == FindingAction::Read || (finding.mode == Mode::Data && only_read) {
            return Vec::new();
        }
        let noise = finding.suppressed.is_some() && finding.ignored.is_none();
        let mut all: Vec<Judgement> = builtin(finding).into_iter().collect();
        let changes = || finding.attributes.iter();
        all.extend(changes().filter_map(|change| self.contested(finding, change)));
        if is_whole(finding.action) {
            all.extend(self.object(finding));
            all.extend(self.restrictions(finding, None));
        } else if !(finding.action == FindingAction::None && noise) {
            all.extend(changes().filter_map(|change| self.attribute(finding, change)));
            all.extend(changes().flat_map(|change| self.restrictions(finding, Some(change))));
        }
        all
    }

    /// What the repository asks about or refuses besides.
    fn restrictions(
        &self,
        finding: &Finding,
        change: Option<&AttributeChange>,
    ) -> impl Iterator<Item = Judgement> {
        let fits = move |rule: &&&Rule| match change {
            Some(change) => rule.fits_attribute(finding, change),
            None => rule.fits_object(finding),
        };
        self.restrictions.iter().filter_map(move |(file, rules)| {
            let rule = rules.iter().find(fits)?;
            restricted(finding, change, rule, Some(file))
        })
    }

    fn first(&self, fits: impl Fn(&Rule) -> bool) -> Option<&Rule> {
        self.rules.iter().find(|rule| fits(rule)).copied()
    }

    /// The rule that ignores everything in a finding that drifted: the last of them, if there are
    /// several. What an apply would do besides keeps it from being ignored.
    pub(super) fn ignored(&self, finding: &Finding) -> Option<(&Rule, &Ignore)> {
        if finding.mode != Mode::Managed || finding.is_pending() {
            return None;
        }
        if is_whole(finding.action) {
            return ignore(self.first(|rule| rule.fits_object(finding))?);
        }
        let mut found = None;
        for change in finding.attributes.iter().filter(|change| has_moved(change)) {
            found = Some(ignore(
                self.first(|rule| rule.fits_attribute(finding, change))?,
            )?);
        }
        found
    }

    /// The rule that ignored a finding before it grew, and how it grew: another attribute, or more
    /// severe than the rule goes.
    pub(super) fn outgrown(&self, finding: &Finding) -> Option<(&Rule, String)> {
        let address = &finding.address;
        let moved = || finding.attributes.iter().filter(|change| has_moved(change));
        let exceeds = |rule: &Rule| moved().any(|change| rule.is_exceeded(finding, change));
        let fits = |rule: &Rule| moved().any(|change| rule.fits_attribute(finding, change));
        let first = self.first(|rule| fits(rule) || exceeds(rule));
        if let Some((rule, ignore)) = first.filter(|rule| exceeds(rule)).and_then(ignore) {
            let text = format!(
                "{address}: rule {} of {} ignores it only as long as it is less than {}",
                rule.name,
                ignore.owner,
                finding.severity.as_str()
            );
            return Some((rule, text));
        }
        if is_whole(finding.action) {
            return None;
        }
        let of = |change: &AttributeChange| {
            self.first(|rule| rule.fits_attribute(finding, change))
                .and_then(ignore)
        };
        let covered = moved().find(|change| of(change).is_some())?;
        let more = moved().find(|change| of(change).is_none())?;
        let (rule, ignore) = of(covered)?;
        let text = format!(
            "{address}: rule {} of {} ignores {}, but there is more: {}",
            rule.name, ignore.owner, covered.subject, more.subject
        );
        Some((rule, text))
    }

    /// An attribute of an object that is changed in place, or that no apply would touch.
    fn attribute(&self, finding: &Finding, change: &AttributeChange) -> Option<Judgement> {
        let address = &finding.address;
        let subject = &change.subject;
        let say =
            |outcome, by, text: String| Some(judged(finding, Some(subject), outcome, by, text));
        let rule = self.first(|rule| rule.fits_attribute(finding, change));
        if let Some(restricted) =
            rule.and_then(|rule| restricted(finding, Some(change), rule, None))
        {
            return Some(restricted);
        }
        if let Some((rule, ignore)) = rule.and_then(ignore) {
            // What no apply would touch is no more than known.
            let grave = finding.severity >= Severity::High;
            if change.origin == Origin::Unenforced && !grave {
                return None;
            }
            let text = format!("{address}: {subject} is ignored by {}", told(rule, ignore));
            return say(asks(), by(rule), text);
        }
        if finding.action == FindingAction::None {
            return None;
        }
        let origin = change.origin.as_str();
        let unsafe_by = |by| {
            let text = format!("{address}: no rule calls a change of {subject} safe ({origin})");
            say(asks(), by, text)
        };
        let repaired = finding
            .attributes
            .iter()
            .any(|a| a.origin == Origin::Drift || (self.deploys && a.origin == Origin::Pending));
        match change.origin {
            Origin::Unenforced if finding.severity >= Severity::High => unsafe_by(By::Builtin),
            Origin::Unenforced => None,
            // Unknown-only inside a resource that is being changed anyway.
            Origin::Consequence if repaired => say(
                Outcome::Allowed,
                By::Builtin,
                format!("{address}: {subject} follows from another change"),
            ),
            Origin::Both | Origin::Input => unsafe_by(By::Builtin),
            Origin::Pending if !self.deploys => unsafe_by(By::Builtin),
            Origin::Consequence | Origin::Drift | Origin::Pending => match rule {
                Some(rule) => say(
                    Outcome::Allowed,
                    by(rule),
                    format!(
                        "{address}: {subject} is {origin} and safe by rule {}",
                        rule.name
                    ),
                ),
                None => match self.safe_by_rego(finding) {
                    Some(why) => say(
                        Outcome::Allowed,
                        by_rego(),
                        format!("{address}: {subject} is {origin} and safe {why}"),
                    ),
                    None => unsafe_by(By::Default),
                },
            },
        }
    }

    /// An object that is created, deleted, replaced or forgotten.
    fn object(&self, finding: &Finding) -> Option<Judgement> {
        let address = &finding.address;
        let say = |outcome, by, text: String| Some(judged(finding, None, outcome, by, text));
        let rule = self.first(|rule| rule.fits_object(finding));
        if let Some(restricted) = rule.and_then(|rule| restricted(finding, None, rule, None)) {
            return Some(restricted);
        }
        if let Some((rule, ignore)) = rule.and_then(ignore) {
            let text = format!("{address} is ignored by {}", told(rule, ignore));
            return say(asks(), by(rule), text);
        }
        if finding.action != FindingAction::Create {
            return None;
        }
        let mut attributes = finding.attributes.iter();
        let code = attributes.find(|a| match a.origin {
            Origin::Drift => false,
            Origin::Pending | Origin::Consequence => !self.deploys,
            _ => true,
        });
        if let Some(code) = code {
            let text = format!(
                "{address}: its creation would also deploy code ({})",
                code.subject
            );
            return say(asks(), By::Builtin, text);
        }
        if finding.attributes.iter().any(is_absorbed) {
            let text = format!(
                "{address}: somebody has written the state since it was deleted: it may be meant"
            );
            return say(asks(), By::Builtin, text);
        }
        match rule {
            Some(rule) => {
                let origin = finding.origin.as_str();
                let text = format!("{address} is {origin} and safe by rule {}", rule.name);
                say(Outcome::Allowed, by(rule), text)
            }
            None => match self.safe_by_rego(finding) {
                Some(why) => {
                    let origin = finding.origin.as_str();
                    let text = format!("{address} is {origin} and safe {why}");
                    say(Outcome::Allowed, by_rego(), text)
                }
                None => say(
                    asks(),
                    By::Default,
                    format!("{address}: no rule calls its creation safe"),
                ),
            },
        }
    }

    /// How a policy in Rego calls an object safe, if one does and none failed.
    fn safe_by_rego(&self, finding: &Finding) -> Option<String> {
        let safe = self.facts.opinion.as_ref()?.calls_safe(&finding.address)?;
        let why = safe.reason.as_ref().map(|reason| format!(": {reason}"));
        Some(format!("by a policy in Rego{}", why.unwrap_or_default()))
    }

    /// What came back after it was repaired, and who else may be writing it.
    fn contested(&self, finding: &Finding, change: &AttributeChange) -> Option<Judgement> {
        if self.facts.contested.is_empty()
            || !self
                .facts
                .contested
                .contains(&AttributeKey::of(finding, change))
        {
            return None;
        }
        let (address, subject) = (&finding.address, &change.subject);
        let writer = usual_writer(&finding.resource_type, subject);
        let writer = writer.map_or_else(String::new, |who| format!("; often that is {who}"));
        let text = format!(
            "contested: {address}: {subject} came back after being repaired, something else writes it \
             too{writer}"
        );
        let by = By::Guard(Guard::Contested);
        Some(judged(finding, Some(subject), asks(), by, text))
    }
}

/// What stands against a change whatever the rules say.
fn builtin(finding: &Finding) -> Option<Judgement> {
    let address = &finding.address;
    let action = finding.action.as_str();
    let text = if finding.irreversible.is_some() {
        format!("{address}: {action} may lose data and is never automatic")
    } else if finding.importing {
        format!("{address} would be imported")
    } else if let Some(from) = &finding.previous_address {
        format!("{address} would move from {from}")
    } else {
        match finding.action {
            FindingAction::None => grave_unenforced(finding)?,
            FindingAction::Update => unseen_or_absorbed(finding)?,
            FindingAction::Delete
            | FindingAction::Replace
            | FindingAction::Forget
            | FindingAction::Other => format!("{address}: {action} is never automatic"),
            FindingAction::Create | FindingAction::Read => return None,
        }
    };
    Some(judged(finding, None, asks(), By::Builtin, text))
}

fn grave_unenforced(finding: &Finding) -> Option<String> {
    let told = finding.suppressed.is_none() || finding.ignored.is_some();
    (finding.origin == Origin::Unenforced && told && finding.severity >= Severity::High).then(
        || {
            format!(
                "{}: {} severity change that an apply would absorb into the state",
                finding.address,
                finding.severity.as_str()
            )
        },
    )
}

fn unseen_or_absorbed(finding: &Finding) -> Option<String> {
    let address = &finding.address;
    let mut attributes = finding.attributes.iter();
    if attributes.all(|a| a.origin == Origin::Unenforced) {
        return Some(format!(
            "{address}: the plan updates it and does not show what changes"
        ));
    }
    let absorbed = finding.attributes.iter().find(|a| is_absorbed(a))?;
    Some(format!(
        "{address}: somebody has written the state since {} was changed: it may be meant",
        absorbed.subject
    ))
}

/// Whoever saved the refresh that wrote the drift into the state may have known of it.
const fn is_absorbed(attribute: &AttributeChange) -> bool {
    matches!(attribute.evidence, Evidence::Absorbed { .. })
}

/// Whether the world moved there.
pub(super) const fn has_moved(change: &AttributeChange) -> bool {
    matches!(
        change.origin,
        Origin::Drift | Origin::Both | Origin::Unenforced
    )
}

/// Whether an action is about an object as a whole.
const fn is_whole(action: FindingAction) -> bool {
    !matches!(
        action,
        FindingAction::Update | FindingAction::None | FindingAction::Read
    )
}

const fn ignore(rule: &Rule) -> Option<(&Rule, &Ignore)> {
    match &rule.effect {
        Effect::Ignore(ignore) => Some((rule, ignore)),
        _ => None,
    }
}

/// What a rule that asks or refuses decides.
fn restricted(
    finding: &Finding,
    change: Option<&AttributeChange>,
    rule: &Rule,
    file: Option<&str>,
) -> Option<Judgement> {
    let (outcome, does) = match &rule.effect {
        Effect::Ask(requirement) => (Outcome::Asks(requirement.clone()), "asks about"),
        Effect::Refuse => (Outcome::Refused, "refuses"),
        Effect::Ignore(_) | Effect::Safe => return None,
    };
    let what = change.map_or_else(
        || format!("to {} it", finding.action.as_str()),
        |change| format!("a change of {}", change.subject),
    );
    let does = match change {
        None if does == "asks about" => "asks whether",
        _ => does,
    };
    let of = file.map(|file| format!(" of {file}")).unwrap_or_default();
    let text = format!("{}: rule {}{of} {does} {what}", finding.address, rule.name);
    let subject = change.map(|change| &change.subject);
    let by = By::Rule {
        name: rule.name.clone(),
        effect: rule.effect.kind(),
        file: file.map(str::to_owned),
    };
    Some(judged(finding, subject, outcome, by, text))
}

fn by_rego() -> By {
    By::Rule {
        name: "mooring.safe".to_owned(),
        effect: EffectKind::Safe,
        file: None,
    }
}

fn by(rule: &Rule) -> By {
    By::Rule {
        name: rule.name.clone(),
        effect: rule.effect.kind(),
        file: None,
    }
}

/// A rule that ignores, with who answers for it.
pub(super) fn told(rule: &Rule, ignore: &Ignore) -> String {
    let until = ignore.until.map(|until| format!(" until {until}"));
    format!(
        "rule {} of {}{}: {}",
        rule.name,
        ignore.owner,
        until.unwrap_or_default(),
        ignore.reason
    )
}

fn asks() -> Outcome {
    Outcome::Asks(Requirement::default())
}

fn judged(
    finding: &Finding,
    subject: Option<&Subject>,
    outcome: Outcome,
    by: By,
    text: String,
) -> Judgement {
    let about = About::Change {
        address: finding.address.clone(),
        attribute: subject.map(ToString::to_string),
    };
    Judgement {
        outcome,
        reason: Reason { about, by, text },
    }
}
