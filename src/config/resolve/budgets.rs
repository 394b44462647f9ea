//! Limits over stacks that share something.

use jiff::SignedDuration;

use super::super::at::At;
use super::super::written::{Budget as Written, Configuration};
use super::Checks;
use crate::domain::budget::{Budget, Rate};
use crate::domain::provider::ProviderPattern;

impl Checks<'_> {
    pub(super) fn budgets(&mut self, written: &Configuration) -> Vec<Budget> {
        self.unique("budget", written.budgets.iter().map(|budget| &budget.name));
        let budgets = written.budgets.iter();
        budgets.map(|budget| self.budget(budget)).collect()
    }

    fn budget(&mut self, written: &Written) -> Budget {
        self.name(&written.name);
        let when = &written.when;
        let which = self.selection(&when.stacks, &when.sources, &when.labels, &when.owners);
        if written.runs.is_none() && written.starts.is_none() {
            self.problem(
                &written.name,
                "this budget limits nothing",
                "add `runs`, the most at once, or `starts: { runs: 30, within: 1m }`",
            );
        }
        let runs = written.runs.as_ref().map(|most| self.at_least_one(most));
        let starts = written.starts.as_ref().and_then(|starts| {
            let most = self.at_least_one(&starts.runs);
            let within = self.positive(Some(&starts.within))?;
            Some(Rate {
                count: most,
                within: SignedDuration::try_from(within).ok()?,
            })
        });
        let providers = when.providers.iter();
        let providers = providers.filter_map(|written| self.provider(written));
        Budget {
            name: written.name.to_string(),
            which,
            providers: providers.collect(),
            runs,
            starts,
        }
    }

    fn provider(&mut self, written: &At<String>) -> Option<ProviderPattern> {
        let parsed = ProviderPattern::parse(written);
        parsed
            .map_err(|error| {
                self.problem(
                    written,
                    error.to_string(),
                    "write it as `required_providers` has it, `hashicorp/aws`, or with its registry, \
                     `registry.terraform.io/hashicorp/aws`; each part may be a pattern",
                );
            })
            .ok()
    }
}
