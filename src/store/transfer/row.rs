//! Values of columns.

use sha2::{Digest, Sha256};
use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Real,
    Bytes,
}

impl Kind {
    /// As the schema names it.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "TEXT" => Self::Text,
            "BIGINT" => Self::Integer,
            "DOUBLE PRECISION" | "DOUBLE" => Self::Real,
            "BYTEA" | "BLOB" => Self::Bytes,
            _ => return None,
        })
    }
}

/// What stands in a column of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(Option<String>),
    Integer(Option<i64>),
    Real(Option<f64>),
    Bytes(Option<Vec<u8>>),
}

type AnyQuery<'q> = Query<'q, Any, AnyArguments>;

impl Value {
    pub(super) fn bind<'q>(&self, query: AnyQuery<'q>) -> AnyQuery<'q> {
        match self {
            Self::Text(text) => query.bind(text.clone()),
            Self::Integer(number) => query.bind(*number),
            Self::Real(number) => query.bind(*number),
            Self::Bytes(bytes) => query.bind(bytes.clone()),
        }
    }

    /// Adds it to a sum, so that no two rows of different values give the same bytes.
    pub(super) fn digest(&self, digest: &mut Sha256) {
        match self {
            Self::Text(Some(text)) => part(digest, b't', text.as_bytes()),
            Self::Integer(Some(number)) => part(digest, b'i', &number.to_be_bytes()),
            Self::Real(Some(number)) => part(digest, b'r', &number.to_be_bytes()),
            Self::Bytes(Some(bytes)) => part(digest, b'b', bytes),
            Self::Text(None) | Self::Integer(None) | Self::Real(None) | Self::Bytes(None) => {
                digest.update(b"n");
            }
        }
    }
}

fn part(digest: &mut Sha256, kind: u8, bytes: &[u8]) {
    digest.update([kind]);
    digest.update((bytes.len() as u64).to_be_bytes());
    digest.update(bytes);
}
