use std::io::Write;

use mooring::domain::failure::FailureKind;
use mooring::domain::finding::PlanExit;
use mooring::terraform::Applied;

use super::*;

/// An engine that says its version, writes the plan it is given and then does as told. `$out` is
/// where the plan is wanted, `$bench` where the test looks.
fn engine(bench: &Bench, on_plan: &str, on_apply: &str) -> String {
    let root = bench.root.path().display();
    let script = format!(
        r#"#!/bin/sh
bench={root}
for argument in "$@"; do
  case "$argument" in -out=*) out="${{argument#-out=}}";; esac
done
case "$1" in
  version) echo '{{"terraform_version":"1.11.4"}}';;
  plan)
{on_plan}
  ;;
  apply)
{on_apply}
  ;;
esac
"#
    );
    let path = bench.path("engine");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A plan file of a state with lineage `l` and serial 4.
fn write_plan(path: &Path) {
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, text) in [
        ("tfplan", "x"),
        ("tfstate", r#"{"lineage":"l","serial":4}"#),
    ] {
        archive.start_file(name, options).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
}

fn base() -> Option<StateIdentity> {
    Some(StateIdentity {
        lineage: "l".into(),
        serial: 4,
    })
}

/// Ignores interrupts and has a child that holds standard output.
const DEAF: &str = r#"
    trap 'echo one >> $bench/interrupts' INT
    sleep 1000 &
    echo $! > $bench/child.tmp; mv $bench/child.tmp $bench/child
    while :; do wait; done
"#;

/// Whether the process is gone; one that nobody has reaped yet counts as gone.
fn is_gone(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .map_or(true, |stat| stat.contains(") Z "))
}

async fn nobody_is_left(bench: &Bench) {
    let child = std::fs::read_to_string(bench.path("child")).unwrap();
    eventually("the engine's child is gone", || is_gone(&child)).await;
}

fn interrupts(bench: &Bench) -> usize {
    std::fs::read_to_string(bench.path("interrupts")).map_or(0, |text| text.lines().count())
}

async fn bench_with(on_plan: &str, on_apply: &str) -> (Bench, Workdir) {
    let bench = Bench::new("");
    let program = engine(&bench, on_plan, on_apply);
    let mut workdir = bench.workdir(&program).await;
    workdir.limits.grace = Duration::from_millis(300);
    (bench, workdir)
}

#[tokio::test]
async fn a_plan_that_hangs_is_stopped_with_everything_it_started() {
    let (bench, mut workdir) = bench_with(DEAF, "").await;
    workdir.limits.plan = Duration::from_millis(500);
    let planned = workdir.plan(&bench.cancel).await.unwrap();
    assert_eq!(planned.exit, PlanExit::Failed);
    assert_eq!(planned.failure.unwrap().kind, FailureKind::TimedOut);
    assert!(planned.file.is_none());
    assert_eq!(interrupts(&bench), 2);
    nobody_is_left(&bench).await;
    assert_eq!(plan_files_in(&workdir.scratch), 0);
}

#[tokio::test]
async fn a_cancelled_or_dropped_plan_leaves_nothing() {
    let (bench, workdir) = bench_with(DEAF, "").await;
    let cancel = CancellationToken::new();
    let stopping = async {
        eventually("the plan has started", || bench.path("child").exists()).await;
        cancel.cancel();
    };
    let (planned, ()) = tokio::join!(workdir.plan(&cancel), stopping);
    assert_eq!(
        planned.unwrap().failure.unwrap().kind,
        FailureKind::Interrupted
    );
    nobody_is_left(&bench).await;

    std::fs::remove_file(bench.path("child")).unwrap();
    tokio::select! {
        _ = workdir.plan(&bench.cancel) => panic!("it hangs"),
        () = eventually("the plan has started", || bench.path("child").exists()) => {}
    }
    nobody_is_left(&bench).await;
    assert_eq!(plan_files_in(&workdir.scratch), 0);
}

#[tokio::test]
async fn a_child_that_holds_the_pipe_does_not_hold_us() {
    let (bench, workdir) = bench_with(
        "cp $bench/plan $out; sleep 1000 & echo $! > $bench/child; exit 2",
        "",
    )
    .await;
    write_plan(&bench.path("plan"));
    let start = Instant::now();
    let planned = workdir.plan(&bench.cancel).await.unwrap();
    assert_eq!(planned.exit, PlanExit::Changes);
    assert_eq!(planned.file.unwrap().base().unwrap().state, base());
    assert!(start.elapsed() < Duration::from_secs(20));
    nobody_is_left(&bench).await;
}

#[tokio::test]
async fn an_exit_code_without_a_plan_is_a_failure() {
    for (script, words) in [
        ("exit 0", "no whole plan file"),
        ("echo 'panic: oh' >&2; exit 2", "panic: oh"),
        ("echo half > $out; exit 2", "exit status: 2"),
        ("cp $bench/plan $out; kill -9 $$", "signal: 9"),
    ] {
        let (bench, workdir) = bench_with(script, "").await;
        write_plan(&bench.path("plan"));
        let planned = workdir.plan(&bench.cancel).await.unwrap();
        assert_eq!(planned.exit, PlanExit::Failed, "{script}");
        let failure = planned.failure.unwrap();
        assert!(failure.message.contains(words), "{failure}");
    }
}

#[tokio::test]
async fn a_full_disk_leaves_no_half_plan() {
    let (bench, workdir) = bench_with(
        r#"cp $bench/plan $out
        echo '{"@level":"error","type":"diagnostic","diagnostic":{"severity":"error","summary":"Failed to write plan file","detail":"write: no space left on device"}}'
        exit 1"#,
        "",
    )
    .await;
    write_plan(&bench.path("plan"));
    let planned = workdir.plan(&bench.cancel).await.unwrap();
    assert_eq!(planned.failure.unwrap().kind, FailureKind::OutOfDisk);
    assert!(planned.file.is_none());
    assert_eq!(plan_files_in(&workdir.scratch), 0);
}

#[tokio::test]
async fn a_flood_of_output_hides_no_error() {
    let (bench, workdir) = bench_with(
        r#"head -c 3000000 /dev/zero | tr '\0' x
        head -c 3000000 /dev/zero | tr '\0' y >&2
        echo
        yes '{"type":"refresh_start"}' | head -n 100000
        echo '{"@level":"error","type":"diagnostic","diagnostic":{"severity":"error","summary":"Bad","detail":"AccessDenied"}}'
        exit 1"#,
        "",
    )
    .await;
    let planned = workdir.plan(&bench.cancel).await.unwrap();
    let failure = planned.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::CredentialsRefused);
    assert!(failure.message.len() < 5000);
}

