//! When Mooring acts by itself and when it does not: merged code, times, and drift that comes back.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use crate::approval::waiting;
use crate::harness::{Daemon, Lab, Repository};

const ID: &str = "infra/web";
const BUCKET: &str = "acting";

/// The owner of the bucket is a variable; its tier is code.
fn code(tier: &str) -> String {
    format!(
        r#"variable "owner" {{
  type = string
}}

resource "aws_s3_bucket" "uploads" {{
  bucket = "{BUCKET}"
  tags   = {{ Owner = var.owner, Tier = "{tier}" }}
}}
"#
    )
}

/// Tags are safe; who owns the bucket is not in Git.
fn settings(policy: &str, owner: &str) -> String {
    format!(
        r#"policy:
  {policy}
  confirm_after: 1s
  pending_after: 0s
  safe: [{{ type: aws_s3_bucket, attributes: [tags] }}]
stacks:
  - match: {ID}
    env: {{ TF_VAR_owner: {owner} }}
"#
    )
}

/// A bucket that is as Git has it, and a daemon that has had its first look.
struct Scene {
    lab: Lab,
    repository: Repository,
    daemon: Daemon,
}

impl Scene {
    fn start(settings: &str) -> Option<Self> {
        let lab = Lab::start("acting")?;
        let repository = Repository::create(&lab, "infra");
        repository.write(".gitignore", ".terraform*\n");
        let provider = std::fs::read_to_string("examples/demo/estate/live/storage/provider.tf");
        repository.write_stack("web", &code("one"));
        repository.write("web/providers.tf", &provider.unwrap());
        lab.apply(&repository.work.join("web"), &[("TF_VAR_owner", "ann")]);
        repository.push("First");
        let configuration = Daemon::configuration(&lab, &repository, settings);
        let daemon = Daemon::start(&lab, &configuration);
        daemon.wait_for_verdict(ID, "in_sync");
        daemon.eventually("the summary of the first look", || {
            (!lab.mails_with(&["first look"]).is_empty()).then_some(())
        });
        Some(Self {
            lab,
            repository,
            daemon,
        })
    }

    /// The same under other settings, after another look.
    fn restarted(self, settings: &str) -> (Self, Value) {
        let Self {
            lab,
            repository,
            daemon,
        } = self;
        assert!(daemon.stop().success());
        let configuration = Daemon::configuration(&lab, &repository, settings);
        let daemon = Daemon::start(&lab, &configuration);
        let stack = daemon.planned_once_known(ID);
        let scene = Self {
            lab,
            repository,
            daemon,
        };
        (scene, stack)
    }

    fn retag(&self, tag: &str) {
        self.lab.by_hand(&["retag-bucket", BUCKET, tag, "hacked"]);
    }

    /// Pushes code and waits until it has been looked at; gives the stack.
    fn merged(&self, tier: &str) -> Value {
        self.repository.write("web/main.tf", &code(tier));
        let commit = self.repository.push(tier);
        self.daemon.eventually("the new commit is seen", || {
            (self.daemon.stack(ID)["commit"] == commit.as_str()).then_some(())
        });
        self.daemon.settled(ID);
        self.daemon.stack(ID)
    }

    /// Whether the bucket is tagged so.
    fn has(&self, tag: &str) -> bool {
        let tags = self.lab.by_hand(&["bucket-tags", BUCKET]);
        tags.contains(&format!("\"{tag}\""))
    }

    /// How many applies were begun.
    fn applies(&self) -> usize {
        let log = self.daemon.get(&format!("audit?after=0&stack={ID}"));
        let entries = log["entries"].as_array().unwrap();
        let begun = entries.iter().filter(|e| e["action"] == "apply_started");
        begun.count()
    }

    /// Waits for a mail that says all of this.
    fn mailed(&self, words: &[&str]) {
        self.daemon.eventually(&format!("mail: {words:?}"), || {
            (!self.lab.mails_with(words).is_empty()).then_some(())
        });
    }
}

/// Mooring decided so, and said why.
fn decided(stack: &Value, kind: &str, why: &str) {
    let decision = &stack["decision"];
    assert_eq!(decision["kind"], kind, "{stack:#}");
    let reasons = decision["reasons"].to_string();
    assert!(reasons.contains(why), "{why}: {reasons}");
}

