//! Known secrets, found in text as they are or inside base64. There may be as many as a large plan has
//! objects, and many may begin alike, so of each form only a hash is kept, and of how forms begin
//! which lengths they have: a place in a text costs no more than these lengths.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use super::{SHORTEST_MASKED, encoded};

/// Longer secrets (whole files) are looked for as they are only.
const LONGEST_ENCODED: usize = 4096;

/// How much of a form the table knows it by.
const START: usize = SHORTEST_MASKED;

/// See the module.
#[derive(Default)]
pub(super) struct Known {
    hasher: RandomState,
    forms: HashSet<u64>,
    /// The lengths of the forms that begin so.
    lengths: HashMap<[u8; START], BTreeSet<usize>>,
}

impl Known {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut known = Self::default();
        for secret in secrets {
            known.add(secret);
            for line in secret.lines() {
                known.add(line.trim());
            }
        }
        known
    }

    fn add(&mut self, secret: &str) {
        if secret.chars().count() < SHORTEST_MASKED || !self.add_form(secret) {
            return;
        }
        if secret.len() <= LONGEST_ENCODED {
            for form in encoded::base64(secret.as_bytes()) {
                self.add_form(&form);
            }
        }
    }

    /// Whether the form is new.
    fn add_form(&mut self, form: &str) -> bool {
        let Some(start) = form.as_bytes().first_chunk() else {
            return false;
        };
        let lengths = self.lengths.entry(*start).or_default();
        lengths.insert(form.len());
        self.forms.insert(self.hasher.hash_one(form.as_bytes()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Where secrets stand in the text, the longest where several begin.
    pub(super) fn places(&self, text: &str) -> Vec<Range<usize>> {
        let mut places = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let Some(length) = self.longest_at(text, at) else {
                at += 1;
                continue;
            };
            places.push(at..at + length);
            at += length;
        }
        places
    }

    /// The length of the longest form of a secret that stands at this place.
    fn longest_at(&self, text: &str, at: usize) -> Option<usize> {
        let lengths = self
            .lengths
            .get(text.as_bytes().get(at..)?.first_chunk()?)?;
        // A secret is text, so it begins and ends where a character does.
        let rest = text.get(at..)?;
        let stands = |length: &&usize| {
            let form = rest.get(..**length);
            form.is_some_and(|form| self.forms.contains(&self.hasher.hash_one(form.as_bytes())))
        };
        lengths.iter().rev().find(stands).copied()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_of_several_is_cut_out() {
        let known = Known::new(["password", "password-of-ann", "short"]);
        assert_eq!(
            known.places("password-of-ann password short"),
            [0..15, 16..24]
        );
        assert!(known.places("nothing").is_empty());
        assert!(Known::new(["short"]).is_empty());
    }

    #[test]
    fn many_secrets_that_begin_alike_cost_no_more_than_others() {
        let secrets: Vec<String> = (0..50_000)
            .map(|n| format!("postgres://app:{n:08}@db"))
            .collect();
        let known = Known::new(secrets.iter().map(String::as_str));
        let start: &[u8; START] = b"postgres";
        assert!(known.lengths.get(start).unwrap().len() < 10);
        let text = secrets.join(" ");
        assert_eq!(known.places(&text).len(), secrets.len());
    }

    proptest! {
        #[test]
        fn every_form_is_found_wherever_it_stands(
            secrets in proptest::collection::vec("\\PC{8,30}", 1..5),
            before in "\\PC{0,9}", after in "\\PC{0,9}",
        ) {
            let known = Known::new(secrets.iter().map(String::as_str));
            for secret in &secrets {
                for form in encoded::base64(secret.as_bytes()).chain([secret.clone()]) {
                    let text = format!("{before}{form}{after}");
                    let places = known.places(&text);
                    let masked = crate::secret::cut(&text, places);
                    prop_assert!(masked.is_some_and(|m| !m.contains(&form)), "{form}");
                }
            }
        }
    }
}
