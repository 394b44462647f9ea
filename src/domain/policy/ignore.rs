//! What rules ignore: nobody is told of it, it is counted and listed, and it stays as it is.

use super::super::finding::Findings;
use super::super::ignored::Ignored;
use super::judge::{Judge, has_moved, told};
use super::{About, By, Effect, EffectKind, Facts, Policy, Reason};

/// Marks every finding of which rules ignore all that drifted.
pub fn ignore(findings: &mut Findings, policy: &Policy, facts: &Facts) {
    let judge = policy.judge(findings, facts);
    if judge.rules.is_empty() {
        return;
    }
    for finding in &mut findings.resources {
        if finding.suppressed.is_some() {
            continue;
        }
        let ignored = judge.ignored(finding).map(|(rule, ignore)| {
            let ignored = Ignored {
                rule: rule.name.clone(),
                owner: ignore.owner.clone(),
                reason: ignore.reason.clone(),
                until: ignore.until,
            };
            (ignored, format!("ignored by {}", told(rule, ignore)))
        });
        if let Some((ignored, text)) = ignored {
            finding.ignored = Some(ignored);
            finding.suppressed = Some(text);
        }
    }
}

/// What is to be said of findings that are told although a rule ignored them, or a part of them:
/// because they grew, or because its time is over.
pub(super) fn told_again(
    findings: &Findings,
    policy: &Policy,
    judge: &Judge<'_>,
    facts: &Facts,
) -> Vec<Reason> {
    let over: Vec<_> = policy
        .in_order()
        .filter(|rule| rule.is_over(facts.now) && rule.is_about(facts, findings.changes()))
        .collect();
    let mut reasons = Vec::new();
    for finding in findings.resources.iter().filter(|f| f.suppressed.is_none()) {
        let by = |name: &str| By::Rule {
            name: name.to_owned(),
            effect: EffectKind::Ignore,
            file: None,
        };
        let outgrown = judge.outgrown(finding);
        reasons.extend(outgrown.map(|(rule, text)| Reason::plan(by(&rule.name), text)));
        let ended = over.iter().find(|rule| {
            let mut drifted = finding.attributes.iter().filter(|a| has_moved(a));
            drifted.any(|change| rule.fits_attribute(finding, change))
        });
        if let Some(rule) = ended
            && let Effect::Ignore(ignore) = &rule.effect
            && let Some(until) = ignore.until
        {
            let text = format!(
                "{}: ignored until {until} by {}: {}; that is over",
                finding.address, ignore.owner, ignore.reason
            );
            reasons.push(Reason::plan(by(&rule.name), text));
        }
    }
    reasons
}

/// What is ignored, each with its rule.
pub(super) fn listed(findings: &Findings) -> impl Iterator<Item = Reason> {
    findings.resources.iter().filter_map(|finding| {
        let ignored = finding.ignored.as_ref()?;
        let text = finding.suppressed.as_deref().unwrap_or_default();
        Some(Reason {
            about: About::Change {
                address: finding.address.clone(),
                attribute: None,
            },
            by: By::Rule {
                name: ignored.rule.clone(),
                effect: EffectKind::Ignore,
                file: None,
            },
            text: format!("{}: {text}", finding.address),
        })
    })
}
