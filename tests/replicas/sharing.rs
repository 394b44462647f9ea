//! They share the work, and go on without one that stands still, is killed or leaves.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::replica::{Replica, write_program};
use crate::harness::{Postgres, eventually};

/// Longer than it may take until another replica leads.
const TAKEN_OVER: Duration = Duration::from_secs(45);
/// Longer than a few runs take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A database, a repository, and an engine that takes a while and plans nothing.
struct World {
    server: Postgres,
    dir: tempfile::TempDir,
    configuration: String,
}

impl World {
    fn new(test: &str, stacks: usize) -> Option<Self> {
        let server = Postgres::start(test)?;
        let dir = tempfile::tempdir().unwrap();
        for stack in 0..stacks {
            let stack = dir.path().join(format!("repo/s{stack:02}"));
            std::fs::create_dir_all(&stack).unwrap();
            std::fs::write(
                stack.join("main.tf"),
                "resource \"null_resource\" \"a\" {}\n",
            )
            .unwrap();
        }
        git(dir.path(), &["init", "-q", "-b", "main"]);
        git(dir.path(), &["add", "-A"]);
        git(dir.path(), &["commit", "-q", "-m", "x"]);
        let engine = format!(
            "#!/bin/sh\n\
             [ \"$1\" = version ] && {{ echo '{{\"terraform_version\":\"1.11.4\"}}'; exit; }}\n\
             echo \"$(pwd) $*\" >> {dir}/done\n\
             while [ -e {dir}/wait ]; do sleep 0.1; done\n\
             sleep 0.2; exit 1\n",
            dir = dir.path().display()
        );
        write_program(&dir.path().join("engine"), &engine);
        std::fs::write(dir.path().join("url"), server.database("m")).unwrap();
        std::fs::write(dir.path().join("key"), [7; 32]).unwrap();
        std::fs::write(dir.path().join("token"), "a-token-for-the-tests").unwrap();
        let configuration = format!(
            "data_dir: data\njobs: 1\njitter: 0s\nschedule: \"0 0 1 1 *\"\nengine: {dir}/engine\n\
             policy: {{ confirm_after: 1s }}\n\
             api: {{ listen: \"127.0.0.1:0\", token_file: {dir}/token }}\n\
             store: {{ postgres_url_file: {dir}/url }}\n\
             installation_key_file: {dir}/key\n\
             sources: [{{ name: infra, path: {dir}/repo, poll: 1s }}]\n",
            dir = dir.path().display()
        );
        Some(Self {
            server,
            dir,
            configuration,
        })
    }

    fn start(&self, name: &str) -> Replica {
        Replica::start(&self.dir.path().join(name), &self.configuration, &[])
    }

    fn count(&self, what: &str) -> usize {
        let counted = self.server.sql("m", &format!("SELECT COUNT({what}"));
        counted.parse().unwrap()
    }

    fn ended(&self) -> usize {
        self.count("*) FROM (SELECT DISTINCT stack FROM runs WHERE state = 'finished') AS ended")
    }
}

fn git(dir: &Path, arguments: &[&str]) {
    let git = Command::new("git")
        .args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(arguments)
        .current_dir(dir.join("repo"))
        .status();
    assert!(git.unwrap().success());
}

fn head(dir: &Path) -> String {
    let head = Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(dir.join("repo"))
        .output();
    String::from_utf8(head.unwrap().stdout)
        .unwrap()
        .trim()
        .to_owned()
}

