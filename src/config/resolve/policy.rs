//! Policy and time limits.

use super::super::at::At;
use super::super::error::quoted;
use super::super::syntax::one_of;
use super::super::written::{Policy, Safe, StackPolicy, Timeouts};
use super::Checks;
use super::values::Steps;
use crate::domain::policy::{PolicyMode, SafeAction, SafeRule};
use crate::reconcile::settings::{PolicyOverrides, TimeoutOverrides};

impl Checks<'_> {
    pub(super) fn policy(&mut self, written: &Policy) -> PolicyOverrides {
        PolicyOverrides {
            mode: self.mode(written.mode.as_ref()),
            safe: self.rules(written.safe.as_deref()),
            hold_off: self.optional(written.hold_off.as_ref()),
            approval_expires: self.optional(written.approval_expires.as_ref()),
            pending_after: self.optional(written.pending_after.as_ref()),
            confirm_after: self.positive(written.confirm_after.as_ref()),
            max_age: self.positive(written.max_age.as_ref()),
        }
    }

    pub(super) fn stack_policy(&mut self, written: &StackPolicy) -> PolicyOverrides {
        PolicyOverrides {
            mode: self.mode(written.mode.as_ref()),
            safe: self.rules(written.safe.as_deref()),
            hold_off: self.optional(written.hold_off.as_ref()),
            approval_expires: self.optional(written.approval_expires.as_ref()),
            pending_after: self.optional(written.pending_after.as_ref()),
            confirm_after: self.positive(written.confirm_after.as_ref()),
            max_age: self.positive(written.max_age.as_ref()),
        }
    }

    pub(super) fn timeouts(&mut self, written: Option<&Timeouts>) -> TimeoutOverrides {
        let Some(written) = written else {
            return TimeoutOverrides::default();
        };
        TimeoutOverrides {
            init: self.positive(written.init.as_ref()),
            plan: self.positive(written.plan.as_ref()),
            apply: self.positive(written.apply.as_ref()),
            grace: self.positive(written.grace.as_ref()),
        }
    }

    fn mode(&mut self, written: Option<&At<String>>) -> Option<PolicyMode> {
        let mode = written?;
        match mode.as_str() {
            "observe" => Some(PolicyMode::Observe),
            "heal" => Some(PolicyMode::Heal),
            "sync" => {
                self.problem(
                    mode,
                    "the mode `sync` is not available yet",
                    "use `heal`: it repairs safe drift and holds merged code back",
                );
                None
            }
            other => {
                self.problem(
                    mode,
                    format!("{} is no mode", quoted(other)),
                    one_of(other, &["observe", "heal"]),
                );
                None
            }
        }
    }

    fn rules(&mut self, written: Option<&[Safe]>) -> Option<Vec<SafeRule>> {
        let rules = written?;
        Some(rules.iter().filter_map(|rule| self.rule(rule)).collect())
    }

    fn rule(&mut self, written: &Safe) -> Option<SafeRule> {
        let actions = match &written.actions {
            None => vec![SafeAction::Update],
            Some(actions) => {
                if actions.is_empty() {
                    self.problem(
                        actions,
                        "this rule covers no action",
                        "name `update`, `create` or both, or take `actions` away for `update`",
                    );
                }
                let actions = actions.iter();
                actions.filter_map(|action| self.action(action)).collect()
            }
        };
        if actions.contains(&SafeAction::Update) && written.attributes.is_empty() {
            self.problem(
                &written.resource_type,
                "this rule covers updates but no attributes",
                "name what may be put back, for example `attributes: [tags]`",
            );
        }
        let attributes = self.matchers(&written.attributes);
        let resource_type = self.matcher(&written.resource_type, Steps::Freely)?;
        let name = written.name.clone().unwrap_or_else(|| {
            let attributes: Vec<&str> = written.attributes.iter().map(|a| a.as_str()).collect();
            format!(
                "{} {}",
                written.resource_type.as_str(),
                attributes.join(", ")
            )
            .trim_end()
            .to_owned()
        });
        Some(SafeRule {
            name,
            resource_type,
            actions,
            attributes,
        })
    }

    fn action(&mut self, written: &At<String>) -> Option<SafeAction> {
        match written.as_str() {
            "update" => Some(SafeAction::Update),
            "create" => Some(SafeAction::Create),
            "delete" | "replace" | "forget" => {
                self.problem(
                    written,
                    format!("no rule can make `{}` automatic", written.as_str()),
                    "take it away: what cannot be undone is always left to a person; a rule can \
                     cover `update` and `create`",
                );
                None
            }
            other => {
                self.problem(
                    written,
                    format!("{} is no action", quoted(other)),
                    one_of(other, &["update", "create"]),
                );
                None
            }
        }
    }
}