#[tokio::test]
async fn the_child_gets_its_environment_and_nothing_else() {
    let (bench, mut workdir) = bench_with("env > $bench/env; exit 1", "").await;
    workdir.env = Environment::default();
    workdir.env.set("ONLY", "this");
    workdir.plan(&bench.cancel).await.unwrap();
    let text = std::fs::read_to_string(bench.path("env")).unwrap();
    let mut names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.retain(|name| !["PWD", "_", "SHLVL", "OLDPWD", "PATH"].contains(name));
    names.sort_unstable();
    assert_eq!(
        names,
        ["CHECKPOINT_DISABLE", "ONLY", "TF_INPUT", "TF_IN_AUTOMATION"]
    );
}

async fn planned(bench: &Bench, workdir: &Workdir) -> PlanFile {
    write_plan(&bench.path("plan"));
    workdir.plan(&bench.cancel).await.unwrap().file.unwrap()
}

const PLAN: &str = "cp $bench/plan $out; exit 2";

#[tokio::test]
async fn an_apply_gets_one_interrupt_and_is_killed_only_after_its_grace() {
    let (bench, mut workdir) = bench_with(PLAN, DEAF).await;
    let file = planned(&bench, &workdir).await;
    workdir.limits.apply = Duration::from_millis(500);
    workdir.limits.grace = Duration::from_millis(2500);
    let log = bench.path("log");
    let applied = workdir
        .apply(&approval(base()), &file, &log, &bench.cancel)
        .await;
    let Applied::Interrupted(failure) = applied else {
        panic!("{applied:?}");
    };
    assert_eq!(failure.kind, FailureKind::TimedOut);
    assert!(failure.message.contains("killed"), "{failure}");
    assert_eq!(interrupts(&bench), 1);
    nobody_is_left(&bench).await;
}

