//! Credentials that nobody marked: told by how they look. A second net below the marks, not a
//! replacement for them, so each pattern is one that hardly anything else matches.

use std::sync::LazyLock;

use regex::{Captures, Regex, RegexSet};

use super::MASK;

/// What is cut out is the group `secret`, or all of the match where there is none. Sources: the
/// issuers' own documentation of their token formats.
const PATTERNS: &[&str] = &[
    // Private keys in PEM, with line breaks as they are or escaped.
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
    // AWS: access key ids, and secret keys and session tokens where they are named.
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    r#"(?i)aws_?(?:secret_?access_?key|session_?token)["']?\s*[=:]\s*["']?(?<secret>[A-Za-z0-9/+=]{16,})"#,
    // Google: API keys, OAuth tokens and client secrets.
    r"\bAIza[0-9A-Za-z_-]{35}",
    r"\bya29\.[0-9A-Za-z_-]{20,}",
    r"\bGOCSPX-[0-9A-Za-z_-]{20,}",
    // Azure: keys in connection strings, shared access signatures, client secrets.
    r"(?i)\b(?:AccountKey|SharedAccessKey|SharedAccessSignature)=(?<secret>[A-Za-z0-9+/=%&_.:-]{20,})",
    r"(?i)[?&]sig=(?<secret>[A-Za-z0-9%+/=]{20,})",
    r"\b[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,34}",
    // Code hosts.
    r"\bgh[pousr]_[A-Za-z0-9]{36,}",
    r"\bgithub_pat_[A-Za-z0-9_]{40,}",
    r"\bgl(?:pat|dt|rt|ptt|cbt|oas|ft|soat|agent|ffct|imt)-[A-Za-z0-9_.-]{20,}",
    // Chat, mail, payment, package and other services.
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"\bxapp-[0-9]-[A-Za-z0-9-]{10,}",
    r"hooks\.slack\.com/(?:services|workflows|triggers)/(?<secret>[A-Za-z0-9/_-]{20,})",
    r"discord(?:app)?\.com/api/webhooks/(?<secret>[0-9]+/[A-Za-z0-9_-]{20,})",
    r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",
    r"\bnpm_[A-Za-z0-9]{36}",
    r"\bpypi-[A-Za-z0-9_-]{50,}",
    r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}",
    r"\bdo[opr]_v1_[a-f0-9]{64}",
    r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}",
    r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}",
    r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,}",
    r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}",
    // Signed web tokens.
    r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    // Passwords in URLs and connection strings.
    r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#:@"'<>]*:(?<secret>[^\s/?#@"'<>]+)@"#,
    r#"(?i)(?:^|[;?&\s"'])(?:password|pwd)=(?<secret>[^;&\s"'<>]{4,})"#,
];

static ANY: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(PATTERNS).ok());
static EACH: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let patterns = PATTERNS.iter();
    patterns
        .filter_map(|pattern| Regex::new(pattern).ok())
        .collect()
});

/// The text with what looks like a credential cut out; `None` if nothing does.
pub(super) fn redact(text: &str) -> Option<String> {
    if text.len() < super::SHORTEST_MASKED {
        return None;
    }
    let found = ANY.as_ref()?.matches(text);
    if !found.matched_any() {
        return None;
    }
    let mut masked = text.to_owned();
    for pattern in found.into_iter().filter_map(|place| EACH.get(place)) {
        masked = pattern.replace_all(&masked, hidden).into_owned();
    }
    (masked != text).then_some(masked)
}

fn hidden(found: &Captures<'_>) -> String {
    let all = found.get(0).map_or("", |all| all.as_str());
    let Some(secret) = found.name("secret") else {
        return MASK.to_owned();
    };
    // What has been cut out already stays as it is.
    if secret.as_str().contains(MASK) {
        return all.to_owned();
    }
    let from = found.get(0).map_or(0, |all| all.start());
    let before = all.get(..secret.start() - from).unwrap_or_default();
    let after = all.get(secret.end() - from..).unwrap_or_default();
    format!("{before}{MASK}{after}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_one() {
        assert!(ANY.is_some());
        assert_eq!(EACH.len(), PATTERNS.len());
    }

    #[test]
    fn credentials_are_told_by_how_they_look() {
        let long = "a1B2".repeat(16);
        for (text, shown) in [
            (
                "id AKIAIOSFODNN7EXAMPLE here".to_owned(),
                "id (sensitive) here".to_owned(),
            ),
            (
                format!("aws_secret_access_key = {}", &long[..40]),
                "aws_secret_access_key = (sensitive)".to_owned(),
            ),
            (
                format!("token ghp_{}", &long[..36]),
                "token (sensitive)".to_owned(),
            ),
            (
                "postgres://app:s3cret@db/x?a=b".to_owned(),
                "postgres://app:(sensitive)@db/x?a=b".to_owned(),
            ),
            (
                "Server=h;Password=hunter2;Database=d".to_owned(),
                "Server=h;Password=(sensitive);Database=d".to_owned(),
            ),
            (
                "a\\n-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY-----\\nb"
                    .to_owned(),
                "a\\n(sensitive)\\nb".to_owned(),
            ),
            (
                format!("https://hooks.slack.com/services/T0/B0/{}", &long[..24]),
                "https://hooks.slack.com/services/(sensitive)".to_owned(),
            ),
            (
                format!(
                    "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={}==;E=y",
                    &long
                ),
                "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=(sensitive);E=y"
                    .to_owned(),
            ),
        ] {
            assert_eq!(redact(&text).as_deref(), Some(shown.as_str()), "{text}");
            assert_eq!(redact(&shown), None, "{shown}");
        }
    }

    #[test]
    fn ordinary_values_stay() {
        for text in [
            "arn:aws:iam::123456789012:role/app",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "https://example.com:8443/a@b",
            "ami-0123456789abcdef0",
            "projects/p/locations/global/keyRings/r/cryptoKeys/k",
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "password_policy",
            "require_password=",
        ] {
            assert_eq!(redact(text), None, "{text}");
        }
    }
}