#[test]
fn replicas_share_the_work_and_one_that_stands_still_is_gone_on_without() {
    let Some(world) = World::new("replicas::replicas_share_the_work", 12) else {
        return;
    };
    let busy = "*) FROM runs WHERE state = 'planning'";
    std::fs::write(world.dir.path().join("wait"), "").unwrap();
    let mut first = world.start("first");
    eventually("the first leads", PATIENCE, || first.leads().then_some(()));
    let second = world.start("second");
    let third = world.start("third");
    eventually("all are at work", PATIENCE, || {
        (world.count(busy) == 3).then_some(())
    });
    std::fs::remove_file(world.dir.path().join("wait")).unwrap();
    eventually("every stack is looked at", PATIENCE, || {
        (world.ended() == 12).then_some(())
    });
    let replicas = "DISTINCT lease::json->>'replica') FROM runs WHERE lease IS NOT NULL";
    assert_eq!(world.count(replicas), 3, "each has done some");
    assert!(!second.leads() && !third.leads());

    // Whoever leads stands still in the middle of its own run, and another one does in theirs.
    std::fs::write(world.dir.path().join("wait"), "").unwrap();
    for stack in 0..12 {
        let path = format!("repo/s{stack:02}/main.tf");
        let code = "resource \"null_resource\" \"b\" {}\n";
        std::fs::write(world.dir.path().join(path), code).unwrap();
    }
    git(world.dir.path(), &["commit", "-q", "-a", "-m", "y"]);
    eventually("all are at work", PATIENCE, || {
        (world.count(busy) == 3).then_some(())
    });
    first.signal(Signal::STOP);
    eventually("another one leads", TAKEN_OVER, || {
        (second.leads() || third.leads()).then_some(())
    });
    std::fs::remove_file(world.dir.path().join("wait")).unwrap();
    let looked = format!(
        "*) FROM (SELECT DISTINCT stack FROM runs WHERE state = 'finished' \
         AND commit_id = '{}' AND outcome NOT LIKE '%interrupted%') AS ended",
        head(world.dir.path())
    );
    eventually("every stack is looked at again", PATIENCE, || {
        (world.count(&looked) == 12).then_some(())
    });
    first.signal(Signal::CONT);
    let status = eventually("the first one ends", PATIENCE, || first.ended());
    assert!(!status.success());
    assert!(first.log().contains("others have gone on without it"));
    let under_way = "*) FROM runs WHERE state NOT IN ('finished', 'interrupted', 'queued')";
    eventually("nothing is left over", PATIENCE, || {
        (world.count(under_way) == 0).then_some(())
    });

    // Its directory is as good as before.
    let again = world.start("first");
    eventually("it stands by", PATIENCE, || {
        again.log().contains("stands by").then_some(())
    });
}

#[test]
fn a_run_of_a_replica_that_is_killed_is_made_again_and_a_leader_that_leaves_is_not_waited_for() {
    let Some(world) = World::new("replicas::a_run_of_a_replica", 3) else {
        return;
    };
    std::fs::write(world.dir.path().join("wait"), "").unwrap();
    let mut first = world.start("first");
    eventually("the first leads", PATIENCE, || first.leads().then_some(()));
    let second = world.start("second");
    let of_second = "*) FROM runs WHERE state = 'planning' AND lease::json->>'home' <> \
                     (SELECT home FROM replicas, leadership WHERE number = replica)";
    eventually("the second is at work", PATIENCE, || {
        (world.count(of_second) == 1).then_some(())
    });
    drop(second);
    std::fs::remove_file(world.dir.path().join("wait")).unwrap();
    eventually("every stack is looked at", PATIENCE, || {
        (world.ended() == 3).then_some(())
    });
    let again = "*) FROM runs WHERE outcome LIKE '%interrupted%'";
    eventually("what was cut off is told apart", PATIENCE, || {
        (world.count(again) == 1).then_some(())
    });

    let third = world.start("third");
    eventually("it stands by", PATIENCE, || {
        third.log().contains("stands by").then_some(())
    });
    first.signal(Signal::TERM);
    let status = eventually("the first one ends", PATIENCE, || first.ended());
    assert!(status.success());
    eventually("the third leads", Duration::from_secs(10), || {
        third.leads().then_some(())
    });
}

#[test]
fn a_stack_waits_for_the_replicas_that_are_there_for_it() {
    let Some(mut world) = World::new("replicas::a_stack_waits_for_the_replicas", 3) else {
        return;
    };
    world.configuration +=
        "replicas: [{ name: nobody-is-called-so, only: { stacks: [infra/s00] } }]\n";
    let first = world.start("first");
    eventually("the first leads", PATIENCE, || first.leads().then_some(()));
    eventually("all others are looked at", PATIENCE, || {
        let ended = "*) FROM (SELECT DISTINCT stack FROM runs WHERE state = 'finished' \
                     AND stack <> 'infra/s00') AS ended";
        (world.count(ended) == 2).then_some(())
    });
    let waits = "*) FROM runs WHERE stack = 'infra/s00' AND state = 'queued'";
    assert_eq!(world.count(waits), 1, "{}", first.log());
    assert_eq!(world.count("*) FROM runs WHERE stack = 'infra/s00'"), 1);
}
