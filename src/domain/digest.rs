//! The digest of a change set: what exactly an approval says yes to.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::ids::{ChangeDigest, Fingerprint, RestoreDigest};
use super::plan::{Plan, PlannedAction, ResourceChange};

/// The installation's key. Fingerprints and digests made under different keys never match.
#[derive(Clone)]
pub struct DigestKey([u8; 32]);

impl DigestKey {
    /// A key of 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn mac(&self, purpose: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        Some(mac)
    }

    /// The fingerprint of a value given by its canonical text.
    pub fn fingerprint(&self, canonical: &[u8]) -> Fingerprint {
        Fingerprint::new(self.hex("value", canonical))
    }

    /// A keyed hash of the inputs that a plan was made from.
    pub fn inputs(&self, canonical: &[u8]) -> Fingerprint {
        Fingerprint::new(self.hex("inputs", canonical))
    }

    /// What tells this key from others, and nothing of what it is.
    pub fn own_fingerprint(&self) -> Fingerprint {
        Fingerprint::new(self.hex("key", b""))
    }

    /// A keyed hash of what putting a state back would mean.
    pub fn restore(&self, canonical: &[u8]) -> RestoreDigest {
        RestoreDigest::new(self.hex("restore", canonical))
    }

    fn hex(&self, purpose: &str, bytes: &[u8]) -> String {
        self.mac(purpose).map_or_else(String::new, |mut mac| {
            mac.update(bytes);
            hex::encode(mac.finalize().into_bytes())
        })
    }
}

impl std::fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestKey(…)")
    }
}

/// The digest over everything an apply of this plan would do. Masked values enter by their
/// fingerprint, which is keyed and exact; the order of entries does not matter.
pub fn change_digest(plan: &Plan, key: &DigestKey) -> ChangeDigest {
    let mut lines: Vec<String> = plan.changes.iter().filter_map(change_line).collect();
    lines.extend(plan.outputs.iter().map(|output| {
        serde_json::json!([
            "output",
            output.name,
            action_words(&output.action),
            output.sensitive,
            output.before,
            output.after
        ])
        .to_string()
    }));
    lines.sort_unstable();
    lines.push(format!("deferred {}", plan.deferred));
    lines.push(format!("invocations {}", plan.invocations));
    ChangeDigest::new(key.hex("changes", lines.join("\n").as_bytes()))
}

fn change_line(change: &ResourceChange) -> Option<String> {
    let moved = change
        .previous_address
        .as_ref()
        .filter(|from| *from != &change.address);
    if change.action == PlannedAction::NoOp && moved.is_none() && change.importing.is_none() {
        return None;
    }
    Some(
        serde_json::json!([
            "resource",
            change.address,
            change.deposed,
            action_words(&change.action),
            change.before,
            change.after,
            change.importing,
            moved,
            change.replace_paths,
        ])
        .to_string(),
    )
}

fn action_words(action: &PlannedAction) -> serde_json::Value {
    serde_json::to_value(action).unwrap_or(serde_json::Value::Null)
}
