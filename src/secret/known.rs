//! Known secrets, found in text in any of their forms. There may be as many as a large plan has
//! objects, so only the secrets themselves are kept: a table of how their forms begin says where to
//! look closer.

use std::collections::{BTreeSet, HashMap};

use super::{MASK, SHORTEST_MASKED, encoded};

/// Longer secrets (whole files) are looked for as they are only.
const LONGEST_ENCODED: usize = 4096;

/// How much of a form the table knows it by.
const START: usize = SHORTEST_MASKED;

/// So much of a secret decides how each of its forms begins.
const DECIDING: usize = 2 * START;

/// Ends a chain.
const NONE: u32 = u32::MAX;

/// One way in which a secret can begin.
struct Entry {
    secret: u32,
    /// The next entry that begins alike.
    next: u32,
}

/// See the module.
pub(super) struct Known {
    secrets: Vec<Box<str>>,
    entries: Vec<Entry>,
    starts: HashMap<[u8; START], u32>,
}

impl Known {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let secrets: BTreeSet<&str> = secrets
            .into_iter()
            .flat_map(|secret| secret.lines().map(str::trim).chain([secret]))
            .filter(|text| text.chars().count() >= SHORTEST_MASKED)
            .collect();
        let mut known = Self {
            secrets: Vec::with_capacity(secrets.len()),
            entries: Vec::new(),
            starts: HashMap::new(),
        };
        for secret in secrets {
            known.add(secret);
        }
        known
    }

    fn add(&mut self, secret: &str) {
        let Ok(place) = u32::try_from(self.secrets.len()) else {
            return;
        };
        self.secrets.push(secret.into());
        let mut starts = BTreeSet::from([start(secret.as_bytes())]);
        if secret.len() <= LONGEST_ENCODED {
            let end = secret.floor_char_boundary(DECIDING.min(secret.len()));
            let decides = secret.get(..end).unwrap_or(secret);
            starts.extend(encoded::forms(decides).map(|form| start(form.as_bytes())));
        }
        for begins in starts.into_iter().flatten() {
            let Ok(entry) = u32::try_from(self.entries.len()) else {
                return;
            };
            let next = self.starts.insert(begins, entry).unwrap_or(NONE);
            self.entries.push(Entry {
                secret: place,
                next,
            });
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    pub(super) fn occurs_in(&self, text: &str) -> bool {
        (0..text.len()).any(|at| self.longest_at(text, at).is_some())
    }

    /// The text with every secret cut out, the longest first where several begin; `None` if there
    /// is none in it.
    pub(super) fn redact(&self, text: &str) -> Option<String> {
        let mut masked = String::new();
        let (mut at, mut copied) = (0, 0);
        while at < text.len() {
            let Some(length) = self.longest_at(text, at) else {
                at += 1;
                continue;
            };
            masked.push_str(text.get(copied..at).unwrap_or_default());
            masked.push_str(MASK);
            at += length;
            copied = at;
        }
        (copied > 0).then(|| {
            masked.push_str(text.get(copied..).unwrap_or_default());
            masked
        })
    }

    /// The length of the longest form of a secret that stands at this place.
    fn longest_at(&self, text: &str, at: usize) -> Option<usize> {
        let rest = text.as_bytes().get(at..)?;
        let mut entry = *self.starts.get(&start(rest)?)?;
        // A secret is text, so it begins where a character does.
        let rest = text.get(at..)?;
        let mut longest = None;
        while let Some(Entry { secret, next }) = self.entry(entry) {
            let secret = self.secret(*secret);
            if rest.starts_with(secret) {
                longest = longest.max(Some(secret.len()));
            }
            if secret.len() <= LONGEST_ENCODED {
                let forms = encoded::forms(secret).filter(|form| rest.starts_with(form.as_str()));
                longest = longest.max(forms.map(|form| form.len()).max());
            }
            entry = *next;
        }
        longest
    }

    fn entry(&self, place: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(place).ok()?)
    }

    fn secret(&self, place: u32) -> &str {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        self.secrets.get(place).map_or("", |secret| secret)
    }
}

fn start(bytes: &[u8]) -> Option<[u8; START]> {
    bytes.first_chunk().copied()
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
            known.redact("password-of-ann password short").unwrap(),
            "(sensitive) (sensitive) short"
        );
        assert_eq!(known.redact("nothing"), None);
        assert!(Known::new(["short"]).is_empty());
    }

    proptest! {
        #[test]
        fn every_form_is_found_wherever_it_stands(
            secrets in proptest::collection::vec("\\PC{8,30}", 1..5),
            before in "\\PC{0,9}", after in "\\PC{0,9}",
        ) {
            let known = Known::new(secrets.iter().map(String::as_str));
            for secret in &secrets {
                for form in encoded::forms(secret).chain([secret.clone()]) {
                    let text = format!("{before}{form}{after}");
                    let masked = known.redact(&text);
                    prop_assert!(masked.is_some_and(|m| !m.contains(&form)), "{form}");
                    prop_assert!(known.occurs_in(&text));
                }
            }
        }
    }
}
