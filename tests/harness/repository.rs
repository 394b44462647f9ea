//! A Git repository on the lab's server, with a clone to work in.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Lab;

/// A clone and the URL it is pushed to.
pub struct Repository {
    /// The clone.
    pub work: PathBuf,
    /// The URL.
    pub url: String,
    askpass: PathBuf,
    ca: String,
}

impl Repository {
    /// Makes a repository; nothing is committed yet.
    pub fn create(lab: &Lab, name: &str) -> Self {
        let askpass = lab.path().join("askpass");
        let script = format!(
            "#!/bin/sh\ncase $1 in Username*) echo {} ;; *) cat '{}' ;; esac\n",
            lab.field("git_user"),
            lab.field("git_token_file")
        );
        std::fs::write(&askpass, script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&askpass, mode).unwrap();
        let work = lab.path().join(format!("work-{name}"));
        std::fs::create_dir(&work).unwrap();
        let repository = Self {
            work,
            url: lab.repository(name),
            askpass,
            ca: lab.field("ca"),
        };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    /// Copies a directory of the project into the clone.
    pub fn copy(&self, directory: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        let status = Command::new("cp")
            .arg("-R")
            .arg(from.join("."))
            .arg(&self.work)
            .status();
        assert!(status.unwrap().success());
    }

    /// Writes a file of the clone.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.work.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Writes a stack without a cloud: `terraform_data` with its state in the lab's S3.
    pub fn write_stack(&self, dir: &str, body: &str) {
        let backend = format!(
            r#"terraform {{
  backend "s3" {{
    bucket                      = "demo-state"
    key                         = "{dir}.tfstate"
    region                      = "us-east-1"
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_requesting_account_id  = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
  }}
}}
"#
        );
        self.write(&format!("{dir}/backend.tf"), &backend);
        self.write(&format!("{dir}/main.tf"), body);
    }

    /// Commits everything and pushes it; gives the commit.
    pub fn push(&self, message: &str) -> String {
        self.push_to("main", message)
    }

    /// Commits everything and pushes it to a branch; gives the commit.
    pub fn push_to(&self, branch: &str, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.git(&["push", "--quiet", &self.url, &format!("HEAD:{branch}")]);
        self.head()
    }

    /// The commit that it is at.
    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
            .args(["-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(&self.work)
            .env("GIT_SSL_CAINFO", &self.ca)
            .env("GIT_ASKPASS", &self.askpass)
            .env("GIT_TERMINAL_PROMPT", "0")
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}
