//! The daemon is killed at every step of a run that repairs: before and after each command of the
//! engine.

use std::time::Duration;

use serde_json::Value;

use super::crash::{HELD, held, is_locked, tags};
use super::engine::Engine;
use super::{HEAL, STORAGE, mails, plan_files_in, processes_in, storage_in};
use crate::harness::{Daemon, Lab, eventually};

/// What is new has to be seen twice.
#[test]
fn a_look_that_was_cut_off_before_its_plan_leads_to_one_repair() {
    looks_cut_off(&[
        "before version 1",
        "after version 1",
        "before init 1",
        "after init 1",
    ]);
}

#[test]
fn a_look_that_was_cut_off_in_its_plan_leads_to_one_repair() {
    looks_cut_off(&[
        "before plan 1",
        "after plan 1",
        "before show 1",
        "after show 1",
    ]);
}

#[test]
fn a_look_that_was_cut_off_before_its_second_leads_to_one_repair() {
    looks_cut_off(&[
        "before state-pull 1",
        "after state-pull 1",
        "before version 2",
        "after version 2",
    ]);
}

#[test]
fn a_second_look_that_was_cut_off_leads_to_one_repair() {
    looks_cut_off(&[
        "before plan 2",
        "after plan 2",
        "before show 2",
        "after show 2",
    ]);
}

/// The state is read once more right before the apply.
#[test]
fn a_decision_that_was_cut_off_is_made_again_and_leads_to_one_repair() {
    looks_cut_off(&[
        "before state-pull 2",
        "after state-pull 2",
        "before state-pull 3",
        "after state-pull 3",
    ]);
}

#[test]
fn an_apply_that_was_cut_off_before_or_after_it_worked_is_held() {
    applies_cut_off(&[&["before apply 1"], &["after apply 1"]]);
}

#[test]
fn an_apply_whose_plan_afterwards_was_cut_off_is_held() {
    applies_cut_off(&[&["before plan 3"], &["after plan 3"]]);
}

#[test]
fn an_apply_whose_plan_afterwards_was_not_read_is_held() {
    applies_cut_off(&[&["before show 3"], &["after show 3"]]);
}

#[test]
fn an_apply_whose_end_was_not_recorded_is_held() {
    applies_cut_off(&[&["before state-pull 4"], &["after state-pull 4"]]);
}

/// Looking at what an apply left behind can be cut off as well.
#[test]
fn an_examination_that_was_cut_off_is_made_again() {
    applies_cut_off(&[
        &["before apply 1", "before state-pull 1", "after untaint 1"],
        &["after apply 1", "after state-pull 1", "before untaint 1"],
    ]);
}

/// What was seen once is looked at again, although nothing was queued when the daemon died.
#[test]
fn a_look_that_waited_for_its_second_leads_to_one_repair() {
    let patient = HEAL.replace("confirm_after: 1s", "confirm_after: 10s");
    assert_ne!(patient, HEAL);
    let Some(mut walk) = Walk::start(&patient) else {
        return;
    };
    walk.drift(1);
    walk.daemon.ask_for_plan(STORAGE);
    walk.daemon.eventually("it was seen once", || {
        let outcome = walk.daemon.runs(STORAGE)[0]["outcome"].clone();
        (outcome["kind"] == "unconfirmed").then_some(())
    });
    walk.daemon.kill();
    walk.daemon = Daemon::restart(&walk.lab);
    walk.repaired_once_each(1);
    walk.ends_well();
}

/// Whatever was seen is seen again, and repaired once.
fn looks_cut_off(points: &[&str]) {
    let Some(mut walk) = Walk::start(HEAL) else {
        return;
    };
    for (number, point) in (1..).zip(points) {
        walk = walk.cut_off(number, &[point]);
        let cut_off = walk.runs(|run| run["outcome"]["failure"]["kind"] == "interrupted");
        assert_eq!(cut_off.len(), number, "{point}: {cut_off:#?}");
        walk.repaired_once_each(number);
    }
    walk.ends_well();
}

/// A person is told once, nothing is applied before they say so, and what the apply did is not done
/// again.
fn applies_cut_off(cuts: &[&[&str]]) {
    let Some(mut walk) = Walk::start(HEAL) else {
        return;
    };
    for (number, points) in (1..).zip(cuts) {
        walk = walk.cut_off(number, points);
        let done = !points.contains(&"before apply 1");
        let applies = number - usize::from(!done);
        walk.is_held(number, done);
        walk.has_applied(applies);

        let (lab, daemon) = (&walk.lab, &walk.daemon);
        let stack = daemon.planned_once_known(STORAGE);
        let verdict = if done { "in_sync" } else { "drifted" };
        assert_eq!(stack["verdict"], verdict, "{points:?}: {stack:#}");
        assert_ne!(stack["decision"]["kind"], "apply", "{points:?}: {stack:#}");
        walk.has_applied(applies);
        assert!(!is_locked(lab), "{points:?}");

        daemon.cli(&["resume", STORAGE]);
        daemon.settled(STORAGE);
        let stack = daemon.wait_for_verdict(STORAGE, "in_sync");
        assert!(stack["held"].is_null(), "{stack:#}");
        walk.has_applied(number);
        assert_eq!(walk.audited("apply_interrupted"), number);
        daemon.cli(&["audit", "verify"]);
        daemon.all_told();
        assert_eq!(mails(lab, HELD), number, "{points:?}");
    }
    walk.ends_well();
}

