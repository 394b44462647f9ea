#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::{Child, Command, Stdio};

use super::*;

fn limits(apply: Duration) -> Limits {
    Limits {
        init: apply,
        plan: apply,
        apply,
        grace: Duration::from_millis(200),
    }
}

/// Runs a shell as an engine is run, with its log locked.
fn start(log: &Path, script: &str) -> (Child, Trace) {
    use std::os::unix::process::CommandExt;
    let file = File::create(log).unwrap();
    file.try_lock().unwrap();
    let child = Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    let trace = Trace::of(pid, Timestamp::now(), &Environment::default()).unwrap();
    trace.write(log).unwrap();
    (child, trace)
}

#[test]
fn a_process_is_told_from_another_that_got_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("apply.log");
    assert_eq!(fate(&log), Fate::Gone, "nothing was started");
    let (mut child, trace) = start(&log, "exec sleep 100");
    assert_eq!(Trace::read(&log), Some(trace.clone()));
    assert_eq!(fate(&log), Fate::Runs(Some(Pid::from_child(&child))));
    let other = Trace {
        ticks: trace.ticks + 1,
        ..trace.clone()
    };
    other.write(&log).unwrap();
    assert_eq!(fate(&log), Fate::Runs(None), "its log is still locked");
    trace.write(&log).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fate(&log), Fate::Gone);
    Trace::remove(&log).unwrap();
    Trace::remove(&log).unwrap();
    assert_eq!(fate(&log), Fate::Gone);
}

#[test]
fn a_process_elsewhere_is_not_known_to_be_gone_but_one_before_the_boot_is() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("apply.log");
    let (mut child, trace) = start(&log, "exit 0");
    child.wait().unwrap();
    let before_the_boot = Trace {
        boot: "other".into(),
        ..trace.clone()
    };
    before_the_boot.write(&log).unwrap();
    assert_eq!(fate(&log), Fate::Gone);
    let elsewhere = Trace {
        host: "elsewhere".into(),
        ..before_the_boot
    };
    elsewhere.write(&log).unwrap();
    assert!(matches!(fate(&log), Fate::Unknown(why) if why.contains("elsewhere")));
    let contained = Trace {
        pid_namespace: "pid:[1]".into(),
        ..trace
    };
    contained.write(&log).unwrap();
    assert_eq!(fate(&log), Fate::Gone, "this kernel has no lock on its log");
}

#[tokio::test]
async fn the_end_of_a_process_is_waited_for_and_a_wait_can_be_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("apply.log");
    let (mut child, _) = start(&log, "while [ ! -e go ]; do sleep 0.05; done");
    let never = CancellationToken::new();
    let given_up = CancellationToken::new();
    given_up.cancel();
    let long = limits(Duration::from_secs(1000));
    assert_eq!(wait_for_end(&log, long, &given_up).await, None);
    assert!(child.try_wait().unwrap().is_none());
    let ending = tokio::task::spawn_blocking(move || {
        let short = Duration::from_secs(2);
        std::thread::sleep(short.min(Duration::from_millis(50)));
        child.kill().unwrap();
        child.wait().unwrap();
    });
    assert_eq!(wait_for_end(&log, long, &never).await, Some(Fate::Gone));
    ending.await.unwrap();
}

#[tokio::test]
async fn at_its_limit_it_is_interrupted_and_then_killed_with_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("apply.log");
    let script = format!(
        "trap 'echo interrupted >> {0}/told' INT; sleep 100 > {0}/none & \
         while :; do wait; done",
        dir.path().display()
    );
    let (mut child, trace) = start(&log, &script);
    let reaping = tokio::task::spawn_blocking(move || child.wait().unwrap());
    let never = CancellationToken::new();
    let ended = wait_for_end(&log, limits(Duration::ZERO), &never).await;
    assert_eq!(ended, Some(Fate::Gone));
    reaping.await.unwrap();
    let told = std::fs::read_to_string(dir.path().join("told")).unwrap();
    assert_eq!(told, "interrupted\n");
    let gone = || {
        let mut left = processes().filter_map(stat);
        !left.any(|stat| stat.group == trace.pid && !stat.is_dead)
    };
    for _ in 0..200 {
        if gone() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("its group is left");
}
