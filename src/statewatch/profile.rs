//! Profiles in the files that AWS tools share.

use std::path::PathBuf;

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};

use super::Unwatched;
use super::place::Lookup;

/// A profile, and the files that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) config: Vec<PathBuf>,
    pub(super) credentials: Vec<PathBuf>,
}

/// A profile with one of these asks somebody, or somewhere, in a way that is not understood here: it runs
/// a program, or takes credentials from an environment that is not this process's.
const NOT_UNDERSTOOD: [&str; 7] = [
    "credential_process",
    "credential_source",
    "sso_",
    "login_session",
    "endpoint_url",
    "ca_bundle",
    "use_fips_endpoint",
];
/// A profile has credentials by one of these.
const CREDENTIALS: [&str; 3] = ["aws_access_key_id", "role_arn", "web_identity_token_file"];

impl Profile {
    /// The files as the SDK takes them.
    pub(super) fn files(&self) -> EnvConfigFiles {
        let mut files = EnvConfigFiles::builder();
        for path in &self.config {
            files = files.with_file(EnvConfigFileKind::Config, path);
        }
        for path in &self.credentials {
            files = files.with_file(EnvConfigFileKind::Credentials, path);
        }
        files.build()
    }
}

/// The profile that Terraform would use; none if no profile is named and the files have no credentials.
pub(super) fn read(settings: &Lookup<'_>, env: &Lookup<'_>) -> Result<Option<Profile>, Unwatched> {
    let named = settings("profile").or_else(|| env("AWS_PROFILE"));
    let home = env("HOME").map(PathBuf::from);
    let place = |path: &str| match (path.strip_prefix("~/"), &home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    };
    let files = |lists: [&str; 2], variable: &str, default: &str| -> Vec<PathBuf> {
        let listed = lists.iter().find_map(|name| settings(name));
        let listed = listed.map(|text| {
            serde_json::from_str::<Vec<String>>(&text).unwrap_or_else(|_| vec![text.clone()])
        });
        let paths = listed.or_else(|| Some(vec![env(variable)?]));
        let paths = paths.unwrap_or_else(|| vec![default.to_owned()]);
        paths.iter().map(|path| place(path)).collect()
    };
    let lists = ["shared_config_files", "shared_config_files"];
    let config = files(lists, "AWS_CONFIG_FILE", "~/.aws/config");
    let lists = ["shared_credentials_files", "shared_credentials_file"];
    let credentials = files(lists, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
    let is_there = |path: &PathBuf| path.is_file();
    let config: Vec<PathBuf> = config.into_iter().filter(is_there).collect();
    let credentials: Vec<PathBuf> = credentials.into_iter().filter(is_there).collect();
    let mut text = String::new();
    for path in config.iter().chain(&credentials) {
        let read = std::fs::read_to_string(path);
        text.push_str(&read.map_err(|error| {
            Unwatched::because(format!("{} cannot be read: {error}", path.display()))
        })?);
    }
    let has = |words: &[&'static str]| {
        let mut words = words.iter().copied();
        words.find(|word| text.contains(word))
    };
    if named.is_none() && has(&CREDENTIALS).is_none() && has(&NOT_UNDERSTOOD).is_none() {
        return Ok(None);
    }
    if let Some(word) = has(&NOT_UNDERSTOOD) {
        let why = format!("`{word}` in its AWS configuration files is not understood");
        return Err(Unwatched::because(why));
    }
    Ok(Some(Profile {
        name: named.unwrap_or_else(|| "default".to_owned()),
        config,
        credentials,
    }))
}
