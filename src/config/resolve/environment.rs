//! The environment of Terraform.

use std::collections::BTreeMap;

use super::super::at::{At, EnvText};
use super::super::error::quoted;
use super::super::written::{Environment, SecretPlace};
use super::Checks;
use super::values::is_variable_name;
use crate::reconcile::settings::EnvValue;

/// Variables that would make Terraform plan or apply something else than Mooring looks at.
const OURS: &[(&str, &str)] = &[
    ("TF_WORKSPACE", "set `workspace` of the stack instead"),
    ("TF_DATA_DIR", "take it away: Mooring chooses the directory"),
];

/// Arguments that change what a plan covers.
const PARTIAL: &[&str] = &["-target", "-replace", "-destroy", "-refresh", "-exclude"];

impl Checks<'_> {
    pub(super) fn environment(&mut self, written: &Environment) -> BTreeMap<String, EnvValue> {
        written
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), self.variable(name, value)?)))
            .collect()
    }

    fn variable(&mut self, name: &str, value: &At<EnvText>) -> Option<EnvValue> {
        if !is_variable_name(name) {
            self.problem(
                value,
                format!("{} is no name of an environment variable", quoted(name)),
                "use letters, digits and `_`",
            );
        }
        if let Some((_, remedy)) = OURS.iter().find(|(ours, _)| *ours == name) {
            self.problem(value, format!("`{name}` is set by Mooring itself"), *remedy);
        }
        match &**value {
            EnvText::NotText => {
                self.problem(
                    value,
                    format!("the value of {} is not written as text", quoted(name)),
                    "put it in quotes, so that it is passed on exactly as written",
                );
                None
            }
            EnvText::Text(text) => {
                self.plain(name, value, text);
                Some(EnvValue::Plain(text.clone()))
            }
            EnvText::Secret(place) => self.stored(name, value, place),
        }
    }

    fn plain(&mut self, name: &str, value: &At<EnvText>, text: &str) {
        if text.contains('\0') {
            self.problem(value, "a variable cannot contain NUL", "take it out");
        }
        if (is_secret_name(name) && !text.is_empty()) || is_secret_text(text) {
            self.problem(
                value,
                format!("{} looks like a secret and is written here", quoted(name)),
                "put it in a file and write `{ file: … }`, or pass it on from Mooring's own \
                 environment with `{ env: … }`",
            );
        }
        let argument = |word: &str, partial: &str| {
            let word = word.trim_start_matches(['\'', '"']).trim_start_matches('-');
            word.starts_with(partial.trim_start_matches('-'))
        };
        if name.starts_with("TF_CLI_ARGS")
            && let Some(partial) = PARTIAL
                .iter()
                .find(|partial| text.split_whitespace().any(|word| argument(word, partial)))
        {
            self.problem(
                value,
                format!("`{partial}` would make every plan incomplete"),
                "take it away: Mooring only trusts whole plans",
            );
        }
    }

    fn stored(&mut self, name: &str, value: &At<EnvText>, place: &SecretPlace) -> Option<EnvValue> {
        if name.starts_with("TF_CLI_ARGS") {
            self.problem(
                value,
                format!(
                    "{} cannot be checked when it is kept elsewhere",
                    quoted(name)
                ),
                "write the arguments here, as text",
            );
        }
        let source = self.secret(place.file.as_ref(), place.env.as_ref());
        if source.is_none() {
            self.problem(
                value,
                format!("the value of {} is nowhere", quoted(name)),
                "write `{ file: … }` or `{ env: … }`",
            );
        }
        source.map(EnvValue::Secret)
    }
}

/// Whether a variable or backend setting of this name holds a credential. Names of files that hold
/// one (`…_FILE`) do not.
pub(super) fn is_secret_name(name: &str) -> bool {
    const WORDS: &[&str] = &[
        "TOKEN",
        "PASSWD",
        "SECRET",
        "SECRET_KEY",
        "SECRET_ID",
        "PRIVATE_KEY",
        "API_KEY",
        "ACCESS_KEY",
        "ENCRYPTION_KEY",
        "CUSTOMER_KEY",
        "APIKEY",
    ];
    let name = name.to_ascii_uppercase();
    name.ends_with("PASSWORD")
        || name.starts_with("TF_TOKEN_")
        || WORDS.iter().any(|word| {
            name.strip_suffix(word)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
        })
}

/// Whether a text is a credential by its looks: a private key, or a URL with a password.
pub(super) fn is_secret_text(text: &str) -> bool {
    text.contains("-----BEGIN")
        || reqwest::Url::parse(text).is_ok_and(|url| url.password().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_name_or_looks() {
        for name in [
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "ARM_CLIENT_SECRET",
            "PGPASSWORD",
            "TF_VAR_db_password",
            "TF_TOKEN_app_terraform_io",
            "secret_key",
            "token",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "AWS_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "TF_VAR_tokens",
            "key",
            "bucket",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
        assert!(is_secret_text("postgres://mooring:hunter2@db/state"));
        assert!(is_secret_text("-----BEGIN RSA PRIVATE KEY-----"));
        assert!(!is_secret_text("https://vault.example.com:8200"));
    }
}
