//! Credentials that nobody marked: told by how they look. A second net below the marks, not a
//! replacement for them, so each pattern is one that hardly anything else matches.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex, RegexSet};

use super::MASK;

/// Names of what is a password, however it looks.
macro_rules! password {
    () => {
        r"(?:password|passwd|passphrase|[_-]pass|[_-]pwd|\bpwd)"
    };
}

/// Names that other things have too, so the value must look like a key.
macro_rules! key {
    () => {
        r"(?:(?:client|app|shared|consumer|webhook|jwt|oauth2?|session|cookie|signing|hmac|api|auth)[_-]?secret|secret[_-]?key|token|(?:api|access|private|account)[_-]?key)"
    };
}

/// A name, and the value in quotes that it has in JSON and most languages.
macro_rules! quoted {
    ($name:expr, $group:literal) => {
        concat!(
            "(?i)",
            $name,
            r#"["']?\s*(?:=>|[:=])\s*(?:""#,
            "(?<",
            $group,
            r#">(?:[^"\\]|\\.)+)"|'(?<"#,
            $group,
            r#"_single>[^']+)')"#
        )
    };
}

/// What is cut out is the first group that matched, or all of the match where there is none. Sources:
/// the issuers' own documentation of their token formats.
const PATTERNS: &[&str] = &[
    // Private keys in PEM, with line breaks as they are or escaped.
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
    // AWS: access key ids; secret keys and session tokens where they are named.
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    r#"(?i)(?:secret_?access_?key|aws_?session_?token)["']?\s*(?:=>|[=:])\s*["']?(?<secret>[A-Za-z0-9/+=]{16,})"#,
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
    // Our own, see `domain::token`.
    r"\bmrg_[0-9a-f]{64}\b",
    // Signed web tokens.
    r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    // What HTTP requests carry.
    r#"(?i)\bauthorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)\s+(?<secret>[^\s"',;]{8,})"#,
    r"(?i)\bbearer\s+(?<mixed>[A-Za-z0-9._~+/=-]{16,})",
    // Passwords in URLs and connection strings. They are not always escaped; what follows a colon and
    // begins with a slash or digits and a slash is no password but a port and a path.
    r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#:@"'<>]*:(?<secret>[^\s/?#"'<>]+)@"#,
    r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#:@"'<>]*:(?<secret>\d*[^\s\d/?#,;:$@\\"'<>(){}\[\]][^\s"'<>]*)@"#,
    r#"\b[\w.-]+:(?<secret>[^\s"'<>]+)@(?:tcp|udp|unix)\("#,
    // Passwords and keys that are named: in quotes, in the environment, in YAML.
    quoted!(password!(), "literal"),
    quoted!(key!(), "mixed"),
    concat!(
        "(?i)",
        password!(),
        r#"["']?\s*=\s*(?<literal>[^;&\s"'<>]{4,})"#
    ),
    concat!("(?i)", key!(), r#"["']?\s*=\s*(?<mixed>[^;&\s"'<>]{8,})"#),
    concat!(
        "(?im)^[ \t-]*[\\w.-]*",
        password!(),
        r#":[ \t]+(?<literal>[^\s"'<>{\[]{4,})[ \t\r]*$"#
    ),
    concat!(
        "(?im)^[ \t-]*[\\w.-]*",
        key!(),
        r#":[ \t]+(?<mixed>[^\s"'<>{\[]{8,})[ \t\r]*$"#
    ),
    // The same in lists of names and values.
    concat!(
        r#"(?i)\bname["']?\s*[:=]\s*["']?[\w.-]*"#,
        password!(),
        r#"["']?[\s,]+["']?value["']?\s*[:=]\s*(?:"(?<literal>(?:[^"\\]|\\.)+)"|(?<bare>[^\s"',{}]{4,}))"#
    ),
    concat!(
        r#"(?i)\bname["']?\s*[:=]\s*["']?[\w.-]*"#,
        key!(),
        r#"["']?[\s,]+["']?value["']?\s*[:=]\s*["']?(?<mixed>[^\s"',{}]{8,})"#
    ),
];

static ANY: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(PATTERNS).ok());
static EACH: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let patterns = PATTERNS.iter();
    patterns
        .filter_map(|pattern| Regex::new(pattern).ok())
        .collect()
});
static PASSWORD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(concat!("(?i)", password!(), "$")).ok());
static KEY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(concat!("(?i)", key!(), "$")).ok());

/// Where the text has what looks like a credential.
pub(super) fn places(text: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    if text.len() < super::SHORTEST_MASKED {
        return places;
    }
    let found = ANY.as_ref().map(|any| any.matches(text));
    let found = found.into_iter().flatten();
    for pattern in found.filter_map(|place| EACH.get(place)) {
        places.extend(
            pattern
                .captures_iter(text)
                .filter_map(|found| place(pattern, &found)),
        );
    }
    places
}

/// What a match says is to be cut out, less what is surely no credential.
fn place(pattern: &Regex, found: &Captures<'_>) -> Option<Range<usize>> {
    let named = pattern.capture_names().flatten();
    let named = named
        .filter_map(|name| Some((name, found.name(name)?)))
        .next();
    let Some((name, secret)) = named else {
        return Some(found.get(0)?.range());
    };
    let text = secret.as_str();
    let literal = match name {
        "secret" => true,
        "mixed" | "mixed_single" => is_key(text),
        _ => is_literal(text),
    };
    // What has been cut out already stays as it is.
    (literal && !text.contains(MASK)).then(|| secret.range())
}

