//! How long to wait after a failure.

use jiff::SignedDuration;
use sha2::{Digest, Sha256};

/// The wait after a failure with so many before it: it doubles from `first` to `longest`, less up to
/// a quarter that depends on what failed and how often, so that what failed together does not return
/// together.
pub fn backoff(
    what: &str,
    failures_before: u32,
    first: SignedDuration,
    longest: SignedDuration,
) -> SignedDuration {
    let doubled = 2_i32
        .checked_pow(failures_before)
        .and_then(|factor| first.checked_mul(factor))
        .map_or(longest, |wait| wait.min(longest));
    let hash = Sha256::digest(format!("{what}/{failures_before}"));
    let spread = hash.iter().take(2).fold(0, |n, b| n * 256 + i32::from(*b));
    doubled - doubled / 4 / 65_536 * spread
}
