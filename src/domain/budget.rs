//! What many stacks share and what bears only so much, like an account or the API of a provider: how
//! many looks at once, how many beginnings in a while, and patience when it asks for that.

use std::collections::{BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::provider::ProviderPattern;
use super::selection::Selection;

/// The first wait after an API asked for patience.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);
/// It doubles this often, to about a quarter of an hour.
const LAST_DOUBLING: u32 = 5;

/// A limit over some stacks together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// How people call it.
    pub name: String,
    /// The stacks that share it.
    pub which: Selection,
    /// Patterns on the providers that a stack has; one has to fit one. Without any, providers do not
    /// matter.
    pub providers: Vec<ProviderPattern>,
    /// The most runs at once.
    pub runs: Option<usize>,
    /// The most runs that begin in a while.
    pub starts: Option<Rate>,
}

impl Budget {
    /// Whether a stack with these providers can be meant. Before its first look they are not known: until
    /// then it counts, which may make it wait and does no harm.
    pub fn takes_providers(&self, known: Option<&BTreeSet<String>>) -> bool {
        let fits = |address: &String| self.providers.iter().any(|one| one.is_match(address));
        self.providers.is_empty() || known.is_none_or(|known| known.iter().any(fits))
    }
}

/// So many in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: usize,
    /// In how long.
    pub within: SignedDuration,
}

/// A budget with what is taken of it.
#[derive(Debug)]
pub struct Account {
    budget: Budget,
    running: usize,
    started: VecDeque<Timestamp>,
    /// How often in a row patience was asked for.
    throttled: u32,
    not_before: Option<Timestamp>,
}

impl Account {
    /// Nothing is taken yet.
    pub const fn new(budget: Budget) -> Self {
        Self {
            budget,
            running: 0,
            started: VecDeque::new(),
            throttled: 0,
            not_before: None,
        }
    }

    /// The limit.
    pub const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Whether one more run may begin.
    pub fn allows(&self, now: Timestamp) -> bool {
        self.budget.runs.is_none_or(|most| self.running < most)
            && self.opens_at(now).is_none_or(|at| at <= now)
    }

    /// When one may begin as far as time decides; none if it does not.
    pub fn opens_at(&self, now: Timestamp) -> Option<Timestamp> {
        let rate = self.budget.starts.as_ref().and_then(|rate| {
            let recent = self.recent(rate, now);
            let first = recent.checked_sub(rate.count.max(1))?;
            let oldest = self.started.get(self.started.len() - recent + first)?;
            oldest.checked_add(rate.within).ok()
        });
        rate.max(self.not_before)
    }

    fn recent(&self, rate: &Rate, now: Timestamp) -> usize {
        let young = |at: &&Timestamp| now.duration_since(**at) < rate.within;
        self.started.iter().rev().take_while(young).count()
    }

    /// A run began.
    pub fn begin(&mut self, now: Timestamp) {
        self.running += 1;
        if let Some(rate) = self.budget.starts {
            self.started.push_back(now);
            while self.started.len() > rate.count.max(1) {
                self.started.pop_front();
            }
        }
    }

    /// A run ended; `throttled` if an API asked for patience.
    pub fn end(&mut self, throttled: bool, now: Timestamp) {
        self.running = self.running.saturating_sub(1);
        if throttled {
            let wait = FIRST_WAIT.saturating_mul(1 << self.throttled.min(LAST_DOUBLING));
            self.throttled = self.throttled.saturating_add(1);
            self.not_before = now.checked_add(wait).ok();
        } else if self.not_before.is_none_or(|at| at <= now) {
            self.throttled = 0;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    fn account(runs: Option<usize>, starts: Option<(usize, i64)>) -> Account {
        Account::new(Budget {
            name: "prod".to_owned(),
            which: Selection::default(),
            providers: Vec::new(),
            runs,
            starts: starts.map(|(count, seconds)| Rate {
                count,
                within: SignedDuration::from_secs(seconds),
            }),
        })
    }

    #[test]
    fn a_stack_counts_for_a_provider_that_it_has_or_may_have() {
        let pattern = ProviderPattern::parse("hashicorp/aws").unwrap();
        let budget = Budget {
            providers: vec![pattern],
            ..account(Some(1), None).budget
        };
        let known = |addresses: &[&str]| -> BTreeSet<String> {
            let full = addresses
                .iter()
                .map(|a| format!("registry.terraform.io/{a}"));
            full.collect()
        };
        assert!(budget.takes_providers(None));
        assert!(budget.takes_providers(Some(&known(&["hashicorp/null", "hashicorp/aws"]))));
        assert!(!budget.takes_providers(Some(&known(&["hashicorp/null"]))));
        assert!(!budget.takes_providers(Some(&known(&[]))));
        assert!(
            account(Some(1), None)
                .budget
                .takes_providers(Some(&known(&[])))
        );
    }

    #[test]
    fn only_so_many_run_at_once() {
        let mut account = account(Some(2), None);
        account.begin(at(0));
        assert!(account.allows(at(0)));
        account.begin(at(0));
        assert!(!account.allows(at(100)));
        account.end(false, at(100));
        assert!(account.allows(at(100)));
    }

    #[test]
    fn an_api_that_asks_for_patience_is_given_more_each_time() {
        let mut account = account(None, None);
        let mut now = 0;
        for wait in [30, 60, 120, 240, 480, 960, 960] {
            account.begin(at(now));
            account.end(true, at(now));
            assert!(!account.allows(at(now + wait - 1)));
            assert_eq!(account.opens_at(at(now)), Some(at(now + wait)));
            now += wait;
            assert!(account.allows(at(now)));
        }
        account.begin(at(now));
        account.end(false, at(now));
        account.end(true, at(now));
        assert_eq!(account.opens_at(at(now)), Some(at(now + 30)));
    }

    proptest! {
        #[test]
        fn in_no_while_more_begin_than_may(
            steps in prop::collection::vec(0i64..20, 1..200),
            count in 1usize..6,
            within in 1i64..60,
        ) {
            let mut account = account(None, Some((count, within)));
            let (mut now, mut began) = (0, Vec::new());
            for step in steps {
                now += step;
                if account.allows(at(now)) {
                    account.begin(at(now));
                    began.push(now);
                } else {
                    // It says when it opens, and then it is open.
                    let opens = account.opens_at(at(now)).unwrap();
                    prop_assert!(opens > at(now) && account.allows(opens));
                }
                account.end(false, at(now));
            }
            for window in began.windows(count + 1) {
                prop_assert!(window[count] - window[0] >= within);
            }
        }
    }
}
