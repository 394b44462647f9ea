use std::process::Stdio;

use mooring::domain::failure::FailureKind;
use mooring::domain::finding::PlanExit;
use mooring::terraform::Applied;
use secrecy::SecretString;

use super::*;

const ONE: &str = r#"
variable "v" { default = "x" }
resource "terraform_data" "a" { input = var.v }
"#;

/// Says that it has started, then waits until it may end.
const WAITING: &str = r#"
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "touch started; while [ ! -e go ]; do sleep 0.05; done"
  }
}
"#;

#[tokio::test]
async fn a_plan_is_saved_shown_applied_and_then_there_is_nothing_to_do() {
    let bench = Bench::new(ONE);
    let workdir = bench.workdir("terraform").await;
    workdir.init(&bench.cancel).await.unwrap();

    let planned = workdir.plan(&bench.cancel).await.unwrap();
    assert_eq!((planned.exit, planned.failure), (PlanExit::Changes, None));
    let file = planned.file.unwrap();
    assert_eq!(file.base().unwrap().state, None);
    assert_eq!((mode(file.path()), mode(&workdir.scratch)), (0o600, 0o700));
    let json = shown(&workdir, &file, &bench.cancel).await.unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["resource_changes"][0]["address"], "terraform_data.a");
    let empty = workdir.state_pull(&bench.cancel).await.unwrap();
    assert_eq!((empty.identity, empty.resources), (None, 0));

    let log = bench.path("apply.log");
    let applied = workdir
        .apply(&approval(None), &file, &log, &bench.cancel)
        .await;
    assert_eq!(applied, Applied::Done);
    assert_eq!(mode(&log), 0o600);
    let path = file.path().to_owned();
    drop(file);
    assert!(!path.exists());

    let state = workdir.state_pull(&bench.cancel).await.unwrap();
    assert_eq!(state.resources, 1);
    let planned = workdir.plan(&bench.cancel).await.unwrap();
    assert_eq!(planned.exit, PlanExit::NoChanges);
    let file = planned.file.unwrap();
    assert_eq!(file.base().unwrap().state, state.identity);
    assert!(state.identity.is_some());

    let seen = PlanFile::open_existing(file.path());
    drop(seen);
    assert!(file.path().exists(), "somebody else's file is left alone");
}

#[tokio::test]
async fn an_old_plan_is_stale_whoever_notices() {
    let bench = Bench::new(ONE);
    let workdir = bench.workdir("terraform").await;
    let first = workdir.plan(&bench.cancel).await.unwrap().file.unwrap();
    let second = workdir.plan(&bench.cancel).await.unwrap().file.unwrap();
    let log = bench.path("apply.log");
    let done = workdir
        .apply(&approval(None), &first, &log, &bench.cancel)
        .await;
    assert_eq!(done, Applied::Done);

    let Applied::Failed(failure) = workdir
        .apply(&approval(None), &second, &log, &bench.cancel)
        .await
    else {
        panic!("a plan was applied twice");
    };
    assert_eq!(failure.kind, FailureKind::StalePlan);
    assert!(failure.message.contains("stale"), "{failure}");

    let third = workdir.plan(&bench.cancel).await.unwrap().file.unwrap();
    let untouched = bench.path("none.log");
    let Applied::Failed(failure) = workdir
        .apply(&approval(None), &third, &untouched, &bench.cancel)
        .await
    else {
        panic!("a plan of another state was applied");
    };
    assert_eq!(failure.kind, FailureKind::StalePlan);
    assert!(!untouched.exists(), "Terraform was started");
}

#[tokio::test]
async fn a_failed_plan_keeps_what_it_got_to() {
    let bench = Bench::new(
        r#"
resource "terraform_data" "a" { input = "x" }
resource "terraform_data" "b" {
  input = "x"
  lifecycle {
    postcondition {
      condition     = self.input == "y"
      error_message = "b must be y"
    }
  }
}
"#,
    );
    let workdir = bench.workdir("terraform").await;
    let planned = workdir.plan(&bench.cancel).await.unwrap();
    assert_eq!(planned.exit, PlanExit::Failed);
    let failure = planned.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::TerraformError);
    insta::assert_snapshot!(failure.message, @r"
    Resource postcondition failed
    b must be y
    (main.tf:7)
    ");
    let json = shown(&workdir, &planned.file.unwrap(), &bench.cancel).await;
    let json = json.unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["errored"], true);
}

#[tokio::test]
async fn arguments_in_the_environment_cannot_narrow_a_plan_or_an_apply() {
    let bench = Bench::new(ONE);
    let mut workdir = bench.workdir("terraform").await;
    let file = workdir.plan(&bench.cancel).await.unwrap().file.unwrap();
    workdir
        .env
        .set("TF_CLI_ARGS_plan", "-target=terraform_data.a");
    let failure = workdir.plan(&bench.cancel).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unsupported);
    let log = bench.path("log");
    let applied = workdir
        .apply(&approval(None), &file, &log, &bench.cancel)
        .await;
    assert!(
        matches!(applied, Applied::Failed(_)) && !log.exists(),
        "{applied:?}"
    );
}

