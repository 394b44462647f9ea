//! New identifiers. They sort by time.

use uuid::Uuid;

use crate::domain::ids::{
    AlertId, CallId, EnvelopeId, MessageId, RequestId, RunId, SnapshotId, TokenId,
};

/// A new run's id.
pub(super) fn run() -> RunId {
    RunId::from_uuid(Uuid::now_v7())
}

/// A new snapshot's id.
pub(super) fn snapshot() -> SnapshotId {
    SnapshotId::from_uuid(Uuid::now_v7())
}

/// A new alert's id.
pub(super) fn alert() -> AlertId {
    AlertId::from_uuid(Uuid::now_v7())
}

/// A new request's id.
pub(super) fn request() -> RequestId {
    RequestId::from_uuid(Uuid::now_v7())
}

/// A new message's id.
pub(super) fn message() -> MessageId {
    MessageId::from_uuid(Uuid::now_v7())
}

/// A new envelope's id.
pub(super) fn envelope() -> EnvelopeId {
    EnvelopeId::from_uuid(Uuid::now_v7())
}

/// A new token's id.
pub(super) fn token() -> TokenId {
    TokenId::from_uuid(Uuid::now_v7())
}

/// A new call's id.
pub(super) fn call() -> CallId {
    CallId::from_uuid(Uuid::now_v7())
}
