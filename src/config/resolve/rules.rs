//! The operator's rules on severities, noise and what cannot be undone.

use super::super::at::At;
use super::super::error::quoted;
use super::super::written::{IrreversibleEntry, NoiseEntry, Policy, SeverityEntry};
use super::Checks;
use crate::domain::pattern::{NamePattern, PathPattern};
use crate::domain::rules::{IrreversibleRule, NoiseRule, Rules, SeverityRule};

impl Checks<'_> {
    pub(super) fn judgement(&mut self, written: &Policy) -> Rules {
        let severities = written.severities.iter();
        let noise = written.noise.iter();
        let irreversible = written.irreversible.iter();
        Rules {
            severities: severities.filter_map(|e| self.severity(e)).collect(),
            noise: noise.filter_map(|e| self.noise(e)).collect(),
            irreversible: irreversible.filter_map(|e| self.irreversible(e)).collect(),
        }
    }

    fn severity(&mut self, written: &SeverityEntry) -> Option<SeverityRule> {
        let attributes = self.path_patterns(&written.attributes);
        let reason = written.reason.as_ref().map(|reason| self.text(reason));
        Some(SeverityRule {
            resource_type: self.name_pattern(&written.resource_type)?,
            attributes,
            origins: written.origin.clone(),
            severity: written.severity,
            reason,
        })
    }

    fn noise(&mut self, written: &NoiseEntry) -> Option<NoiseRule> {
        if written.attributes.is_empty() {
            self.problem(
                &written.attributes,
                "this noise names no attributes",
                "name what changes by itself, for example `attributes: [desired_capacity]`",
            );
        }
        let attributes = self.path_patterns(&written.attributes);
        for at in written.attributes.iter() {
            if PathPattern::parse(at).is_ok_and(|pattern| pattern.is_any()) {
                self.problem(
                    at,
                    "this would hide every change by hand that no apply puts back",
                    "name the attributes that change by themselves",
                );
            }
        }
        let reason = self.text(&written.reason);
        Some(NoiseRule {
            resource_type: self.name_pattern(&written.resource_type)?,
            attributes,
            reason,
        })
    }

    fn irreversible(&mut self, written: &IrreversibleEntry) -> Option<IrreversibleRule> {
        if let Some(attributes) = &written.attributes
            && attributes.is_empty()
        {
            self.problem(
                attributes,
                "this names no attributes",
                "name them, or take `attributes` away: then the objects themselves are meant",
            );
        }
        let attributes =
            self.path_patterns(written.attributes.as_deref().map_or(&[], Vec::as_slice));
        let reason = self.text(&written.reason);
        Some(IrreversibleRule {
            resource_type: self.name_pattern(&written.resource_type)?,
            attributes,
            reason,
        })
    }

    pub(super) fn name_pattern(&mut self, written: &At<String>) -> Option<NamePattern> {
        self.text(written);
        let pattern = NamePattern::parse(written);
        pattern
            .map_err(|error| self.no_pattern(written, &error))
            .ok()
    }

    pub(super) fn path_patterns(&mut self, written: &[At<String>]) -> Vec<PathPattern> {
        written
            .iter()
            .filter_map(|written| {
                self.text(written);
                let pattern = PathPattern::parse(written);
                let pattern = pattern
                    .map_err(|error| self.no_pattern(written, &error))
                    .ok()?;
                if pattern.has_empty_step() {
                    self.problem(
                        written,
                        format!("{} has a step without a name", quoted(written)),
                        "write one name after each dot; lists and their indices are no steps",
                    );
                }
                Some(pattern)
            })
            .collect()
    }

    fn no_pattern(&mut self, written: &At<String>, error: &globset::Error) {
        self.problem(
            written,
            format!("this is no pattern: {}", error.kind()),
            "patterns are written like `aws_*`, `tags.*` or `{a,b}`, without dots inside of braces; \
             put them in quotes",
        );
    }
}