/// Whether what has this name is a credential.
pub(super) fn is_named(name: &str, value: &str) -> bool {
    let is = |names: &Option<Regex>| names.as_ref().is_some_and(|names| names.is_match(name));
    (is(&PASSWORD) && is_literal(value)) || (is(&KEY) && is_key(value))
}

/// Words for the absence of a value, or for what it should be like.
const WORDS: &[&str] = &[
    "",
    "true",
    "false",
    "null",
    "none",
    "nil",
    "yes",
    "no",
    "enabled",
    "disabled",
    "required",
    "optional",
    "string",
    "plaintext",
];

/// How references to a secret begin, in the languages that configurations are written in.
const REFERENCES: &[&str] = &[
    "arn:",
    "${",
    "$(",
    "$.",
    "{{",
    "<",
    "%(",
    "@Microsoft.KeyVault(",
    "projects/",
    "var.",
    "local.",
    "data.",
    "module.",
    "each.",
    "vault:",
    "ssm:",
];

/// Whether this is a value, not a word about one or a reference to it.
fn is_literal(value: &str) -> bool {
    let digits = value.contains(|c: char| c.is_ascii_digit());
    let word = WORDS.iter().any(|word| value.eq_ignore_ascii_case(word));
    let variable = value.strip_prefix('$').is_some_and(|name| {
        name.bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    });
    let reference = REFERENCES.iter().any(|start| value.starts_with(start));
    let path = value.starts_with('/') && !digits;
    !(word || variable || reference || path || value.contains("://"))
}

/// Whether this is a value that may be a key: no word, no name.
fn is_key(value: &str) -> bool {
    value.len() >= super::SHORTEST_MASKED
        && value.contains(|c: char| c.is_ascii_digit())
        && is_literal(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn redact(text: &str) -> Option<String> {
        crate::secret::cut(text, places(text))
    }

    #[test]
    fn every_pattern_is_one() {
        assert!(ANY.is_some());
        assert_eq!(EACH.len(), PATTERNS.len());
        assert!(PASSWORD.is_some() && KEY.is_some());
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
                format!("token mrg_{}", "0a".repeat(32)),
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
            "require_password=true",
            "minimum password length: 14",
            "http://10.0.0.1:8080/x?user=a@b.com",
            "mongodb://a:27017,b:27017/x?user=me@b",
            "ssh://git@github.com:org/repo.git?ref=v1",
            "/etc/passwd:/etc/passwd:ro",
            "PWD=/srv/app",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf:password:AWSCURRENT:1",
            r#"{"name":"DB_PASSWORD","valueFrom":"arn:aws:ssm:eu-west-1:123456789012:parameter/x"}"#,
            r#"{"Password":"{{resolve:secretsmanager:x:SecretString:password}}"}"#,
            r#"{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}"#,
            r#"{"max_password_age":90,"token_validity":3600,"password":{"type":"string"}}"#,
            "TOKEN_URL=https://login.example.com/oauth2/v2.0/token",
            "token = var.token1",
            "tls_secret: web-1-tls",
            "the bearer of this certificate-authority",
        ] {
            assert_eq!(redact(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_named_as_a_credential_is_one() {
        for (text, shown) in [
            (
                r#"{"user":"bob","password" : "a \"b\" c"}"#,
                r#"{"user":"bob","password" : "(sensitive)"}"#,
            ),
            (
                "X=y\nexport DB_PASSWORD='hun ter'\nZ=1",
                "X=y\nexport DB_PASSWORD='(sensitive)'\nZ=1",
            ),
            (
                "mysql --password=hunter -h x",
                "mysql --password=(sensitive) -h x",
            ),
            (
                "- user: bob\n  password: hunter\n",
                "- user: bob\n  password: (sensitive)\n",
            ),
            (
                r#"{"apiKey":"s3cretXXlong"}"#,
                r#"{"apiKey":"(sensitive)"}"#,
            ),
            ("GITLAB_TOKEN=s3cretXXlong", "GITLAB_TOKEN=(sensitive)"),
            (
                r#"[{"name":"DB_PASSWORD","value":"hunter"},{"name":"X","value":"y"}]"#,
                r#"[{"name":"DB_PASSWORD","value":"(sensitive)"},{"name":"X","value":"y"}]"#,
            ),
            (
                "Authorization: Basic dXNlcjp4eA==",
                "Authorization: Basic (sensitive)",
            ),
            ("'Bearer abcDEF123456ghiJKL7890'", "'Bearer (sensitive)'"),
            (
                "postgres://a:p/q@r?s@db:5432/x",
                "postgres://a:(sensitive)@db:5432/x",
            ),
            (
                "app:p@ss/1@tcp(db:3306)/x",
                "app:(sensitive)@tcp(db:3306)/x",
            ),
        ] {
            assert_eq!(redact(text).as_deref(), Some(shown), "{text}");
            assert_eq!(redact(shown), None, "{shown}");
        }
        assert!(is_named("DB_PASSWORD", "hunter"));
        assert!(is_named("auth.clientSecret", "s3cretXXlong"));
        for (name, value) in [
            ("password", "true"),
            ("password", "${var.password}"),
            ("password_policy", "hunter"),
            ("token", "projects/p1/secrets/s"),
            ("token", "short1"),
        ] {
            assert!(!is_named(name, value), "{name}");
        }
    }
}
