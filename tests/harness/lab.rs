//! The lab of `tests/lab`: AWS emulator, Git, SMTP and webhook servers of one test.

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{eventually, skipped};

/// A running lab of the test's own; it ends with this value, or with the test.
pub struct Lab {
    directory: tempfile::TempDir,
    child: Child,
    /// The lab ends when this is closed, so that a test that is killed leaves nothing.
    _stdin: ChildStdin,
    home: PathBuf,
    info: Value,
}

impl Lab {
    /// Starts a lab; none, said loudly, where `MOORING_LAB` does not name a directory made by
    /// `tests/lab/setup.sh`.
    pub fn start(test: &str) -> Option<Self> {
        let Some(home) = std::env::var_os("MOORING_LAB").map(PathBuf::from) else {
            skipped(test, "MOORING_LAB is not set; run tests/run.sh");
            return None;
        };
        let directory = tempfile::Builder::new()
            .prefix("mooring-lab-")
            .tempdir()
            .unwrap();
        let log = std::fs::File::create(directory.path().join("lab.log")).unwrap();
        let mut child = python(&home)
            .args(["up", "--until-eof", "--dir"])
            .arg(directory.path())
            .arg("--lab")
            .arg(&home)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let description = directory.path().join("lab.json");
        let info = eventually("the lab", Duration::from_secs(120), || {
            let ended = child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "the lab ended: {}",
                tail(&directory.path().join("lab.log"))
            );
            serde_json::from_slice(&std::fs::read(&description).ok()?).ok()
        });
        let lab = Self {
            directory,
            child,
            _stdin: stdin,
            home,
            info,
        };
        lab.by_hand(&["create-bucket", "demo-state"]);
        Some(lab)
    }

    /// The lab's own directory; whatever else a test needs may be put there.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A field of `lab.json`, for example `smtp.port`.
    pub fn field(&self, name: &str) -> String {
        let value = name.split('.').fold(&self.info, |value, key| &value[key]);
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    }

    /// What Terraform needs to reach the lab.
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let env = self.info["env"].as_object().unwrap();
        env.iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect()
    }

    /// Does something to the emulated AWS, as a person would.
    pub fn by_hand(&self, action: &[&str]) -> String {
        let mut command = python(&self.home);
        command.arg("aws").arg(self.path()).args(action);
        succeed(&mut command)
    }

    /// Turns a fault on; `clear` turns it off.
    pub fn fault(&self, name: &str) {
        std::fs::write(self.path().join("faults").join(name), "").unwrap();
    }

    /// Turns a fault off.
    pub fn clear(&self, name: &str) {
        std::fs::remove_file(self.path().join("faults").join(name)).unwrap();
    }

    /// The mails (text part) that contain every text, oldest first, as one text; empty if none.
    pub fn mails_with(&self, texts: &[&str]) -> String {
        self.read("mail", texts)
    }

    /// The posts that contain every text, oldest first, as one text; empty if none.
    pub fn posts_with(&self, texts: &[&str]) -> String {
        self.read("posts", texts)
    }

    fn read(&self, what: &str, texts: &[&str]) -> String {
        let mut command = python(&self.home);
        command.arg("read").arg(self.path()).arg(what).args(texts);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }

    /// How many mails and posts have been received.
    pub fn message_count(&self) -> usize {
        let count = |part: &str| match std::fs::read_dir(self.path().join(part)) {
            Ok(entries) => entries.filter(|e| !hidden(e.as_ref().unwrap())).count(),
            Err(_) => 0,
        };
        count("mail") + count("posts")
    }

    /// Makes a bare repository on the Git server; gives its URL.
    pub fn repository(&self, name: &str) -> String {
        let mut command = python(&self.home);
        command.arg("repository").arg(self.path()).arg(name);
        succeed(&mut command).trim().to_owned()
    }

    /// Runs Terraform in a directory against the lab; gives its exit code.
    pub fn terraform(&self, dir: &Path, env: &[(&str, &str)], arguments: &[&str]) -> i32 {
        let output = Command::new("terraform")
            .args(arguments)
            .current_dir(dir)
            .env_remove("AWS_PROFILE")
            .envs(self.environment())
            .envs(env.iter().copied())
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let code = output.status.code().unwrap();
        if code == 1 {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
        code
    }

    /// The state of a directory, as Terraform prints it.
    pub fn state(&self, dir: &Path) -> Value {
        let mut command = Command::new("terraform");
        command
            .args(["state", "pull"])
            .current_dir(dir)
            .env_remove("AWS_PROFILE")
            .envs(self.environment())
            .env("CHECKPOINT_DISABLE", "1");
        serde_json::from_str(&succeed(&mut command)).unwrap()
    }

    /// Init and apply.
    pub fn apply(&self, dir: &Path, env: &[(&str, &str)]) {
        assert_eq!(self.terraform(dir, env, &["init", "-no-color"]), 0);
        assert_eq!(
            self.terraform(dir, env, &["apply", "-auto-approve", "-no-color"]),
            0
        );
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ended = self.child.wait();
    }
}

fn hidden(entry: &std::fs::DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn python(home: &Path) -> Command {
    let mut command = Command::new(home.join("venv/bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab.py"));
    command
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The end of a file.
pub(super) fn tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