#[test]
fn merged_code_that_is_safe_is_applied_by_itself_and_nothing_else_is() {
    let Some(scene) = Scene::start(&settings("mode: sync", "ann")) else {
        return;
    };
    let stack = scene.merged("two");
    assert_eq!(stack["verdict"], "in_sync", "{stack:#}");
    assert!(scene.has("two"));
    assert_eq!(scene.applies(), 1);
    let run = &scene.daemon.runs(ID)[0];
    assert_eq!(run["outcome"]["kind"], "repaired", "{run:#}");
    assert_eq!(run["commit"], scene.repository.head());

    // A variable moves, and Git does not.
    let (scene, stack) = scene.restarted(&settings("mode: sync", "bob"));
    let unexplained = "nothing that the stack reads changed in Git since it was last in sync";
    decided(&stack, "ask", unexplained);
    assert!(scene.has("ann") && !scene.has("bob"));
    assert_eq!(scene.applies(), 1);
    let (scene, stack) = scene.restarted(&settings("mode: sync", "ann"));
    assert_eq!(stack["verdict"], "in_sync", "{stack:#}");

    // Somebody applies code of their own, and other code is merged.
    scene.repository.write("web/main.tf", &code("three"));
    let dir = scene.repository.work.join("web");
    scene.lab.apply(&dir, &[("TF_VAR_owner", "ann")]);
    let stack = scene.merged("four");
    let written = "the state was written since the stack was last in sync";
    decided(&stack, "ask", written);
    assert!(scene.has("three") && !scene.has("four"));
    assert_eq!(scene.applies(), 1);
    scene.mailed(&[written]);

    // With a person's yes it is.
    let id = waiting(&scene.daemon)[0]["short"]
        .as_str()
        .unwrap()
        .to_owned();
    scene.daemon.cli(&["approve", &id, "--by", "ann"]);
    scene.daemon.wait_for_verdict(ID, "in_sync");
    scene.daemon.settled(ID);
    assert!(scene.has("four"));
    assert_eq!(scene.applies(), 2);

    // Code of which only a part is safe is asked about as a whole.
    let mixed = "  force_destroy = true\n  tags   ";
    let mixed = code("five").replace("  tags   ", mixed);
    scene.repository.write("web/main.tf", &mixed);
    scene.repository.push("Five");
    let stack = scene.daemon.wait_for_verdict(ID, "pending");
    scene.daemon.settled(ID);
    decided(&stack, "ask", "may lose data and is never automatic");
    assert!(scene.has("four") && !scene.has("five"));
    assert_eq!(scene.applies(), 2);
    assert!(scene.daemon.stop().success());
}

/// What is held back says until when, and is done once it may be.
fn held_back(closed: &str, until: Date, why: &str, open: &str) {
    let Some(scene) = Scene::start(&settings(closed, "ann")) else {
        return;
    };
    scene.retag("Owner");
    let until = format!("{until}T00:00:00Z");
    for _ in 0..2 {
        let stack = scene.daemon.planned(ID);
        decided(&stack, "alert", why);
        assert_eq!(stack["decision"]["not_before"], until.as_str(), "{stack:#}");
    }
    assert!(scene.has("hacked"));
    assert_eq!(scene.applies(), 0);
    assert!(waiting(&scene.daemon).is_empty());
    // A mail has short lines; what is posted has not.
    scene.mailed(&["aws_s3_bucket.uploads", &until]);
    scene.daemon.eventually("a post that says why", || {
        (!scene.lab.posts_with(&["/slack/", why]).is_empty()).then_some(())
    });

    let (scene, stack) = scene.restarted(&settings(open, "ann"));
    assert_eq!(stack["verdict"], "in_sync", "{stack:#}");
    assert!(!scene.has("hacked"));
    assert_eq!(scene.applies(), 1);
    scene.mailed(&["repaired", ID]);
    assert!(scene.daemon.stop().success());
}

/// Days from today on, in UTC: far enough that midnight may come while a test runs.
fn day(from_today: i64) -> Date {
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today.checked_add(from_today.days()).unwrap()
}

#[test]
fn outside_of_its_windows_nothing_is_applied_and_inside_it_is() {
    let next = day(3);
    let weekday = next.strftime("%a").to_string().to_lowercase();
    let all_day = r#"from: "00:00", to: "00:00", timezone: UTC"#;
    held_back(
        &format!("mode: heal\n  windows: [{{ {all_day}, days: [{weekday}] }}]"),
        next,
        &format!("the next begins at {next}T00:00:00Z"),
        &format!("mode: heal\n  windows: [{{ {all_day} }}]"),
    );
}