#[tokio::test]
async fn a_dropped_apply_goes_on_to_its_end() {
    let (bench, workdir) = bench_with(
        PLAN,
        "touch $bench/started; while [ ! -e $bench/go ]; do sleep 0.02; done
         shift $(($# - 1)); cp $1 $bench/applied; touch $bench/done",
    )
    .await;
    let file = planned(&bench, &workdir).await;
    let (log, approved) = (bench.path("log"), approval(base()));
    tokio::select! {
        _ = workdir.apply(&approved, &file, &log, &bench.cancel) => panic!("it waits"),
        () = eventually("the apply has started", || bench.path("started").exists()) => {}
    }
    drop(file);
    std::fs::write(bench.path("go"), "").unwrap();
    eventually("the apply is done", || bench.path("done").exists()).await;
    assert!(
        bench.path("applied").exists(),
        "the plan file was kept for it"
    );
    eventually("the plan file is gone", || {
        plan_files_in(&workdir.scratch) == 0
    })
    .await;
}

#[tokio::test]
async fn an_apply_that_crashes_or_cannot_save_the_state_is_not_just_a_failure() {
    for (script, words) in [
        ("kill -9 $$", "signal: 9"),
        ("echo 'panic: oh'; exit 2", "panic: oh"),
        (
            r#"echo '{"@level":"error","type":"diagnostic","diagnostic":{"severity":"error","summary":"Failed to persist state to backend","detail":"saved to errored.tfstate"}}'; exit 1"#,
            "persist",
        ),
    ] {
        let (bench, workdir) = bench_with(PLAN, script).await;
        let file = planned(&bench, &workdir).await;
        let log = bench.path("log");
        let applied = workdir
            .apply(&approval(base()), &file, &log, &bench.cancel)
            .await;
        let Applied::Interrupted(failure) = applied else {
            panic!("{script}: {applied:?}");
        };
        assert!(failure.message.contains(words), "{failure}");
    }
}

#[tokio::test]
async fn a_crashed_apply_leaves_no_provider_behind() {
    let (bench, workdir) =
        bench_with(PLAN, "sleep 1000 & echo $! > $bench/child; kill -9 $$").await;
    let file = planned(&bench, &workdir).await;
    let log = bench.path("log");
    let applied = workdir
        .apply(&approval(base()), &file, &log, &bench.cancel)
        .await;
    assert!(matches!(applied, Applied::Interrupted(_)), "{applied:?}");
    nobody_is_left(&bench).await;
}

#[tokio::test]
async fn an_engine_must_be_there_and_recent() {
    let bench = Bench::new("");
    let env = bench.environment();
    for (script, words) in [
        (None, "not an executable"),
        (
            Some("echo '{\"terraform_version\":\"0.15.5\"}'"),
            "older than 1.0",
        ),
        (Some("echo hello"), "neither"),
        (Some("echo broken >&2; exit 3"), "broken"),
    ] {
        let path = bench.path("tf");
        if let Some(script) = script {
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let found = Engine::find(path.to_str().unwrap(), &env, &bench.cancel).await;
        let failure = found.unwrap_err();
        assert_eq!(failure.kind, FailureKind::EngineMissing);
        assert!(failure.message.contains(words), "{failure}");
    }
    let failure = Engine::find("no-such-engine", &env, &bench.cancel)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::EngineMissing);
}

#[tokio::test]
async fn what_init_adds_to_a_lock_file_of_git_is_put_back_and_not_added_again() {
    let bench = Bench::new("");
    let path = bench.path("engine");
    let asked = bench.path("asked");
    let script = format!(
        "#!/bin/sh\ncase $1 in\n  version) echo '{{\"terraform_version\":\"1.11.4\"}}';;\n  \
         init) echo init >> {}; echo '# h1' >> .terraform.lock.hcl;;\nesac\n",
        asked.display()
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let workdir = bench.workdir(path.to_str().unwrap()).await;
    let inits = || std::fs::read_to_string(&asked).unwrap().lines().count();
    let lock_file = bench.dir().join(".terraform.lock.hcl");
    bench.write(".terraform.lock.hcl", "# as in Git\n");
    workdir.init(&bench.cancel).await.unwrap();
    let after = std::fs::read_to_string(&lock_file).unwrap();
    assert_eq!(after, "# as in Git\n# h1\n");

    // The next checkout has it as Git has it.
    bench.write(".terraform.lock.hcl", "# as in Git\n");
    assert!(workdir.needs_init());
    workdir.take_up_lock_file();
    assert!(!workdir.needs_init());
    assert_eq!(std::fs::read_to_string(&lock_file).unwrap(), after);

    // Another one in Git is left as it is.
    bench.write(".terraform.lock.hcl", "# another\n");
    workdir.take_up_lock_file();
    assert!(workdir.needs_init());
    assert_eq!(std::fs::read_to_string(&lock_file).unwrap(), "# another\n");
    assert_eq!(inits(), 1);
}
