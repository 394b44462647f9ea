//! The rules of a policy.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::super::at::At;
use super::super::error::quoted;
use super::super::policy::{Approval, Listed, Rule as Written};
use super::super::syntax::one_of;
use super::super::written::Safe;
use super::Checks;
use crate::domain::finding::FindingAction;
use crate::domain::policy::{Conditions, Effect, EffectKind, Ignore, Requirement, Rule};

const ACTIONS: [FindingAction; 6] = [
    FindingAction::Update,
    FindingAction::Create,
    FindingAction::Delete,
    FindingAction::Replace,
    FindingAction::Forget,
    FindingAction::None,
];

impl Checks<'_> {
    pub(super) fn rules(
        &mut self,
        written: Option<&[Written]>,
        zone: Option<&At<String>>,
    ) -> Option<Vec<Rule>> {
        let rules = written?;
        self.unique("rule", rules.iter().map(|rule| &rule.name));
        let rules = rules.iter().flat_map(|rule| self.rule(rule, zone));
        Some(rules.collect())
    }

    pub(super) fn safe(&mut self, written: Option<&[Safe]>) -> Option<Vec<Rule>> {
        let rules = written?;
        Some(rules.iter().flat_map(|rule| self.safe_rule(rule)).collect())
    }

    fn safe_rule(&mut self, written: &Safe) -> Vec<Rule> {
        let actions = self.safe_actions(written.actions.as_ref());
        self.updates_something(&written.resource_type, &actions, &written.attributes);
        let attributes = self.path_patterns(&written.attributes);
        let resource_type = self.name_pattern(&written.resource_type);
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
        let when = Conditions {
            types: resource_type.into_iter().collect(),
            attributes,
            ..Conditions::default()
        };
        if when.types.is_empty() {
            return Vec::new();
        }
        split(&name, &when, &actions)
    }

    fn rule(&mut self, written: &Written, zone: Option<&At<String>>) -> Vec<Rule> {
        let name = self.text(&written.name);
        self.belongs(written);
        let when = self.conditions(written);
        let effect = match *written.effect {
            EffectKind::Refuse => Effect::Refuse,
            EffectKind::Ask => Effect::Ask(self.requirement(written.approval.as_ref())),
            EffectKind::Ignore => match self.ignore(written, zone) {
                Some(ignore) => Effect::Ignore(ignore),
                None => return Vec::new(),
            },
            EffectKind::Safe => {
                let actions = self.safe_actions(written.actions.as_ref());
                let attributes = listed(&written.attributes);
                self.updates_something(&written.name, &actions, attributes);
                return split(&name, &when, &actions);
            }
        };
        let actions = listed(&written.actions).iter();
        let actions = actions.filter_map(|at| self.action(at)).collect();
        let when = Conditions { actions, ..when };
        vec![Rule { name, when, effect }]
    }

    fn conditions(&mut self, written: &Written) -> Conditions {
        for list in [
            &written.sources,
            &written.stacks,
            &written.types,
            &written.addresses,
            &written.modules,
            &written.attributes,
            &written.actions,
        ] {
            if let Some(list) = list.as_ref().filter(|list| list.is_empty()) {
                self.empty(list);
            }
        }
        if let Some(origins) = written.origins.as_ref().filter(|list| list.is_empty()) {
            self.empty(origins);
        }
        let severity = written.severity.as_ref();
        let at_least = severity.and_then(|severity| severity.at_least);
        let at_most = severity.and_then(|severity| severity.at_most);
        if let (Some(severity), Some(least), Some(most)) = (severity, at_least, at_most)
            && least > most
        {
            self.problem(
                severity,
                "no severity is that high and that low",
                "write the lower one as `at_least`",
            );
        }
        let patterns = |checks: &mut Self, list: &Listed| {
            let list = listed(list).iter();
            list.filter_map(|at| checks.name_pattern(at)).collect()
        };
        Conditions {
            stacks: self.selection(
                listed(&written.stacks),
                listed(&written.sources),
                &written.labels,
                &[],
            ),
            types: patterns(self, &written.types),
            addresses: patterns(self, &written.addresses),
            modules: patterns(self, &written.modules),
            attributes: self.path_patterns(listed(&written.attributes)),
            origins: written
                .origins
                .as_ref()
                .map_or_else(Vec::new, |o| o.to_vec()),
            actions: Vec::new(),
            at_least,
            at_most,
            changes: written
                .changes
                .as_ref()
                .map(|changes| self.at_least_one(changes)),
        }
    }

    fn empty<T>(&mut self, list: &At<Vec<T>>) {
        self.problem(
            list,
            "nothing stands in this list, so the rule would never fit",
            "name something, or take the key away: then it fits whatever that is",
        );
    }

    /// Keys that say nothing for the rule's effect.
    fn belongs(&mut self, written: &Written) {
        let effect = written.effect.as_str();
        if *written.effect != EffectKind::Ignore {
            let given = [
                ("owner", &written.owner),
                ("reason", &written.reason),
                ("until", &written.until),
            ];
            for (key, at) in given {
                if let Some(at) = at {
                    self.problem(
                        at,
                        format!("`{key}` belongs to rules that ignore, and this one is `{effect}`"),
                        "take it away",
                    );
                }
            }
        }
        if let Some(approval) = written.approval.as_ref()
            && *written.effect != EffectKind::Ask
        {
            self.problem(
                approval,
                format!("`approval` belongs to rules that ask, and this one is `{effect}`"),
                "take it away, or write `effect: ask`",
            );
        }
    }

    fn ignore(&mut self, written: &Written, zone: Option<&At<String>>) -> Option<Ignore> {
        for (key, at) in [("owner", &written.owner), ("reason", &written.reason)] {
            if at.is_none() {
                self.problem(
                    &written.effect,
                    format!("this rule ignores something and has no `{key}`"),
                    "say who answers for it (`owner`) and why (`reason`): people see both",
                );
            }
        }
        let until = match &written.until {
            Some(at) => Some(self.moment(at, zone, true)?),
            None => None,
        };
        if let (Some(until), Some(at)) = (until, &written.until)
            && until <= self.now
        {
            let line = at.place().line();
            self.warnings.push(format!(
                "line {line}: rule {} ignored things until {} and does so no longer; take it away or \
                 give it more time",
                quoted(&written.name),
                at.as_str()
            ));
        }
        Some(Ignore {
            owner: self.text(written.owner.as_ref()?),
            reason: self.text(written.reason.as_ref()?),
            until,
        })
    }

    fn requirement(&mut self, written: Option<&At<Approval>>) -> Requirement {
        let mut requirement = Requirement::default();
        let Some(written) = written else {
            return requirement;
        };
        if let Some(count) = &written.count {
            self.at_least_one(count);
            requirement.count = (**count).max(1);
        }
        if let Some(groups) = &written.groups {
            if groups.is_empty() {
                self.problem(
                    groups,
                    "nobody is in no group, so nobody could approve",
                    "name groups, or take the key away: then everybody who may approve can",
                );
            }
            requirement.groups.push(self.texts(groups));
        }
        requirement.not_author = written.not_author;
        requirement
    }

    /// A day or a time. Of a day its beginning, or the beginning of the next if it belongs to it.
    pub(super) fn moment(
        &mut self,
        written: &At<String>,
        zone: Option<&At<String>>,
        whole_day: bool,
    ) -> Option<Timestamp> {
        if let Ok(time) = written.parse::<Timestamp>() {
            return Some(time);
        }
        let zone = zone.and_then(|zone| TimeZone::get(zone).ok());
        let zone = zone.unwrap_or(TimeZone::UTC);
        let day = written.parse::<Date>().ok();
        let day = day.and_then(|day| match whole_day {
            true => day.checked_add(1.day()).ok(),
            false => Some(day),
        });
        let time = day.and_then(|day| day.to_zoned(zone).ok());
        if time.is_none() {
            self.problem(
                written,
                "this is neither a day nor a time",
                "write it like `2027-01-31` or `2027-01-31T18:00:00Z`",
            );
        }
        time.map(|time| time.timestamp())
    }

    pub(super) fn at_least_one(&mut self, written: &At<u32>) -> usize {
        if **written == 0 {
            self.problem(written, "with zero this never holds", "write 1 or more");
        }
        usize::try_from(**written).unwrap_or(usize::MAX)
    }

    /// What was written for updates has to name attributes.
    fn updates_something(
        &mut self,
        at: &At<String>,
        actions: &[FindingAction],
        attributes: &[At<String>],
    ) {
        if actions.contains(&FindingAction::Update) && attributes.is_empty() {
            self.problem(
                at,
                "this rule covers updates but no attributes",
                "name what may be put back, for example `attributes: [tags]`",
            );
        }
    }

    fn safe_actions(&mut self, written: Option<&At<Vec<At<String>>>>) -> Vec<FindingAction> {
        let Some(actions) = written else {
            return vec![FindingAction::Update];
        };
        if actions.is_empty() {
            self.problem(
                actions,
                "this rule covers no action",
                "name `update`, `create` or both, or take `actions` away for `update`",
            );
        }
        let actions = actions.iter();
        actions.filter_map(|at| self.safe_action(at)).collect()
    }

    fn safe_action(&mut self, written: &At<String>) -> Option<FindingAction> {
        match written.as_str() {
            "update" => Some(FindingAction::Update),
            "create" => Some(FindingAction::Create),
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

    fn action(&mut self, written: &At<String>) -> Option<FindingAction> {
        let known = ACTIONS
            .iter()
            .find(|action| action.as_str() == written.as_str());
        if known.is_none() {
            let names: Vec<&str> = ACTIONS.iter().map(|action| action.as_str()).collect();
            self.problem(
                written,
                format!("{} is no action", quoted(written)),
                one_of(written, &names),
            );
        }
        known.copied()
    }
}

fn listed(list: &Listed) -> &[At<String>] {
    list.as_ref().map_or(&[], |list| list.as_slice())
}

/// A rule that calls changes safe. Attributes are those of updates: what is created is safe or not as
/// a whole.
fn split(name: &str, when: &Conditions, actions: &[FindingAction]) -> Vec<Rule> {
    let rule = |action, attributes| Rule {
        name: name.to_owned(),
        when: Conditions {
            actions: vec![action],
            attributes,
            ..when.clone()
        },
        effect: Effect::Safe,
    };
    let actions = actions.iter();
    actions
        .map(|action| match action {
            FindingAction::Update => rule(*action, when.attributes.clone()),
            _ => rule(*action, Vec::new()),
        })
        .collect()
}