#[test]
fn in_a_freeze_nothing_is_applied_and_after_it_it_is() {
    let freeze = |from: Date, to: Date| {
        format!("mode: heal\n  freezes: [{{ from: {from}, to: {to}, reason: a big sale }}]")
    };
    // Its last day belongs to it.
    let over = day(4);
    held_back(
        &freeze(day(-2), day(3)),
        over,
        &format!("nothing is applied until {over}T00:00:00Z: a big sale"),
        &freeze(day(-9), day(-2)),
    );
}

#[test]
fn of_repairs_that_begin_at_once_the_fleets_limit_lets_no_more_pass() {
    let policy = "mode: heal\n  limits: { fleet: { applies: 1, within: 1h } }";
    let settings = settings(policy, "ann");
    let Some(scene) = Scene::start(&settings.replace(&format!("match: {ID}"), "match: infra/*"))
    else {
        return;
    };
    let ids = ["infra/one", "infra/two", "infra/three"];
    for id in ids {
        let dir = id.trim_start_matches("infra/");
        let code = code("one").replace(BUCKET, &format!("{BUCKET}-{dir}"));
        let backend = &scene.repository;
        backend.write_stack(dir, &code);
        let provider = std::fs::read_to_string("examples/demo/estate/live/storage/provider.tf");
        backend.write(&format!("{dir}/providers.tf"), &provider.unwrap());
        scene
            .lab
            .apply(&backend.work.join(dir), &[("TF_VAR_owner", "ann")]);
    }
    scene.repository.push("Three more");
    for id in ids {
        scene.daemon.wait_for_verdict(id, "in_sync");
        scene.daemon.settled(id);
    }
    for id in ids {
        let bucket = id.replace("infra/", &format!("{BUCKET}-"));
        scene
            .lab
            .by_hand(&["retag-bucket", &bucket, "Owner", "hacked"]);
    }
    assert!(ids.iter().all(|id| scene.daemon.ask_for_plan(id)));
    for id in ids {
        scene.daemon.eventually("it was decided", || {
            let stack = scene.daemon.stack(id);
            let runs = scene.daemon.runs(id);
            let repaired = runs.iter().any(|run| run["outcome"]["kind"] == "repaired");
            let waits = stack["decision"]["reasons"]
                .to_string()
                .contains("applies within");
            (repaired || waits).then_some(())
        });
    }
    let log = scene.daemon.get("audit?after=0");
    let entries = log["entries"].as_array().unwrap();
    let begun = entries.iter().filter(|e| e["action"] == "apply_started");
    assert_eq!(begun.count(), 1, "{}", scene.daemon.log());
}

#[test]
fn drift_that_comes_back_after_its_repair_is_asked_about_with_who_else_may_write_it() {
    let Some(scene) = Scene::start(&settings("mode: heal", "ann")) else {
        return;
    };
    scene.retag("Owner");
    assert_eq!(scene.daemon.planned(ID)["verdict"], "in_sync");
    assert!(!scene.has("hacked"));
    assert_eq!(scene.applies(), 1);

    scene.retag("Owner");
    let why = "contested: aws_s3_bucket.uploads: tags.Owner came back after being repaired, something \
               else writes it too; often that is a tag policy, AWS Config or another tool";
    for _ in 0..2 {
        decided(&scene.daemon.planned(ID), "ask", why);
    }
    assert!(scene.has("hacked"));
    assert_eq!(scene.applies(), 1);
    scene.mailed(&["tags.Owner came back", "often that is a tag policy"]);

    // What else drifts is not repaired over its head.
    scene.retag("Tier");
    decided(&scene.daemon.planned(ID), "ask", why);
    assert_eq!(scene.applies(), 1);

    let id = waiting(&scene.daemon)[0]["short"]
        .as_str()
        .unwrap()
        .to_owned();
    scene.daemon.cli(&["approve", &id, "--by", "ann"]);
    scene.daemon.wait_for_verdict(ID, "in_sync");
    scene.daemon.settled(ID);
    assert!(!scene.has("hacked"));
    assert_eq!(scene.applies(), 2);
    assert!(scene.daemon.stop().success());
}
