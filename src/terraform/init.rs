//! Initialising a directory, and knowing when that is not needed.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::stack::DEFAULT_WORKSPACE;

use super::argv;
use super::failures::plain;
use super::output::{Capture, Events};
use super::plugins::{LOCK_FILE, PluginsError, View, has_own_cache, leads_nowhere};
use super::process;
use super::workdir::{Workdir, disk_failure};

const CONFIGURATION_ENDS: [&str; 4] = [".tf", ".tf.json", ".tofu", ".tofu.json"];

/// `modules/modules.json` in the data directory.
#[derive(Deserialize, Default)]
struct Manifest {
    #[serde(rename = "Modules", default)]
    modules: Vec<Module>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(rename = "Source", default)]
    source: String,
    #[serde(rename = "Dir", default)]
    dir: String,
}

/// What init made of a lock file.
#[derive(Serialize, Deserialize)]
struct Locked {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Workdir {
    /// Whether something that `init` depends on has changed since [`Workdir::init`] last succeeded
    /// here, or never did. Directories initialised by somebody else always need it.
    pub fn needs_init(&self) -> bool {
        let stamped = fs::read_to_string(self.stamp_path());
        !stamped.is_ok_and(|stamp| self.stamp().is_some_and(|now| now == stamp))
    }

    /// Initialises the directory: backend, modules, providers. It writes the data directory and
    /// perhaps the lock file, asks nothing, moves no state and creates no workspace.
    pub async fn init(&self, cancel: &CancellationToken) -> Result<(), Failure> {
        self.open_scratch()?;
        let lock_file = self.dir.join(LOCK_FILE);
        let before = fs::read(&lock_file).ok();
        // One that dies half-way must not be taken for the one before.
        let _ = fs::remove_file(self.stamp_path());
        let view = self.view().await?;
        let cache = view.as_ref().map(View::dir);
        self.init_in(Some(DEFAULT_WORKSPACE), cache, cancel).await?;
        let elsewhere = self
            .effective_workspace()
            .filter(|name| name != DEFAULT_WORKSPACE);
        if elsewhere.is_some() {
            // Init also fetches the providers that only the workspace's state names, and it would
            // create a workspace that is not there.
            self.require_workspace(cancel).await?;
            self.init_in(None, cache, cancel).await?;
        }
        if let Some(view) = view {
            self.settle(view).await?;
        }
        if let Some(before) = before {
            let path = self.locked_path();
            let after = fs::read(&lock_file).map_err(|cause| disk_failure(&lock_file, &cause))?;
            let kept = Locked { before, after };
            let text = serde_json::to_vec(&kept).unwrap_or_default();
            fs::write(&path, text).map_err(|cause| disk_failure(&path, &cause))?;
        }
        if let Some(stamp) = self.stamp() {
            let path = self.stamp_path();
            fs::write(&path, stamp).map_err(|cause| disk_failure(&path, &cause))?;
        }
        Ok(())
    }

    /// Puts back what the last init added to the lock file: a checkout has it again as Git has it, and
    /// without the checksums of this platform init would be needed each time.
    pub fn take_up_lock_file(&self) {
        let path = self.dir.join(LOCK_FILE);
        let kept = fs::read(self.locked_path())
            .ok()
            .and_then(|text| serde_json::from_slice::<Locked>(&text).ok());
        let Some(Locked { before, after }) = kept.filter(|kept| kept.before != kept.after) else {
            return;
        };
        // Never through a link: where it leads is the repository's word.
        let is_file = fs::symlink_metadata(&path).is_ok_and(|about| about.is_file());
        if is_file && fs::read(&path).is_ok_and(|now| now == before) {
            // Init does the same again if it cannot be written.
            let _ = fs::write(&path, after);
        }
    }

