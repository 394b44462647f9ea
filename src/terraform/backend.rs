//! Where the state of an initialised directory is, and whether it can be locked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::stack::DEFAULT_WORKSPACE;

use super::environment::Environment;
use super::failures::plain;
use super::workdir::{Workdir, selected_workspace};

/// A state's backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Its type, for example `s3`.
    pub kind: String,
    /// Whether an apply holds a lock there; false if that is not known.
    pub locks: bool,
    /// Hexadecimal SHA-256 over type, location and workspace, without credentials: the same for two
    /// stacks that share one state.
    pub identity: String,
    /// The state's file, for the `local` backend.
    pub local_path: Option<PathBuf>,
}

impl Backend {
    /// Whether the state is in a file, where another machine neither finds nor locks it.
    pub const fn is_here_only(&self) -> bool {
        self.local_path.is_some()
    }
}

/// The attributes that say where a state is, for the backends known.
const LOCATIONS: &[(&str, &[&str])] = &[
    ("s3", &["bucket", "key", "endpoint"]),
    ("gcs", &["bucket", "prefix"]),
    (
        "azurerm",
        &["storage_account_name", "container_name", "key"],
    ),
    ("consul", &["address", "datacenter", "path"]),
    ("http", &["address"]),
    (
        "kubernetes",
        &[
            "secret_suffix",
            "namespace",
            "host",
            "config_path",
            "config_paths",
            "config_context",
        ],
    ),
    (
        "pg",
        &["conn_str", "schema_name", "table_name", "index_name"],
    ),
    ("cos", &["bucket", "region", "prefix", "key"]),
    ("oss", &["bucket", "region", "prefix", "key", "endpoint"]),
];

/// Location attributes that can come from the environment instead.
const FROM_ENVIRONMENT: &[(&str, &str, &str)] = &[
    ("s3", "endpoint", "AWS_ENDPOINT_URL_S3"),
    ("consul", "address", "CONSUL_HTTP_ADDR"),
    ("http", "address", "TF_HTTP_ADDRESS"),
    ("http", "lock_address", "TF_HTTP_LOCK_ADDRESS"),
    ("kubernetes", "namespace", "KUBE_NAMESPACE"),
    ("kubernetes", "host", "KUBE_HOST"),
    ("kubernetes", "config_path", "KUBE_CONFIG_PATH"),
    ("kubernetes", "config_context", "KUBE_CTX"),
    ("pg", "conn_str", "PG_CONN_STR"),
];

/// In a backend that is not known, an attribute with such a name is taken for a credential.
const CREDENTIAL_WORDS: [&str; 7] = [
    "secret",
    "token",
    "password",
    "credential",
    "access_key",
    "username",
    "private",
];

#[derive(Deserialize)]
struct DataFile {
    backend: Option<Configured>,
}

#[derive(Deserialize)]
struct Configured {
    r#type: String,
    #[serde(default)]
    config: Option<BTreeMap<String, Value>>,
}

impl Workdir {
    /// The backend that `init` has recorded; a directory without a record keeps its state in a local
    /// file. Fails with `unsupported` for remote execution.
    pub fn backend(&self) -> Result<Backend, Failure> {
        let workspace = self.effective_workspace();
        read(&self.dir, &self.data_dir(), workspace.as_deref(), &self.env)
    }
}

/// What `init` has recorded of a backend, settings that hold credentials included. `Debug` shows names
/// only.
#[derive(Clone)]
pub struct Recorded {
    /// Its type, for example `s3`.
    pub kind: String,
    /// Its settings as text, without those that are not set; what the environment says of the place is
    /// among them.
    pub settings: BTreeMap<String, String>,
    /// The workspace that is planned.
    pub workspace: String,
    /// Which state it is, as [`Backend::identity`] says it of states that are in no local file.
    pub identity: String,
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorded")
            .field("kind", &self.kind)
            .field("settings", &self.settings.keys())
            .field("workspace", &self.workspace)
            .finish_non_exhaustive()
    }
}

/// What `init` has recorded of the backend in a directory that is planned with this environment; none if
/// it was not run there or recorded none.
pub fn recorded(
    dir: &Path,
    workspace: Option<&str>,
    env: &Environment,
) -> Result<Option<Recorded>, Failure> {
    let data_dir = dir.join(env.text("TF_DATA_DIR").unwrap_or(".terraform"));
    let workspace = workspace.or_else(|| env.text("TF_WORKSPACE"));
    let Some(configured) = configured(&data_dir, env)? else {
        return Ok(None);
    };
    let workspace = workspace_of(&data_dir, workspace);
    let (kind, settings) = configured;
    Ok(Some(Recorded {
        identity: identity(&kind, &settings, &workspace, None),
        kind,
        settings,
        workspace,
    }))
}

fn workspace_of(data_dir: &Path, asked: Option<&str>) -> String {
    let asked = asked.map(str::to_owned);
    asked
        .or_else(|| selected_workspace(data_dir))
        .unwrap_or_else(|| DEFAULT_WORKSPACE.to_owned())
}

/// The type of a backend, and its settings.
type Settings = (String, BTreeMap<String, String>);

