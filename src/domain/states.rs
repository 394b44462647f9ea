//! Which stacks are on which state: two on one are an error, because each would undo the other.

use std::collections::{BTreeMap, BTreeSet};

use super::failure::{Failure, FailureKind};
use super::ids::StackId;

/// Which stacks have been seen on which state.
#[derive(Debug, Default)]
pub struct States(BTreeMap<String, BTreeSet<StackId>>);

impl States {
    /// Takes note of where a stack's state is; fails if another stack's is there too.
    pub fn claim(&mut self, identity: &str, stack: &StackId) -> Result<(), Failure> {
        let stacks = self.0.entry(identity.to_owned()).or_default();
        stacks.insert(stack.clone());
        let others: Vec<StackId> = stacks.iter().filter(|s| *s != stack).cloned().collect();
        shared(&others).map_or(Ok(()), Err)
    }
}

/// What is wrong with a stack whose state is that of others too; none if there are no others.
pub fn shared(others: &[StackId]) -> Option<Failure> {
    if others.is_empty() {
        return None;
    }
    let names: Vec<&str> = others.iter().map(StackId::as_str).collect();
    Some(Failure::new(
        FailureKind::InvalidConfiguration,
        format!(
            "the state of this stack is also that of {}",
            names.join(", ")
        ),
        "give each stack a state of its own (another key or workspace), or exclude one of them",
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn two_stacks_on_one_state_are_both_refused() {
        let mut states = States::default();
        let (a, b) = (StackId::new("infra/a"), StackId::new("infra/b"));
        states.claim("bucket/key", &a).unwrap();
        states.claim("bucket/key", &a).unwrap();
        let refused = states.claim("bucket/key", &b).expect_err("shared");
        assert!(refused.message.contains("infra/a"));
        assert!(states.claim("bucket/key", &a).is_err());
        states.claim("bucket/other", &b).unwrap();
    }
}