    async fn init_in(
        &self,
        workspace: Option<&str>,
        cache: Option<&Path>,
        cancel: &CancellationToken,
    ) -> Result<(), Failure> {
        let json = self.engine.has_json_init();
        let record = self.data_dir().join("terraform.tfstate");
        let reconfigure = record.exists();
        if reconfigure {
            // `-reconfigure` would leave the record of a backend that is configured no more.
            fs::remove_file(&record).map_err(|cause| disk_failure(&record, &cause))?;
        }
        let mut command = self.command(argv::init(json, reconfigure, &self.backend_config));
        if let Some(workspace) = workspace {
            command.env("TF_WORKSPACE", workspace);
        }
        if let Some(cache) = cache {
            command.env("TF_PLUGIN_CACHE_DIR", cache);
            // Without it Terraform takes nothing from a cache that the lock file does not name yet,
            // and writes what it downloads instead through the cache's links.
            command.env("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "true");
        }
        let stops = self.stops(self.limits.init);
        let (mut events, mut err) = (Events::new(), Capture::messages());
        let ended = process::run(
            command,
            stops,
            cancel,
            &mut |bytes| events.take(bytes),
            &mut |bytes| err.take(bytes),
            &self.meter,
        )
        .await
        .map_err(|cause| process::cannot_start(&self.engine.program, &self.dir, &cause))?;
        events.finish();
        match self.exit_status("init", &ended, stops)? {
            status if status.success() => Ok(()),
            status => Err(self.failed("init failed", status, &events, &err.text())),
        }
    }

    /// The plugin cache for an init; none if it is not ours to give.
    async fn view(&self) -> Result<Option<View>, Failure> {
        let Some(plugins) = self.plugins.clone() else {
            return Ok(None);
        };
        let is_theirs = has_own_cache(&self.env);
        let (scratch, module, providers) =
            (self.scratch.clone(), self.dir.clone(), self.providers());
        on_disk(move || {
            if is_theirs {
                plugins.release(&providers).map(|()| None)
            } else {
                plugins.view(&scratch, &module, &providers).map(Some)
            }
        })
        .await
    }

    async fn settle(&self, view: View) -> Result<(), Failure> {
        let (module, providers) = (self.dir.clone(), self.providers());
        on_disk(move || view.settle(&module, &providers)).await
    }

    fn providers(&self) -> PathBuf {
        self.data_dir().join("providers")
    }

    /// Forgets that the directory is initialised if a plan says it is not.
    pub(super) fn distrust_init(&self, kind: FailureKind) {
        if kind.asks_for_init() {
            // Without the stamp the next look initialises again; with it, it fails again and says so.
            let _ = fs::remove_file(self.stamp_path());
        }
    }

    fn stamp_path(&self) -> PathBuf {
        self.beside("init")
    }

    fn locked_path(&self) -> PathBuf {
        self.beside("lock")
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let key = Sha256::digest(self.dir.as_os_str().as_encoded_bytes());
        self.scratch.join(format!("{}.{ending}", hex::encode(key)))
    }

    /// A hash over everything that init depends on. None if something of it cannot be read, or a
    /// module or provider that init installed is gone.
    fn stamp(&self) -> Option<String> {
        let mut hash = Hash(Sha256::new());
        let data_dir = self.data_dir();
        hash.field(self.engine.program.as_os_str().as_encoded_bytes());
        hash.field(self.engine.version.as_bytes());
        hash.field(self.effective_workspace().unwrap_or_default().as_bytes());
        for name in [
            "TF_CLI_ARGS",
            "TF_CLI_ARGS_init",
            "TF_CLI_CONFIG_FILE",
            "TF_DATA_DIR",
        ] {
            hash.field(self.env.text(name).unwrap_or_default().as_bytes());
        }
        for entry in &self.backend_config {
            hash.field(entry.as_bytes());
            if let Ok(bytes) = fs::read(self.dir.join(entry)) {
                hash.field(&bytes);
            }
        }
        // A stack without backend, provider and module leaves no data directory at all.
        hash.field(&[u8::from(data_dir.exists())]);
        hash.optional_file(&self.dir.join(LOCK_FILE))?;
        hash.optional_file(&data_dir.join("terraform.tfstate"))?;
        hash.configuration(&self.dir)?;
        for module in manifest(&data_dir)?.modules {
            let dir = self.dir.join(&module.dir);
            hash.field(module.dir.as_bytes());
            if module.source.starts_with("./") || module.source.starts_with("../") {
                hash.configuration(&dir)?;
            } else if !dir.is_dir() {
                return None;
            }
        }
        if leads_nowhere(&self.providers()) {
            return None;
        }
        Some(hex::encode(hash.0.finalize()))
    }
}

/// Moves and hashes whole providers, which takes too long for a thread that others wait for.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PluginsError> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| disk_failure(&error.path, &error.cause)),
        Err(_) => Err(plain(
            FailureKind::Internal,
            "sharing the providers stopped unexpectedly",
        )),
    }
}

fn manifest(data_dir: &Path) -> Option<Manifest> {
    match fs::read(data_dir.join("modules/modules.json")) {
        Ok(bytes) => serde_json::from_slice(&bytes).ok(),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Some(Manifest::default()),
        Err(_) => None,
    }
}

struct Hash(Sha256);

impl Hash {
    fn field(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn optional_file(&mut self, path: &Path) -> Option<()> {
        match fs::read(path) {
            Ok(bytes) => self.field(&bytes),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => self.field(b""),
            Err(_) => return None,
        }
        Some(())
    }

    /// Every configuration file directly in a directory, by name.
    fn configuration(&mut self, dir: &Path) -> Option<()> {
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(dir).ok()? {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_string_lossy();
            if CONFIGURATION_ENDS.iter().any(|end| name.ends_with(end)) && path.is_file() {
                files.push(path);
            }
        }
        files.sort_unstable();
        for file in files {
            self.field(file.file_name()?.as_encoded_bytes());
            self.field(&fs::read(&file).ok()?);
        }
        Some(())
    }
}
