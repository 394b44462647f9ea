//! Identifiers and digests: newtypes, so that one kind is never taken for another.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps text that already has this identifier's form.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// A stack: `source/dir[@workspace][#name]` in the daemon; in `check` the directory
    /// relative to the given path, `.` for the path itself.
    StackId
}
text_id! {
    /// The name of a source as configured.
    SourceName
}
text_id! {
    /// A Git commit: 40 (or 64) lower-case hexadecimal digits.
    CommitId
}
text_id! {
    /// A resource instance address as Terraform prints it, for example
    /// `module.net["a"].aws_vpc.main[0]`.
    Address
}
/// An address or reference without its instance keys: `module.a["x"].b.c[0]` is `module.a.b.c`.
pub fn without_keys(address: &str) -> String {
    let mut bare = String::with_capacity(address.len());
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for c in address.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if depth > 0 => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            c if depth == 0 => bare.push(c),
            _ => {}
        }
    }
    bare
}

text_id! {
    /// The digest of a canonical change set: hexadecimal HMAC-SHA-256 under the installation's key.
    /// Two plans with the same digest would make exactly the same changes.
    ChangeDigest
}

text_id! {
    /// What a person confirms before a state is put back: hexadecimal HMAC-SHA-256 under the
    /// installation's key.
    RestoreDigest
}

impl CommitId {
    /// The first ten digits, as shown to people.
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}

macro_rules! time_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// An identifier made elsewhere (UUID version 7, so that ids sort by time).
            pub const fn from_uuid(uuid: uuid::Uuid) -> Self {
                Self(uuid)
            }

            /// The identifier without its kind.
            pub const fn uuid(&self) -> uuid::Uuid {
                self.0
            }

            /// When it was made, to the millisecond; none if the id does not say.
            pub fn made_at(&self) -> Option<Timestamp> {
                let (seconds, nanoseconds) = self.0.get_timestamp()?.to_unix();
                Timestamp::new(
                    i64::try_from(seconds).ok()?,
                    i32::try_from(nanoseconds).ok()?,
                )
                .ok()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                uuid::Uuid::parse_str(text).map(Self)
            }
        }
    };
}

time_id! {
    /// One run of one stack.
    RunId
}

time_id! {
    /// One copy of a state.
    SnapshotId
}

time_id! {
    /// One alert: the life of one trouble of one stack.
    AlertId
}
time_id! {
    /// One request for approval of one exact plan.
    RequestId
}

impl RequestId {
    /// The last eight digits, which are chance: enough to tell the open requests apart.
    pub fn short(&self) -> String {
        let text = self.to_string();
        text.get(text.len().saturating_sub(8)..)
            .unwrap_or_default()
            .to_owned()
    }
}
time_id! {
    /// One message in the outbox.
    MessageId
}
time_id! {
    /// One piece of news that waits to become a message.
    EnvelopeId
}

impl EnvelopeId {
    /// The id that comes right after it.
    #[must_use]
    pub const fn following(&self) -> Self {
        let number = self.0.as_u128().saturating_add(1);
        Self(uuid::Uuid::from_u128(number))
    }
}
time_id! {
    /// One call of a replica that does not lead to the one that does.
    CallId
}
time_id! {
    /// One token of a person. It names the token and opens nothing.
    TokenId
}

/// A keyed fingerprint of a value that must not be shown: equal fingerprints mean equal values,
/// and nothing else can be learned from one without the key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Wraps a hexadecimal HMAC.
    pub fn new(hex: impl Into<String>) -> Self {
        Self(hex.into())
    }

    /// The hexadecimal text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({}…)", self.0.get(..6).unwrap_or(&self.0))
    }
}
