//! What looking at a stack costs, as far as earlier looks tell.

use serde::{Deserialize, Serialize};

/// What one look used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Processor time of all its commands, in milliseconds.
    pub cpu_ms: u64,
    /// The most memory that all processes of a command had at once, in bytes; 0 if not known.
    pub peak_bytes: u64,
}

/// What looks at a stack usually use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Processor time, in milliseconds.
    pub cpu_ms: u64,
    /// Memory at the peak, in bytes.
    pub peak_bytes: u64,
    /// From start to end, in milliseconds.
    pub wall_ms: u64,
}

/// Each look counts for a quarter.
const SHARE: u64 = 4;
/// What a stack is taken to need before anything is known of it: a large provider, three times.
const UNKNOWN_MEMORY: u64 = 512 << 20;
/// What a look may need more than any before it.
const SPARE: u64 = 32 << 20;

impl Cost {
    /// What is known after one more look. More memory than before counts at once, less slowly.
    #[must_use]
    pub fn after(known: Option<Self>, spent: Spent, wall_ms: u64) -> Self {
        let Some(known) = known else {
            return Self {
                cpu_ms: spent.cpu_ms,
                peak_bytes: spent.peak_bytes,
                wall_ms,
            };
        };
        let nearer = |known: u64, seen: u64| (known * (SHARE - 1) + seen) / SHARE;
        Self {
            cpu_ms: nearer(known.cpu_ms, spent.cpu_ms),
            peak_bytes: spent
                .peak_bytes
                .max(nearer(known.peak_bytes, spent.peak_bytes)),
            wall_ms: nearer(known.wall_ms, wall_ms),
        }
    }

    /// How much memory to keep free for a look, in bytes.
    pub fn memory(known: Option<Self>) -> u64 {
        match known {
            Some(Self { peak_bytes, .. }) if peak_bytes > 0 => peak_bytes + peak_bytes / 5 + SPARE,
            _ => UNKNOWN_MEMORY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_believed_at_once_and_forgotten_slowly() {
        let spent = |peak_bytes| Spent {
            cpu_ms: 100,
            peak_bytes,
        };
        let first = Cost::after(None, spent(100), 1000);
        assert_eq!((first.peak_bytes, first.wall_ms), (100, 1000));
        let higher = Cost::after(Some(first), spent(900), 2000);
        assert_eq!((higher.peak_bytes, higher.wall_ms), (900, 1250));
        let lower = Cost::after(Some(higher), spent(100), 2000);
        assert_eq!(lower.peak_bytes, 700);
    }

    #[test]
    fn what_is_not_known_is_taken_to_be_large() {
        assert_eq!(Cost::memory(None), UNKNOWN_MEMORY);
        let unmeasured = Cost::default();
        assert_eq!(Cost::memory(Some(unmeasured)), UNKNOWN_MEMORY);
        let small = Cost {
            peak_bytes: 100 << 20,
            ..unmeasured
        };
        assert_eq!(Cost::memory(Some(small)), (120 << 20) + SPARE);
    }
}
