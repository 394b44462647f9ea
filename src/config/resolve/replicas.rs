//! Which replicas take which stacks.

use super::super::replicas::Replicas as Written;
use super::super::written::Configuration;
use super::Checks;
use crate::domain::dedication::{Dedication, Dedications};
use crate::domain::selection::Selection;

impl Checks<'_> {
    pub(super) fn dedications(&mut self, written: &Configuration) -> Dedications {
        if let (Some(first), None) = (written.replicas.first(), &written.store) {
            self.problem(
                &first.name,
                "there is only one replica where the records are in a file",
                "take `replicas` out, or name a PostgreSQL database with `store`",
            );
        }
        let replicas = written.replicas.iter();
        Dedications::new(replicas.filter_map(|one| self.dedication(one)).collect())
    }

    fn dedication(&mut self, written: &Written) -> Option<Dedication> {
        let replicas = self.name_pattern(&written.name)?;
        let which = &written.only;
        let only = self.selection(&which.stacks, &which.sources, &which.labels, &which.owners);
        if only == Selection::default() || !which.providers.is_empty() {
            self.problem(
                &written.name,
                "it is not said which stacks these replicas take",
                "name them in `only` by stacks, sources, labels or owners",
            );
        }
        Some(Dedication { replicas, only })
    }
}
