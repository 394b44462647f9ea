//! The environment of a child process, complete and explicit.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use secrecy::{ExposeSecret, SecretString};

use crate::secret::Masker;

/// What the daemon hands on of its own environment, besides `LC_*` and `*_PROXY`.
const ALLOWED: [&str; 11] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "LANG",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TF_CLI_CONFIG_FILE",
    "TF_PLUGIN_CACHE_DIR",
];

/// A variable whose name contains one of these (in any case) holds a secret.
const SECRET_WORDS: [&str; 9] = [
    "SECRET",
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "APIKEY",
    "PRIVATE",
    "CONN_STR",
];
/// A variable whose name ends in one of these holds a secret.
const SECRET_ENDS: [&str; 3] = ["_KEY", "_PAT", "_PASS"];
/// These name a file or directory that holds the secret, which may be shown.
const PLACE_ENDS: [&str; 4] = ["_FILE", "_PATH", "_DIR", "GOOGLE_APPLICATION_CREDENTIALS"];

#[derive(Clone)]
struct Variable {
    value: OsString,
    secret: bool,
    explicit: bool,
}

/// The complete environment of a child: what is not in here it does not get. `Debug` shows names
/// only.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, Variable>);

impl Environment {
    /// Everything of our own environment: for a person's own check in their own shell.
    pub fn inherited() -> Self {
        Self::from_vars(std::env::vars_os(), |_| true)
    }

    /// What a daemon may hand on of its own environment: paths, locale, proxies, certificates and
    /// the engine's configuration file; no credentials but those in a proxy's URL.
    pub fn allow_listed() -> Self {
        Self::from_vars(std::env::vars_os(), is_allowed)
    }

    fn from_vars(
        vars: impl IntoIterator<Item = (OsString, OsString)>,
        keep: impl Fn(&str) -> bool,
    ) -> Self {
        let kept = vars
            .into_iter()
            .filter(|(name, _)| keep(&name.to_string_lossy()));
        Self(
            kept.map(|(name, value)| {
                let variable = Variable {
                    value,
                    secret: false,
                    explicit: false,
                };
                (name, variable)
            })
            .collect(),
        )
    }

    /// Sets a variable whose value may be shown.
    pub fn set(&mut self, name: impl Into<OsString>, value: &str) {
        self.insert(name.into(), value, false);
    }

    /// Sets a variable whose value is masked in everything that is shown.
    pub fn set_secret(&mut self, name: impl Into<OsString>, value: &SecretString) {
        self.insert(name.into(), value.expose_secret(), true);
    }

    /// Leaves a variable out.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(OsStr::new(name));
    }

    fn insert(&mut self, name: OsString, value: &str, secret: bool) {
        let variable = Variable {
            value: value.into(),
            secret,
            explicit: true,
        };
        self.0.insert(name, variable);
    }

    /// The value of a variable, secret or not.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0
            .get(OsStr::new(name))
            .map(|variable| variable.value.as_os_str())
    }

    /// The variable's value as text, if it is set and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str().filter(|value| !value.is_empty())
    }

    /// All variables, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .map(|(name, variable)| (name.as_os_str(), variable.value.as_os_str()))
    }

    /// Cuts out of text the values set as secrets, those of variables whose name says that they
    /// hold one, and passwords inside URLs.
    pub fn masker(&self) -> Masker {
        let values = self.0.iter().filter_map(|(name, variable)| {
            let value = variable.value.to_str()?;
            if variable.secret || is_secret_name(&name.to_string_lossy()) {
                Some(value)
            } else {
                url_password(value)
            }
        });
        Masker::new(values)
    }

    /// Canonical bytes of what decides how a plan comes out: the `TF_*` variables and those set
    /// explicitly, sorted. They hold secrets in clear and serve a keyed hash only.
    pub fn hash_input(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, variable) in &self.0 {
            if variable.explicit || name.as_bytes().starts_with(b"TF_") {
                for part in [name.as_bytes(), variable.value.as_bytes()] {
                    bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
                    bytes.extend_from_slice(part);
                }
            }
        }
        bytes
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Environment")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn is_allowed(name: &str) -> bool {
    ALLOWED.contains(&name)
        || name.starts_with("LC_")
        || name.to_ascii_uppercase().ends_with("_PROXY")
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let ends = |words: &[&str]| words.iter().any(|word| name.ends_with(word));
    (has(&SECRET_WORDS) || ends(&SECRET_ENDS)) && !ends(&PLACE_ENDS)
}

/// The password in `scheme://user:password@host`.
fn url_password(value: &str) -> Option<&str> {
    let authority = value.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(n, v)| (n.into(), v.into())).collect()
    }

    #[test]
    fn the_daemon_hands_on_no_credentials() {
        let ours = vars(&[
            ("PATH", "/bin"),
            ("LC_ALL", "C"),
            ("https_proxy", "http://p:1"),
            ("NO_PROXY", "x"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("TF_VAR_password", "s"),
            ("TF_CLI_ARGS", "-target=x"),
            ("PATHOLOGY", "x"),
        ]);
        let env = Environment::from_vars(ours, is_allowed);
        let names: Vec<_> = env.iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["LC_ALL", "NO_PROXY", "PATH", "https_proxy"]);
    }

    #[test]
    fn secrets_are_known_by_how_they_were_set_and_by_name() {
        let mut env = Environment::from_vars(
            vars(&[
                ("AWS_SECRET_ACCESS_KEY", "key-key-key"),
                ("GITHUB_TOKEN", "tok-tok-tok"),
                ("TF_VAR_db_password", "pas-pas-pas"),
                ("GOOGLE_CREDENTIALS", "cre-cre-cre"),
                ("GOOGLE_APPLICATION_CREDENTIALS", "/etc/google.json"),
                ("TOKEN_FILE", "/run/secrets/token"),
                ("HTTPS_PROXY", "http://me:proxypass@proxy:3128/"),
                ("TF_VAR_region", "eu-central-1"),
            ]),
            |_| true,
        );
        env.set_secret("PLAIN_NAME", &SecretString::from("set-set-set"));
        let text = "key-key-key tok-tok-tok pas-pas-pas cre-cre-cre set-set-set proxypass \
                    /etc/google.json /run/secrets/token eu-central-1";
        assert_eq!(
            env.masker().mask(text),
            "(sensitive) (sensitive) (sensitive) (sensitive) (sensitive) (sensitive) \
             /etc/google.json /run/secrets/token eu-central-1"
        );
        assert!(!format!("{env:?}").contains("tok-tok"));
        assert!(format!("{env:?}").contains("GITHUB_TOKEN"));
    }

    #[test]
    fn the_hash_input_tells_names_from_values_and_leaves_the_shell_out() {
        let input =
            |pairs: &[(&str, &str)]| Environment::from_vars(vars(pairs), |_| true).hash_input();
        assert_eq!(input(&[("SHELL", "a")]), input(&[("SHELL", "b")]));
        assert_ne!(input(&[("TF_A", "BC")]), input(&[("TF_AB", "C")]));
        let mut env = Environment::default();
        env.set("AWS_REGION", "eu-central-1");
        assert_ne!(env.hash_input(), Vec::<u8>::new());
    }
}
