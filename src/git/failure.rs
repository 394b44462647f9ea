//! What Git and the network say, turned into what a person can act on. Nothing secret passes.

use std::error::Error;
use std::io::ErrorKind;

use gix::protocol::transport::client;

use crate::domain::failure::{Failure, FailureKind};
use crate::secret::{Masker, without_url_credentials};

/// Longer messages are cut.
const LONGEST_MESSAGE: usize = 600;

/// A chain of causes is followed this far.
const MOST_CAUSES: usize = 64;

/// The server asks for credentials and there are none for it.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoCredentials {
    /// No token is configured.
    #[error("the server asks for credentials and the source has none")]
    NotConfigured,
    /// The server sent us elsewhere.
    #[error("the server redirects to another host, which does not get the token")]
    ElsewhereAsked,
}

/// Every error below and including this one.
fn causes<'a>(error: &'a (dyn Error + 'static), found: &mut Vec<&'a (dyn Error + 'static)>) {
    if found.len() >= MOST_CAUSES {
        return;
    }
    if let Some(error) = error.downcast_ref::<gix::Error>() {
        for inner in error.iter_errors() {
            causes(inner, found);
        }
        return;
    }
    found.push(error);
    if let Some(inner) = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
    {
        causes(inner, found);
    } else if let Some(source) = error.source() {
        causes(source, found);
    }
}

/// The chain in one line, each message once, masked.
fn describe(found: &[&(dyn Error + 'static)], masker: &Masker) -> String {
    let mut parts: Vec<String> = Vec::new();
    for error in found {
        let text = error.to_string();
        if !text.is_empty() && !parts.iter().any(|seen| seen.contains(&text)) {
            parts.push(text);
        }
    }
    let mut message = without_url_credentials(&masker.mask(&parts.join(": ")));
    if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
        message.truncate(end);
        message.push('…');
    }
    message
}

fn is_full(found: &[&(dyn Error + 'static)]) -> bool {
    found.iter().any(|error| {
        error.downcast_ref::<std::io::Error>().is_some_and(|io| {
            matches!(io.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
        })
    })
}

fn out_of_disk(message: String) -> Failure {
    Failure::new(
        FailureKind::OutOfDisk,
        message,
        "free space on the disk that holds Mooring's mirrors and checkouts",
    )
}

/// A failure on the way to, or answered by, the server at `url`.
pub(super) fn remote(error: &(dyn Error + 'static), url: &str, masker: &Masker) -> Failure {
    let mut found = Vec::new();
    causes(error, &mut found);
    let described = describe(&found, masker);
    if is_full(&found) {
        return out_of_disk(described);
    }
    let has =
        |test: &dyn Fn(&(dyn Error + 'static)) -> bool| found.iter().any(|error| test(*error));
    let status = found
        .iter()
        .find_map(|error| error.downcast_ref::<reqwest::Error>()?.status());
    let insecure = has(&|error| {
        matches!(
            error.downcast_ref::<client::Error>(),
            Some(client::Error::AuthenticationRefused(_))
        )
    });
    let challenged = has(&|error| error.is::<client::AuthenticationRequired>());
    let missing = has(&|error| error.is::<NoCredentials>());
    let untrusted = has(&|error| error.to_string().contains("certificate"));

    let (kind, hint) = match status.map(|status| status.as_u16()) {
        _ if insecure => (
            FailureKind::RepositoryRefused,
            "use an https URL: credentials are never sent in the clear",
        ),
        _ if missing => (
            FailureKind::RepositoryRefused,
            "give the source a token (token_file or token_env) that may read the repository; \
             some servers ask for one when the repository does not exist",
        ),
        Some(404 | 410) => (
            FailureKind::RepositoryRefused,
            "the repository does not exist or the token cannot see it: check the URL and what \
             the token may read",
        ),
        Some(401 | 403) => (
            FailureKind::RepositoryRefused,
            "check that the token is valid, not expired and may read the repository",
        ),
        _ if challenged => (
            FailureKind::RepositoryRefused,
            "check that the token is valid, not expired and may read the repository",
        ),
        Some(429 | 500..) => (
            FailureKind::RepositoryUnreachable,
            "the Git server has a problem or too much to do; it is tried again on schedule",
        ),
        _ if untrusted => (
            FailureKind::RepositoryUnreachable,
            "if a company authority signed the server's certificate, name it as the CA file",
        ),
        _ => (
            FailureKind::RepositoryUnreachable,
            "check the URL, name resolution, firewall and HTTPS_PROXY from this machine",
        ),
    };
    Failure::new(kind, format!("cannot fetch {url}: {described}"), hint)
}

/// A failure on this machine.
pub(super) fn local(error: &(dyn Error + 'static), doing: &str) -> Failure {
    let mut found = Vec::new();
    causes(error, &mut found);
    let message = format!("{doing}: {}", describe(&found, &Masker::default()));
    if is_full(&found) {
        return out_of_disk(message);
    }
    Failure::new(
        FailureKind::Internal,
        message,
        "check that Mooring may read and write there and that nothing else changes it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_however_deep_it_is_wrapped() {
        let full = std::io::Error::from(ErrorKind::StorageFull);
        let wrapped = std::io::Error::other(gix::Error::from_error(full));
        let failure = remote(&wrapped, "https://git.example/x", &Masker::default());
        assert_eq!(failure.kind, FailureKind::OutOfDisk);
        assert_eq!(local(&wrapped, "writing").kind, FailureKind::OutOfDisk);
    }

    #[test]
    fn a_credential_in_the_url_of_a_redirect_is_cut_out() {
        let error = std::io::Error::other("error for url (https://h.example/x?sig=abcdef)");
        let failure = remote(&error, "https://git.example/x", &Masker::default());
        assert!(!failure.message.contains("abcdef"), "{}", failure.message);
    }

    #[test]
    fn a_secret_in_a_cause_is_masked_and_a_long_message_is_cut() {
        let error = std::io::Error::other(format!("tok-0123456789 {}", "x".repeat(2000)));
        let failure = remote(
            &error,
            "https://git.example/x",
            &Masker::new(["tok-0123456789"]),
        );
        assert!(!failure.message.contains("tok-0123456789"));
        assert!(failure.message.chars().count() < 700);
    }
}
