#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn identity(lineage: &str, serial: u64) -> StateIdentity {
    StateIdentity {
        lineage: lineage.to_owned(),
        serial,
    }
}

fn addresses(names: &[&str]) -> Vec<Address> {
    names.iter().copied().map(Address::new).collect()
}

/// Killed with its engine in the middle, the lock left behind.
fn facts() -> Facts {
    let run = RunId::from_uuid(uuid::Uuid::from_u128(1));
    Facts {
        stack: StackId::new("infra/live"),
        run,
        why: "Mooring was stopped in the middle of it".to_owned(),
        before: Some(identity("l", 7)),
        snapshot: Some("snapshots/infra_live-0/1.tfstate.age".to_owned()),
        engine: Engine::Gone,
        holder: Some(Holder {
            who: "mooring@host".to_owned(),
            since: at(0),
        }),
        log: Log {
            held_at: Some(at(2)),
            done: addresses(&["aws_a.a"]),
            begun: addresses(&["aws_b.b"]),
            ..Log::default()
        },
        log_at: Some("/data/scratch/apply-1.log".to_owned()),
        state: StateNow::Read(Some(identity("l", 7))),
        not_saved: None,
        lock: LockNow::Held(lock()),
    }
}

fn lock() -> LockInfo {
    LockInfo {
        id: "lock-id".to_owned(),
        who: "mooring@host".to_owned(),
        operation: "OperationTypeApply".to_owned(),
        created: Some(at(1)),
    }
}

#[test]
fn our_own_lock_of_a_dead_engine_is_released() {
    assert_eq!(facts().may_release(), Ok(()));
}

#[test]
fn a_lock_is_kept_unless_all_of_it_is_ours_and_its_process_is_dead() {
    let held = |change: fn(&mut LockInfo)| {
        let mut lock = lock();
        change(&mut lock);
        Facts {
            lock: LockNow::Held(lock),
            ..facts()
        }
    };
    let log = |held_at| Facts {
        log: Log {
            held_at,
            ..facts().log
        },
        ..facts()
    };
    let engine = |engine| Facts { engine, ..facts() };
    for (facts, expected) in [
        (engine(Engine::Runs), KeepLock::MayRun),
        (engine(Engine::Unknown("x".into())), KeepLock::MayRun),
        (held(|lock| lock.who = "ann@host".into()), KeepLock::NotOurs),
        (
            held(|lock| lock.who = "mooring@other".into()),
            KeepLock::NotOurs,
        ),
        (
            held(|lock| lock.operation = "OperationTypePlan".into()),
            KeepLock::NotOurs,
        ),
        (held(|lock| lock.created = Some(at(-1))), KeepLock::NotOurs),
        (held(|lock| lock.created = Some(at(3))), KeepLock::NotOurs),
        (held(|lock| lock.created = None), KeepLock::NotOurs),
        (log(None), KeepLock::NotOurs),
        (
            Facts {
                holder: None,
                ..facts()
            },
            KeepLock::NotOurs,
        ),
        (
            Facts {
                lock: LockNow::Free,
                ..facts()
            },
            KeepLock::NotOurs,
        ),
    ] {
        assert_eq!(facts.may_release(), Err(expected), "{facts:#?}");
    }
}

#[test]
fn who_moved_the_state_is_said_only_if_it_is_known() {
    let now = |state, change: fn(&mut Facts)| {
        let mut facts = Facts {
            state: StateNow::Read(state),
            ..facts()
        };
        change(&mut facts);
        facts.movement()
    };
    let newer = || Some(identity("l", 9));
    assert_eq!(now(Some(identity("l", 7)), |_| {}), Movement::Unchanged);
    assert_eq!(now(newer(), |_| {}), Movement::ByThisApply);
    assert_eq!(now(newer(), |f| f.lock = LockNow::Free), Movement::ByEither);
    let never_held = |f: &mut Facts| {
        f.lock = LockNow::Free;
        f.log = Log::default();
    };
    assert_eq!(now(newer(), never_held), Movement::ByAnother);
    let no_log = |f: &mut Facts| {
        f.lock = LockNow::Free;
        f.log = Log::default();
        f.log_at = None;
    };
    assert_eq!(now(newer(), no_log), Movement::ByEither);
    let ended = |f: &mut Facts| {
        f.lock = LockNow::Free;
        f.log.ended = true;
    };
    assert_eq!(now(newer(), ended), Movement::ByEither);
    assert_eq!(now(Some(identity("l", 8)), ended), Movement::ByThisApply);
    for other in [None, Some(identity("m", 9)), Some(identity("l", 6))] {
        assert_eq!(now(other, |_| {}), Movement::Replaced);
    }
    assert_eq!(now(newer(), |f| f.before = None), Movement::Unknown);
    let unread = |f: &mut Facts| f.state = StateNow::Unread("no".into());
    assert_eq!(now(newer(), unread), Movement::Unknown);
}