/// The backend that is configured; none if none is recorded.
fn configured(data_dir: &Path, env: &Environment) -> Result<Option<Settings>, Failure> {
    let path = data_dir.join("terraform.tfstate");
    let configured = match std::fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice::<DataFile>(&bytes)
                .map_err(|_| broken(&path, &"it is not the JSON that init writes"))?
                .backend
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => None,
        Err(cause) => return Err(broken(&path, &cause)),
    };
    let Some(Configured {
        r#type: kind,
        config,
    }) = configured
    else {
        return Ok(None);
    };
    let mut config = texts(config.unwrap_or_default());
    for (backend, attribute, variable) in FROM_ENVIRONMENT {
        if let Some(value) = env.text(variable).filter(|_| *backend == kind) {
            config
                .entry((*attribute).to_owned())
                .or_insert_with(|| value.to_owned());
        }
    }
    Ok(Some((kind, config)))
}

fn read(
    dir: &Path,
    data_dir: &Path,
    workspace: Option<&str>,
    env: &Environment,
) -> Result<Backend, Failure> {
    let workspace = &workspace_of(data_dir, workspace);
    let configured = configured(data_dir, env)?;
    let (kind, config) = configured.unwrap_or_else(|| ("local".to_owned(), BTreeMap::new()));
    refuse_remote_execution(&kind)?;
    let local_path = (kind == "local").then(|| local_path(dir, &config, workspace));
    Ok(Backend {
        locks: locks(&kind, &config),
        identity: identity(&kind, &config, workspace, local_path.as_deref()),
        kind,
        local_path,
    })
}

/// Fails with `unsupported` for a type of backend that plans and applies on its own servers.
pub fn refuse_remote_execution(kind: &str) -> Result<(), Failure> {
    if !matches!(kind, "cloud" | "remote") {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::Unsupported,
        format!("the state is in a `{kind}` backend, which plans and applies on its own servers"),
        "Use a state backend without remote execution for stacks that Mooring looks after.",
    ))
}

fn broken(path: &Path, cause: &dyn std::fmt::Display) -> Failure {
    plain(
        FailureKind::NotInitialised,
        format!("{} cannot be read: {cause}", path.display()),
    )
}

/// Attributes as text, without the unset ones.
fn texts(config: BTreeMap<String, Value>) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for (name, value) in config {
        let (name, value) = match value {
            Value::Object(ends) if name == "endpoints" => match ends.get("s3") {
                Some(Value::String(end)) => ("endpoint".to_owned(), end.clone()),
                _ => continue,
            },
            Value::Null => continue,
            Value::String(text) => (name, text),
            other => (name, other.to_string()),
        };
        if !value.is_empty() {
            texts.insert(name, value);
        }
    }
    texts
}

fn locks(kind: &str, config: &BTreeMap<String, String>) -> bool {
    let set = |name: &str| config.contains_key(name);
    let is = |name: &str, value: &str| config.get(name).is_some_and(|v| v == value);
    match kind {
        "s3" => set("dynamodb_table") || is("use_lockfile", "true"),
        "gcs" | "azurerm" | "kubernetes" | "pg" | "cos" | "local" => true,
        "consul" => !is("lock", "false"),
        "oss" => set("tablestore_table"),
        "http" => set("lock_address"),
        _ => false,
    }
}

fn local_path(dir: &Path, config: &BTreeMap<String, String>, workspace: &str) -> PathBuf {
    let set = |name: &str| config.get(name).map(String::as_str);
    let path = if workspace == DEFAULT_WORKSPACE {
        dir.join(set("path").unwrap_or("terraform.tfstate"))
    } else {
        let all = dir.join(set("workspace_dir").unwrap_or("terraform.tfstate.d"));
        all.join(workspace).join("terraform.tfstate")
    };
    canonical(&path)
}

/// The path without symbolic links, as far as it exists.
fn canonical(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => canonical(parent).join(name),
        _ => path.to_owned(),
    }
}

fn identity(
    kind: &str,
    config: &BTreeMap<String, String>,
    workspace: &str,
    local_path: Option<&Path>,
) -> String {
    let mut parts = vec![kind.to_owned()];
    if let Some(path) = local_path {
        // The path says the workspace.
        parts.push(path.to_string_lossy().into_owned());
    } else {
        let known = LOCATIONS.iter().find(|(backend, _)| *backend == kind);
        for (name, value) in config {
            let is_location = known.map_or_else(
                || !CREDENTIAL_WORDS.iter().any(|word| name.contains(word)),
                |(_, names)| names.contains(&name.as_str()),
            );
            if is_location {
                parts.push(format!("{name}={}", without_credentials(value)));
            }
        }
        if workspace != DEFAULT_WORKSPACE {
            let prefix = config
                .get("workspace_key_prefix")
                .filter(|prefix| *prefix != "env:");
            parts.extend(prefix.cloned());
        }
        parts.push(workspace.to_owned());
    }
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// A URL without user, password and query; a `key=value` connection string without the same.
fn without_credentials(value: &str) -> String {
    if let Some((scheme, rest)) = value.split_once("://") {
        let rest = rest.split(['?', '#']).next().unwrap_or(rest);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        return format!("{scheme}://{host}/{path}")
            .trim_end_matches('/')
            .to_owned();
    }
    let is_place = |word: &&str| !word.starts_with("password=") && !word.starts_with("user=");
    let words: Vec<&str> = value.split(' ').filter(is_place).collect();
    words.join(" ")
}

#[cfg(test)]
#[path = "backend_tests.rs"]
mod tests;