/// The storage stack under a daemon whose engine can kill it.
struct Walk {
    lab: Lab,
    engine: Engine,
    daemon: Daemon,
    /// The serial of the state at first.
    serial: u64,
}

impl Walk {
    fn start(policy: &str) -> Option<Self> {
        let lab = Lab::start("faults::steps")?;
        let engine = Engine::install(&lab);
        let daemon = storage_in(&lab, &format!("{policy}{}", engine.settings()));
        Some(Self {
            serial: serial(&lab),
            lab,
            engine,
            daemon,
        })
    }

    /// Changes a tag of the bucket that nobody changed before.
    fn drift(&self, number: usize) {
        let tag = format!("Walk{number}");
        self.lab
            .by_hand(&["retag-bucket", "demo-uploads", &tag, "hacked"]);
    }

    /// Makes drift and has the stack planned until the daemon is killed at the first of these points;
    /// after that it is killed at the others, each time as soon as it is started again. In the end it
    /// is up.
    fn cut_off(mut self, number: usize, points: &[&str]) -> Self {
        self.drift(number);
        let (first, others) = points.split_first().unwrap();
        if first.contains(" init ") {
            forget_init(&self.lab);
        }
        self.engine.kill(first);
        // Whether the answer is out before the daemon is dead is left to chance.
        self.daemon.ask_for_plan(STORAGE);
        self.daemon.killed(first);
        for point in others {
            self.engine.kill(point);
            Daemon::restart_in_vain(&self.lab).killed(point);
        }
        self.daemon = Daemon::restart(&self.lab);
        self
    }

    fn runs(&self, is: impl Fn(&Value) -> bool) -> Vec<Value> {
        let runs = self.daemon.runs(STORAGE).into_iter();
        runs.filter(|run| is(run)).collect()
    }

    fn audited(&self, action: &str) -> usize {
        let log = self.daemon.get(&format!("audit?after=0&stack={STORAGE}"));
        let entries = log["entries"].as_array().unwrap();
        entries.iter().filter(|e| e["action"] == action).count()
    }

    /// So often the engine was told to apply, and did. Putting back what the state says already leaves
    /// it as it is.
    fn has_applied(&self, times: usize) {
        assert_eq!(self.engine.applies(), (times, times));
        let most = self.serial + u64::try_from(times).unwrap();
        let now = serial(&self.lab);
        assert!(now <= most, "serial {now} after {times} applies");
    }

    /// All drift up to here has been repaired, by one apply for each time.
    fn repaired_once_each(&self, times: usize) {
        let daemon = &self.daemon;
        daemon.eventually("it is repaired", || {
            let repaired = self.runs(|run| run["outcome"]["kind"] == "repaired");
            (repaired.len() == times).then_some(())
        });
        daemon.settled(STORAGE);
        let stack = daemon.stack(STORAGE);
        assert_eq!(stack["verdict"], "in_sync", "{stack:#}");
        assert!(stack["held"].is_null(), "{stack:#}");
        self.has_applied(times);
        assert_eq!(self.audited("apply_started"), times);
        assert_eq!(self.audited("apply_ended"), times);
        daemon.cli(&["audit", "verify"]);
        daemon.all_told();
        assert_eq!(mails(&self.lab, HELD), 0);
    }

    /// The newest of so many cut-off applies is examined and told, once.
    fn is_held(&self, number: usize, done: bool) {
        let (lab, daemon) = (&self.lab, &self.daemon);
        let cut_off = daemon.eventually("the run is interrupted", || {
            let interrupted = self.runs(|run| run["state"] == "interrupted");
            (interrupted.len() == number).then(|| interrupted[0].clone())
        });
        let reason = held(lab, daemon, &cut_off["id"]);
        assert_eq!(reason.contains("came to its end"), done, "{reason}");
        assert!(!reason.contains("may want to do it again"), "{reason}");
        daemon.eventually("people are told of it", || {
            (mails(lab, HELD) == number).then_some(())
        });
    }

    /// Nothing is left, and the daemon stops.
    fn ends_well(self) {
        let data = self.lab.path().join("data");
        assert!(!tags(&self.lab).contains("hacked"), "{}", tags(&self.lab));
        assert!(!is_locked(&self.lab));
        assert_eq!(plan_files_in(&data), Vec::<std::path::PathBuf>::new());
        eventually("no engine runs", Duration::from_secs(10), || {
            processes_in(&data).is_empty().then_some(())
        });
        assert!(self.daemon.stop().success());
    }
}

fn serial(lab: &Lab) -> u64 {
    let dir = lab.path().join("work-infra/live/storage");
    lab.state(&dir)["serial"].as_u64().unwrap()
}

/// Has the next look initialise the directory.
fn forget_init(lab: &Lab) {
    let scratch = walkdir::WalkDir::new(lab.path().join("data/scratch"));
    let stamps: Vec<_> = scratch
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|end| end == "init"))
        .collect();
    assert!(!stamps.is_empty());
    for stamp in stamps {
        std::fs::remove_file(stamp).unwrap();
    }
}
