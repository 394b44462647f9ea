//! With real Terraform, a real provider and a real backend.

use std::time::Duration;

use rustix::process::Signal;

use super::replica::Replica;
use crate::harness::{Daemon, Lab, PATIENCE, Postgres, Repository, eventually};

const STACKS: [&str; 2] = ["a", "b"];
const POLICY: &str = "policy:
  mode: heal
  confirm_after: 1s
  contested: { times: 9, within: 1h }
  safe: [{ type: aws_s3_bucket, attributes: [tags] }]
";
/// Until a replica that is gone is taken for lost, and what it left has been looked at.
const LOST: Duration = Duration::from_secs(240);

/// Longer than what is written waits for the database.
const OUTAGE: Duration = Duration::from_secs(50);

/// Two replicas that each have one of two stacks, and a bucket in each.
struct Scene {
    server: Postgres,
    lab: Lab,
    repository: Repository,
    first: Replica,
    second: Replica,
    commits: usize,
}

fn code(stack: &str, commit: usize) -> String {
    format!(
        "# {commit}\nresource \"aws_s3_bucket\" \"it\" {{\n  bucket = \"broken-{stack}\"\n  \
         tags   = {{ Tier = \"one\" }}\n}}\n"
    )
}

impl Scene {
    fn start(test: &str) -> Option<Self> {
        let server = Postgres::start(test)?;
        let lab = Lab::start(test)?;
        let repository = Repository::create(&lab, "infra");
        repository.write(".gitignore", ".terraform*\n");
        let provider = std::fs::read_to_string("examples/demo/estate/live/storage/provider.tf");
        let provider = provider.unwrap();
        for stack in STACKS {
            repository.write_stack(stack, &code(stack, 0));
            repository.write(&format!("{stack}/providers.tf"), &provider);
            lab.apply(&repository.work.join(stack), &[]);
        }
        repository.push("First");
        std::fs::write(lab.path().join("url"), server.database("m")).unwrap();
        std::fs::write(lab.path().join("api-token"), "a-token-for-the-tests").unwrap();
        std::fs::write(lab.path().join("key"), [7; 32]).unwrap();
        let store = format!(
            "store: {{ postgres_url_file: {lab}/url }}\ninstallation_key_file: {lab}/key\n",
            lab = lab.path().display()
        );
        let configuration = Daemon::configuration(&lab, &repository, &format!("{store}{POLICY}"));
        // All have the same configuration, and each its own place and port, and room for one run.
        let own: Vec<&str> = configuration
            .lines()
            .map(|line| match line.split(':').next() {
                Some("data_dir") => "data_dir: data",
                Some("jobs") => "jobs: 1",
                Some("api") => "api: { listen: \"127.0.0.1:0\", token_file: ../api-token }",
                _ => line,
            })
            .collect();
        let configuration = own.join("\n");
        let start = |name| Replica::start(&lab.path().join(name), &configuration, &[]);
        let first = start("first");
        eventually("the first leads", PATIENCE, || first.leads().then_some(()));
        let second = start("second");
        let scene = Self {
            first,
            second,
            server,
            lab,
            repository,
            commits: 0,
        };
        scene.wait(
            "both are looked at",
            "stacks WHERE record::json->'last'->>'verdict' = 'in_sync'",
            2,
        );
        Some(scene)
    }

    fn wait(&self, what: &str, from: &str, count: usize) {
        let query = format!("SELECT COUNT(*) FROM {from}");
        eventually(what, LOST, || {
            (self.server.sql("m", &query) == count.to_string()).then_some(())
        });
    }

    /// Both drift, and the repair of each hangs in the middle, one with each replica.
    fn hang_in_repairs(&mut self) {
        self.commits += 1;
        for stack in STACKS {
            let bucket = format!("broken-{stack}");
            self.lab
                .by_hand(&["retag-bucket", &bucket, "Tier", "hacked"]);
            self.repository
                .write(&format!("{stack}/main.tf"), &code(stack, self.commits));
        }
        self.lab.fault("aws-hang-tagging");
        self.repository.push("Another look");
        let with_whom =
            "(SELECT DISTINCT lease::json->>'home' FROM runs WHERE state = 'applying') AS them";
        self.wait("each repairs one", with_whom, 2);
        eventually("Terraform changes both tags", PATIENCE, || {
            let files = walkdir::WalkDir::new(self.lab.path()).into_iter();
            let logs = files.filter_map(Result::ok).filter(|file| {
                let is_log = file.path().extension().is_some_and(|end| end == "log");
                let is_apply = file
                    .path()
                    .components()
                    .any(|part| part.as_os_str() == "scratch");
                is_log && is_apply
            });
            let began = logs.filter(|log| {
                let said = std::fs::read_to_string(log.path()).unwrap_or_default();
                said.contains("\"apply_start\"")
            });
            (began.count() == 2).then_some(())
        });
    }
}

#[test]
fn applies_outlive_a_restart_of_the_database_and_that_of_a_replica_that_is_killed_is_held() {
    let Some(mut scene) = Scene::start("replicas::real") else {
        return;
    };
    scene.hang_in_repairs();
    // The applies end while it is away, and for longer than a write waits for it.
    scene.server.stop();
    scene.lab.clear("aws-hang-tagging");
    std::thread::sleep(OUTAGE);
    scene.server.run();
    scene.wait(
        "both are repaired",
        "runs WHERE outcome LIKE '%repaired%'",
        2,
    );
    scene.wait(
        "nothing is under way",
        "runs WHERE state NOT IN ('finished', 'interrupted')",
        0,
    );
    scene.wait("nothing is handed out", "handed", 0);
    scene.wait(
        "nothing is held",
        "stacks WHERE record::json->>'held' IS NOT NULL",
        0,
    );
    assert!(scene.first.ended().is_none() && scene.second.ended().is_none());

    scene.hang_in_repairs();
    scene.second.signal(Signal::KILL);
    eventually("it is dead", PATIENCE, || scene.second.ended());
    scene.lab.clear("aws-hang-tagging");
    scene.wait(
        "the other one is repaired",
        "runs WHERE outcome LIKE '%repaired%'",
        3,
    );
    scene.wait(
        "its run is interrupted",
        "runs WHERE state = 'interrupted'",
        1,
    );
    scene.wait(
        "its stack is held",
        "stacks WHERE record::json->>'held' IS NOT NULL",
        1,
    );
    scene.wait("nothing is handed out", "handed", 0);
    eventually("people are told", PATIENCE, || {
        let told = scene.lab.posts_with(&["/slack/", ": repairs are on hold"]);
        (!told.is_empty()).then_some(())
    });
    assert!(scene.first.ended().is_none());
}