#[tokio::test]
async fn mistakes_in_the_configuration_say_where_they_are() {
    let bench = Bench::new("resource \"terraform_data\" \"a\" {\n  bogus = 1\n}\n");
    let workdir = bench.workdir("terraform").await;
    let failure = workdir.plan(&bench.cancel).await.unwrap().failure.unwrap();
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration);
    assert!(failure.message.contains("main.tf:2"), "{failure}");

    bench.write("main.tf", "variable \"need\" {}\n");
    let failure = workdir.plan(&bench.cancel).await.unwrap().failure.unwrap();
    assert_eq!(failure.kind, FailureKind::MissingVariable);
    assert!(failure.message.contains("need"), "{failure}");

    bench.write("main.tf", "resource \"x\" {\n");
    let failure = workdir.init(&bench.cancel).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration);
    let failure = workdir.state_pull(&bench.cancel).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration, "{failure}");
    assert_eq!(plan_files_in(&workdir.scratch), 0);
}

#[tokio::test]
async fn a_secret_in_an_error_is_masked() {
    let bench = Bench::new(
        r#"
variable "pin" {
  validation {
    condition     = length(var.pin) < 3
    error_message = "too long: ${var.pin}"
  }
}
"#,
    );
    let mut workdir = bench.workdir("terraform").await;
    workdir
        .env
        .set_secret("TF_VAR_pin", &SecretString::from("hunter2hunter2"));
    let failure = workdir.plan(&bench.cancel).await.unwrap().failure.unwrap();
    assert!(
        failure.message.contains("too long: (sensitive)"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_workspace_is_never_created() {
    let bench = Bench::new(ONE);
    let mut workdir = bench.workdir("terraform").await;
    let spaces = bench.dir().join("terraform.tfstate.d");
    workdir.workspace = Some("prdo".into());
    let planned = workdir.plan(&bench.cancel).await.unwrap_err();
    assert_eq!(planned.kind, FailureKind::UnknownWorkspace);
    assert!(planned.message.contains("prdo"));
    let pulled = workdir.state_pull(&bench.cancel).await.unwrap_err();
    assert_eq!(pulled.kind, FailureKind::UnknownWorkspace);
    let initialised = workdir.init(&bench.cancel).await.unwrap_err();
    assert_eq!(initialised.kind, FailureKind::UnknownWorkspace);

    workdir.workspace = None;
    workdir.env.set("TF_WORKSPACE", "prdo");
    let planned = workdir.plan(&bench.cancel).await.unwrap_err();
    assert_eq!(planned.kind, FailureKind::UnknownWorkspace);

    workdir.env = bench.environment();
    bench.write(".terraform/environment", "gone");
    let planned = workdir.plan(&bench.cancel).await.unwrap_err();
    assert_eq!(planned.kind, FailureKind::UnknownWorkspace);
    assert!(!spaces.exists());

    std::fs::create_dir_all(spaces.join("prod")).unwrap();
    workdir.workspace = Some("prod".into());
    workdir.init(&bench.cancel).await.unwrap();
    let planned = workdir.plan(&bench.cancel).await.unwrap();
    assert_eq!(planned.exit, PlanExit::Changes);
    let log = bench.path("log");
    let applied = workdir
        .apply(&approval(None), &planned.file.unwrap(), &log, &bench.cancel)
        .await;
    assert_eq!(applied, Applied::Done);
    assert!(spaces.join("prod/terraform.tfstate").exists());
    assert_eq!(
        workdir.backend().unwrap().local_path.unwrap(),
        spaces
            .join("prod/terraform.tfstate")
            .canonicalize()
            .unwrap()
    );
}

#[tokio::test]
async fn a_held_lock_does_not_hinder_a_plan_but_an_apply() {
    let bench = Bench::new(WAITING);
    let workdir = bench.workdir("terraform").await;
    let mut other = Command::new("terraform")
        .args(["apply", "-auto-approve", "-input=false"])
        .current_dir(bench.dir())
        .env("TF_CLI_CONFIG_FILE", bench.path("cli.tfrc"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the other apply has started", || {
        bench.dir().join("started").exists()
    })
    .await;
    let file = workdir.plan(&bench.cancel).await.unwrap().file.unwrap();
    let base = file.base().unwrap().state;
    let log = bench.path("log");
    let applied = workdir
        .apply(&approval(base), &file, &log, &bench.cancel)
        .await;
    bench.write("go", "");
    other.wait().unwrap();
    let Applied::Failed(failure) = applied else {
        panic!("{applied:?}");
    };
    assert_eq!(failure.kind, FailureKind::Locked);
    assert!(failure.message.contains("OperationTypeApply"), "{failure}");
}

#[tokio::test]
async fn an_apply_that_is_cancelled_is_interrupted_once_and_saves_its_state() {
    let bench = Bench::new(&format!("{ONE}\n{}", WAITING.replace("\"a\"", "\"b\"")));
    let workdir = bench.workdir("terraform").await;
    let file = workdir.plan(&bench.cancel).await.unwrap().file.unwrap();
    let (log, approved) = (bench.path("log"), approval(None));
    let cancel = CancellationToken::new();
    let applying = workdir.apply(&approved, &file, &log, &cancel);
    let stopping = async {
        eventually("the apply has started", || {
            bench.dir().join("started").exists()
        })
        .await;
        cancel.cancel();
    };
    let (applied, ()) = tokio::join!(applying, stopping);
    let Applied::Failed(failure) = applied else {
        panic!("{applied:?}");
    };
    assert_eq!(failure.kind, FailureKind::Interrupted);
    let state = workdir.state_pull(&bench.cancel).await.unwrap();
    assert_eq!(state.resources, 2, "the one done and the tainted one");
    assert!(!bench.dir().join(".terraform.tfstate.lock.info").exists());
}

#[tokio::test]
async fn init_is_needed_when_what_it_depends_on_has_changed() {
    let bench = Bench::new(ONE);
    let mut workdir = bench.workdir("terraform").await;
    assert!(workdir.needs_init());
    workdir.init(&bench.cancel).await.unwrap();
    assert!(
        !workdir.needs_init(),
        "a stack without providers has no data directory"
    );

    bench.write("main.tf", "module \"m\" {\n  source = \"./m\"\n}\n");
    bench.write("m/main.tf", ONE);
    assert!(workdir.needs_init());
    workdir.init(&bench.cancel).await.unwrap();
    assert!(!workdir.needs_init());
    let planned = workdir.plan(&bench.cancel).await.unwrap();
    assert_eq!(planned.exit, PlanExit::Changes);
    assert!(!workdir.needs_init(), "a plan changes nothing of it");

    bench.write("m/extra.tf", "");
    assert!(workdir.needs_init());
    workdir.init(&bench.cancel).await.unwrap();
    workdir.backend_config.push("path=other.tfstate".into());
    assert!(workdir.needs_init());
    workdir.backend_config.clear();
    std::fs::remove_dir_all(bench.dir().join(".terraform")).unwrap();
    assert!(workdir.needs_init());
}

#[tokio::test]
async fn a_changed_backend_is_taken_as_it_is_now() {
    let backend = |path: &str| {
        format!("terraform {{\n  backend \"local\" {{\n    path = \"{path}\"\n  }}\n}}\n")
    };
    let bench = Bench::new(&backend("one.tfstate"));
    let workdir = bench.workdir("terraform").await;
    let failure = workdir.plan(&bench.cancel).await.unwrap().failure.unwrap();
    assert_eq!(failure.kind, FailureKind::NotInitialised);
    workdir.init(&bench.cancel).await.unwrap();
    assert!(
        workdir
            .backend()
            .unwrap()
            .local_path
            .unwrap()
            .ends_with("one.tfstate")
    );
    bench.write("main.tf", &backend("two.tfstate"));
    assert!(workdir.needs_init());
    workdir.init(&bench.cancel).await.unwrap();
    assert!(
        workdir
            .backend()
            .unwrap()
            .local_path
            .unwrap()
            .ends_with("two.tfstate")
    );
    let planned = workdir.plan(&bench.cancel).await.unwrap();
    assert_eq!(planned.exit, PlanExit::NoChanges);
}

#[tokio::test]
async fn what_init_cannot_fetch_is_named() {
    let bench = Bench::new("resource \"null_resource\" \"a\" {}\n");
    let mirror =
        "provider_installation {\n  filesystem_mirror {\n    path = \"/nonexistent\"\n  }\n}\n";
    std::fs::write(bench.path("cli.tfrc"), mirror).unwrap();
    let workdir = bench.workdir("terraform").await;
    let failure = workdir.init(&bench.cancel).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::ProviderMissing);
    assert!(failure.message.contains("hashicorp/null"), "{failure}");
    let failure = workdir.plan(&bench.cancel).await.unwrap().failure.unwrap();
    assert_eq!(failure.kind, FailureKind::ProviderMissing);

    bench.write("main.tf", "module \"m\" {\n  source = \"./none\"\n}\n");
    let failure = workdir.init(&bench.cancel).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::ModuleMissing);
    bench.write("main.tf", "terraform {\n  backend \"s3\" {\n  }\n}\n");
    let failure = workdir.init(&bench.cancel).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotInitialised, "{failure}");
}
