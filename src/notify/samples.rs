//! Notices that the tests of every channel render.

use jiff::Timestamp;

use crate::domain::ids::MessageId;
use crate::domain::notice::Notice;

use super::specimens::{Specimen, id};
pub(super) use super::specimens::{
    deleted, drift, failed, first_sight, repaired, resolved, unverified,
};

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn message_id() -> MessageId {
    MessageId::from_uuid(id(1))
}

/// Every sample.
pub(super) fn all() -> [Notice; 7] {
    Specimen::ALL.map(Specimen::notice)
}
