//! Why a difference has its origin, as a sentence that names what was compared with what.

use super::finding::{AttributeChange, Evidence, Origin, Subject};

/// One sentence, without the values themselves.
pub fn why(change: &AttributeChange) -> String {
    match &change.evidence {
        Evidence::Plan => from_sides(change).to_owned(),
        Evidence::Absorbed { since } => format!(
            "the state has the real value by now, but it was seen to move outside Terraform on \
             {since}: a refresh wrote it there, and what the configuration wants did not change"
        ),
        Evidence::GitUnmoved { since } => format!(
            "the plan would change it, but nothing this stack reads changed in Git since it was in \
             sync at {}: a data source, a variable or a provider did",
            since.short()
        ),
        Evidence::Remembered { since } => format!(
            "it moved outside Terraform where no configuration looks, first seen on {since}; an apply \
             has written it into the state since, so no plan shows it any more"
        ),
    }
}

const fn from_sides(change: &AttributeChange) -> &'static str {
    match (&change.subject, change.origin) {
        (Subject::Deleted, Origin::Unenforced) => {
            "the state has it, the refresh did not find it, and no configuration wants it any more"
        }
        (Subject::Deleted, _) => {
            "the state has it, the refresh did not find it, and the configuration wants it"
        }
        (Subject::Create, _) => "the configuration wants it, and neither state nor world has it",
        (Subject::Delete, _) => "state and world have it, and no configuration wants it any more",
        (Subject::Forget, _) => "the configuration says that the state is to forget it",
        (Subject::Replace, _) => {
            "it is to be replaced for a reason that no attribute shows, such as a taint"
        }
        (Subject::Attribute(_), Origin::Drift) => {
            "state and configuration agree, the real value differs: the world moved, and an apply \
             would put it back"
        }
        (Subject::Attribute(_), Origin::Pending) => {
            "state and real value agree, the configuration wants another: code moved and is not \
             applied"
        }
        (Subject::Attribute(_), Origin::Both) => {
            "state, real value and configuration all differ: the world and the code moved"
        }
        (Subject::Attribute(_), Origin::Unenforced) => {
            "the real value is not the one in the state, and the plan leaves it as it is: the world \
             moved where no configuration looks"
        }
        (Subject::Attribute(_), Origin::Consequence) => {
            "state and real value agree, and what is wanted is known only after the apply: it follows \
             from another change"
        }
        (Subject::Attribute(_), Origin::Input) => {
            "state and real value agree, the configuration wants another, and Git did not move: a \
             data source, a variable or a provider did"
        }
    }
}