#[test]
fn one_message_says_all_that_is_known_and_what_to_do() {
    let released = Facts {
        lock: LockNow::Released(lock()),
        ..facts()
    };
    insta::assert_snapshot!(released.told(), @r"
    the apply of run 00000000-0000-0000-0000-000000000001 was cut off: Mooring was stopped in the middle of it
    Terraform is not running any more.
    As its log says it changed aws_a.a.
    It was about to change, and how that ended is not known: aws_b.b.
    What it said:
        /data/scratch/apply-1.log
    The state is as it was (serial 7): what was changed is not in it, so the next plan may want to do it again.
    The state was still locked by this apply (by mooring@host since 2027-01-15T08:00:01Z, for OperationTypeApply, ID lock-id). What held it is dead, so Mooring has released it.
    The state before it is kept as:
        snapshots/infra_live-0/1.tfstate.age
    What putting it back would mean:
        mooring state restore infra/live 00000000-0000-0000-0000-000000000001
    ");
}

#[test]
fn no_line_of_somebody_else_s_text_passes_for_a_command() {
    let told = Facts {
        why: "it failed:\n    rm -rf /\n".to_owned(),
        ..facts()
    }
    .told();
    assert!(told.contains("cut off: it failed: rm -rf /\n"), "{told}");
    let commands = told.lines().filter_map(|line| line.strip_prefix(COMMAND));
    assert!(commands.clone().all(|command| !command.contains("rm -rf")));
    assert_eq!(commands.count(), 4);
}

#[test]
fn an_apply_that_came_to_its_end_is_told_as_such() {
    let ended = Facts {
        log: Log {
            held_at: Some(at(2)),
            done: addresses(&["a.1", "a.2", "a.3", "a.4", "a.5", "a.6", "a.7"]),
            ended: true,
            ..Log::default()
        },
        state: StateNow::Read(Some(identity("l", 8))),
        lock: LockNow::Free,
        ..facts()
    };
    insta::assert_snapshot!(ended.told(), @r"
    the apply of run 00000000-0000-0000-0000-000000000001 was cut off: Mooring was stopped in the middle of it
    Terraform went on and came to its end.
    As its log says it changed a.1, a.2, a.3, a.4, a.5 and 2 more.
    What it said:
        /data/scratch/apply-1.log
    This apply moved the state from serial 7 to 8.
    The state is not locked.
    The state before it is kept as:
        snapshots/infra_live-0/1.tfstate.age
    What putting it back would mean:
        mooring state restore infra/live 00000000-0000-0000-0000-000000000001
    ");
}

#[test]
fn an_apply_that_put_drift_back_need_not_have_moved_the_state() {
    let told = |ended| {
        let log = Log {
            held_at: Some(at(2)),
            done: addresses(&["a.1"]),
            ended,
            ..Log::default()
        };
        Facts { log, ..facts() }.told()
    };
    assert!(told(true).contains("(serial 7): it says already what this apply put back."));
    assert!(told(false).contains("(serial 7): what was changed is not in it"));
}

#[test]
fn a_state_that_could_not_be_saved_is_offered() {
    let kept = Facts {
        not_saved: Some(NotSaved::Kept {
            snapshot: SnapshotId::from_uuid(uuid::Uuid::from_u128(2)),
            path: "snapshots/infra_live-0/2.tfstate.age".to_owned(),
            state: identity("l", 8),
        }),
        lock: LockNow::Held(LockInfo {
            who: "ann@laptop".to_owned(),
            ..lock()
        }),
        ..facts()
    };
    insta::assert_snapshot!(kept.told(), @r"
    the apply of run 00000000-0000-0000-0000-000000000001 was cut off: Mooring was stopped in the middle of it
    Terraform is not running any more.
    As its log says it changed aws_a.a.
    It was about to change, and how that ended is not known: aws_b.b.
    What it said:
        /data/scratch/apply-1.log
    The state is as it was (serial 7): what was changed is not in it, so the next plan may want to do it again.
    Terraform could not save the state (serial 8). What it left is kept as:
        snapshots/infra_live-0/2.tfstate.age
    To save it, in the stack's directory:
        mooring state show infra/live 00000000-0000-0000-0000-000000000002 --output errored.tfstate
        terraform state push errored.tfstate
    The state is locked (by ann@laptop since 2027-01-15T08:00:01Z, for OperationTypeApply, ID lock-id). It is not known to be this apply's, so the lock is left. Once whoever holds it is surely done, in the stack's directory:
        terraform force-unlock lock-id
    The state before it is kept as:
        snapshots/infra_live-0/1.tfstate.age
    What putting it back would mean:
        mooring state restore infra/live 00000000-0000-0000-0000-000000000001
    ");
}

#[test]
fn what_could_not_be_seen_is_said_to_be_unknown() {
    let blind = Facts {
        before: None,
        snapshot: None,
        engine: Engine::Unknown("it was started on the host other".to_owned()),
        holder: None,
        log: Log::default(),
        log_at: None,
        state: StateNow::Unread("the backend does not answer".to_owned()),
        not_saved: Some(NotSaved::Left {
            file: "/c/errored.tfstate".to_owned(),
            why: "the disk is full".to_owned(),
        }),
        lock: LockNow::Unknown("the backend does not answer".to_owned()),
        ..facts()
    };
    insta::assert_snapshot!(blind.told(), @r"
    the apply of run 00000000-0000-0000-0000-000000000001 was cut off: Mooring was stopped in the middle of it
    Whether Terraform still runs cannot be told from here: it was started on the host other.
    The state could not be read: the backend does not answer.
    Terraform could not save the state and left it in a file, of which no copy could be made: the disk is full. To save it, in the stack's directory:
        terraform state push /c/errored.tfstate
    Whether the state is locked could not be seen: the backend does not answer.
    ");
}
