//! The adapter against a real Terraform, and against a script that misbehaves on purpose.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod faults;
mod plugins;
mod real;
mod refreshed;
mod shows;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use mooring::domain::approval::ApprovedPlan;
use mooring::domain::binding::Binding;
use mooring::domain::failure::Failure;
use mooring::domain::ids::{ChangeDigest, Fingerprint, StackId};
use mooring::domain::policy::{Decision, DecisionKind};
use mooring::domain::stack::StateIdentity;
use mooring::terraform::{Engine, Environment, Limits, PlanFile, Workdir};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A directory with a configuration and everything that is needed to run in it.
struct Bench {
    root: tempfile::TempDir,
    cancel: CancellationToken,
}

impl Bench {
    fn new(main: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("stack")).unwrap();
        let bench = Self {
            root,
            cancel: CancellationToken::new(),
        };
        bench.write("main.tf", main);
        std::fs::write(bench.root.path().join("cli.tfrc"), "").unwrap();
        bench
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("stack")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.dir().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn environment(&self) -> Environment {
        let mut env = Environment::allow_listed();
        env.set(
            "TF_CLI_CONFIG_FILE",
            self.path("cli.tfrc").to_str().unwrap(),
        );
        env
    }

    async fn workdir(&self, program: &str) -> Workdir {
        let env = self.environment();
        let engine = Engine::find(program, &env, &self.cancel).await.unwrap();
        Workdir {
            dir: self.dir(),
            engine,
            env,
            workspace: None,
            var_files: vec![],
            backend_config: vec![],
            scratch: self.path("scratch"),
            limits: Limits {
                init: Duration::from_secs(60),
                plan: Duration::from_secs(60),
                apply: Duration::from_secs(60),
                grace: Duration::from_secs(20),
            },
            runtime: Vec::new(),
            plugins: None,
            meter: std::sync::Arc::default(),
        }
    }
}

/// The real Terraform behind a script that notes the command in the file `asked`.
fn noting_engine(bench: &Bench) -> String {
    let path = bench.path("terraform");
    let terraform = Command::new("sh")
        .args(["-c", "command -v terraform"])
        .output()
        .unwrap();
    let terraform = String::from_utf8(terraform.stdout).unwrap();
    let asked = bench.path("asked");
    let script = format!(
        "#!/bin/sh\necho \"$1\" >> '{}'\nexec '{}' \"$@\"\n",
        asked.display(),
        terraform.trim()
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// An approval of a plan that was made from this state.
fn approval(base: Option<StateIdentity>) -> ApprovedPlan {
    let (lineage, serial) = base.map_or_else(Default::default, |base| (base.lineage, base.serial));
    let decision = Decision::new(DecisionKind::Apply);
    let binding = Binding {
        stack: StackId::new("infra/a"),
        digest: ChangeDigest::new("d"),
        lineage,
        serial,
        commit: None,
        inputs: Fingerprint::new("i"),
    };
    ApprovedPlan::by_policy(&decision, binding).unwrap()
}

/// The whole JSON of a saved plan.
async fn shown(
    workdir: &Workdir,
    file: &PlanFile,
    cancel: &CancellationToken,
) -> Result<Vec<u8>, Failure> {
    let (pieces, mut incoming) = mpsc::channel(1);
    let collected = async {
        let mut json = Vec::new();
        while let Some(piece) = incoming.recv().await {
            json.extend(piece);
        }
        json
    };
    let (done, json) = tokio::join!(workdir.show(file, cancel, pieces), collected);
    done.map(|()| json)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Waits for something that another process does, and fails if it takes too long.
async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn plan_files_in(dir: &Path) -> usize {
    let plans = std::fs::read_dir(dir).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".mooring-plan")
    });
    plans.count()
}
