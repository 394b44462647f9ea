//! Which stacks are meant, by what people know of them: their ids, sources, labels and owners.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::SourceName;
use super::pattern::{NamePattern, StackPattern};

/// Which stacks are meant; what is empty asks nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Selection {
    /// Patterns on the stack's id; one must fit.
    pub stacks: Vec<StackPattern>,
    /// Names of sources; one must fit.
    pub sources: Vec<SourceName>,
    /// Labels with patterns on their values; all must fit.
    pub labels: BTreeMap<String, NamePattern>,
    /// Patterns on owners; one must fit one owner.
    pub owners: Vec<NamePattern>,
}

impl Selection {
    /// Whether something about these fits. The id of a stack is empty, and its source missing, if it
    /// is not about one.
    pub fn fits(
        &self,
        stack: &str,
        source: Option<&SourceName>,
        labels: &BTreeMap<String, String>,
        owners: &[String],
    ) -> bool {
        let fits_owner = |owner: &String| self.owners.iter().any(|one| one.is_match(owner));
        self.fits_stack(stack)
            && (self.sources.is_empty()
                || source.is_some_and(|source| self.sources.contains(source)))
            && self.labels.iter().all(|(name, pattern)| {
                let value = labels.get(name);
                value.is_some_and(|value| pattern.is_match(value))
            })
            && (self.owners.is_empty() || owners.iter().any(fits_owner))
    }

    /// Whether something fits of which only an id is known that begins with its source.
    pub fn fits_id(&self, id: &str) -> bool {
        let within = |source: &SourceName| {
            let rest = id.strip_prefix(source.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.fits_stack(id)
            && (self.sources.is_empty() || self.sources.iter().any(within))
            && self.labels.is_empty()
            && self.owners.is_empty()
    }

    fn fits_stack(&self, id: &str) -> bool {
        self.stacks.is_empty() || self.stacks.iter().any(|one| one.is_match(id))
    }
}
