//! What the plan file says by itself, against what `show` says, in every situation of the lab.

use mooring::domain::classify::classify;
use mooring::domain::digest::DigestKey;
use mooring::domain::finding::{Findings, Origin, PlanExit, Verdict};
use mooring::domain::history::History;
use mooring::domain::rules::Rules;
use mooring::plan_json::Reader;
use mooring::reconcile::look::{Lens, Sighting, look};
use mooring::terraform::Refreshed;

use crate::harness::Lab;

use super::*;

const KEY: DigestKey = DigestKey::new([7; 32]);

const ESTATE: &str = r#"
variable "password" {
  default   = "correct-horse-battery-staple"
  sensitive = true
}
resource "aws_s3_bucket" "uploads" {
  bucket = "uploads"
  tags   = { Environment = "prod" }
}
resource "aws_security_group" "bastion" {
  name        = "bastion"
  description = "No rules of its own"
}
resource "aws_ssm_parameter" "ignored" {
  name  = "/ignored"
  type  = "String"
  value = "one"
  lifecycle { ignore_changes = [value] }
}
resource "aws_ssm_parameter" "password" {
  name  = "/password"
  type  = "SecureString"
  value = var.password
  lifecycle { ignore_changes = [value] }
}
resource "aws_iam_role" "web" {
  name               = "web"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}
resource "aws_iam_role_policy" "logs" {
  name   = "logs"
  role   = aws_iam_role.web.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "logs:PutLogEvents", Resource = "*" }]
  })
}
"#;
const QUEUE: &str = "resource \"aws_sqs_queue\" \"jobs\" {\n  name = \"jobs\"\n}\n";
const MOVED: &str = "resource \"aws_sqs_queue\" \"work\" {\n  name = \"jobs\"\n}\n\
    moved {\n  from = aws_sqs_queue.jobs\n  to   = aws_sqs_queue.work\n}\n";
const OUTPUT: &str = "output \"bucket\" {\n  value = aws_s3_bucket.uploads.id\n}\n";
const CHECK: &str = "check \"never\" {\n  assert {\n    condition     = length(aws_s3_bucket.uploads.id) > 100\n    \
    error_message = \"it is short\"\n  }\n}\n";

/// A stack in the lab, and a Terraform that notes what it is asked to do.
struct Stack<'a> {
    bench: Bench,
    lab: &'a Lab,
    workdir: Workdir,
}

impl<'a> Stack<'a> {
    async fn applied(lab: &'a Lab, main: &str) -> Self {
        let bench = Bench::new(main);
        let provider = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples/demo/estate/live/storage/provider.tf");
        std::fs::copy(provider, bench.dir().join("provider.tf")).unwrap();
        lab.apply(&bench.dir(), &[]);
        let mut workdir = bench.workdir(&noting_engine(&bench)).await;
        for (name, value) in lab.environment() {
            workdir.env.set(&name, &value);
        }
        Self {
            bench,
            lab,
            workdir,
        }
    }

    /// Makes a plan and compares what its file says with what `show` does: they agree on whether
    /// there is anything to see. Gives exit code, whether there is, and what.
    async fn planned(&self) -> (PlanExit, bool, Findings) {
        let planned = self.workdir.plan(&self.bench.cancel).await.unwrap();
        assert_eq!(planned.failure, None);
        let file = planned.file.unwrap();
        let json = shown(&self.workdir, &file, &self.bench.cancel).await;
        let reading = Reader::new(&KEY).read(&json.unwrap()).unwrap();
        let findings = classify(&reading.plan, &Rules::default());
        let something = planned.exit != PlanExit::NoChanges
            || !findings.resources.is_empty()
            || !findings.outputs.is_empty()
            || !findings.checks.is_empty();
        let refreshed = file.refreshed();
        let expected = matches!(
            (something, refreshed),
            (false, Refreshed::Same) | (true, Refreshed::Differs(_))
        );
        assert!(expected, "{refreshed:?}, but {findings:#?}");
        (planned.exit, something, findings)
    }

    async fn quiet(&self, situation: &str) {
        let seen = self.planned().await;
        assert!(
            matches!(seen, (PlanExit::NoChanges, false, _)),
            "{situation}: {seen:#?}"
        );
    }

    /// Exit code 0, and yet something moved or failed.
    async fn unenforced(&self, situation: &str) {
        let seen = self.planned().await;
        assert!(
            matches!(seen, (PlanExit::NoChanges, true, _)),
            "{situation}: {seen:#?}"
        );
        let resources = &seen.2.resources;
        assert!(
            resources.iter().all(|f| f.origin == Origin::Unenforced),
            "{seen:#?}"
        );
    }

    async fn changes(&self, situation: &str) {
        let seen = self.planned().await;
        assert!(
            matches!(seen, (PlanExit::Changes, true, _)),
            "{situation}: {seen:#?}"
        );
    }

    fn write(&self, main: &[&str]) {
        self.bench.write("main.tf", &main.concat());
    }

    fn apply(&self) {
        self.lab.apply(&self.bench.dir(), &[]);
    }
}

/// A look, and the commands that it took.
async fn looked(bench: &Bench, workdir: &Workdir, always_show: bool) -> (Sighting, Vec<String>) {
    std::fs::write(bench.path("asked"), "").unwrap();
    let lens = Lens {
        workdir,
        init: false,
        key: &KEY,
        rules: &Rules::default(),
        ledger: Vec::new(),
        history: History::default(),
        schemas: &bench.path("schemas"),
        local_state: true,
        always_show,
        now: jiff::Timestamp::UNIX_EPOCH,
        cancel: &bench.cancel,
    };
    let seen = look(lens).await.unwrap();
    let asked = std::fs::read_to_string(bench.path("asked")).unwrap();
    (seen, asked.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn the_plan_file_and_show_agree_in_every_situation() {
    let Some(lab) = Lab::start("the_plan_file_and_show_agree_in_every_situation") else {
        return;
    };
    let stack = Stack::applied(&lab, &[ESTATE, QUEUE].concat()).await;
    // Tags become {} and an inline policy shows: what an apply has just made always looks anew.
    stack.quiet("just applied").await;
    stack.apply();
    stack.quiet("applied again").await;

    lab.by_hand(&["set-parameter", "/ignored", "two"]);
    stack.unenforced("an ignored attribute").await;
    lab.by_hand(&["rotate-secret", "/password", "purple-monkey-dishwasher"]);
    stack.unenforced("an ignored secret").await;
    stack.apply();
    stack.quiet("both are in the state").await;

    lab.by_hand(&["open-port", "bastion", "22"]);
    stack.unenforced("a port that nobody manages").await;
    let (bench, workdir) = (&stack.bench, &stack.workdir);
    let (seen, asked) = looked(bench, workdir, false).await;
    assert_eq!(asked, ["plan", "show", "state"]);
    assert_eq!(seen.verdict, Verdict::InSync);
    assert_eq!(seen.findings.resources.len(), 1);
    assert_eq!(seen.ledger.len(), 1);
    lab.by_hand(&["close-port", "bastion", "22"]);
    stack.quiet("it is closed again").await;
    let (seen, asked) = looked(bench, workdir, false).await;
    assert_eq!(
        (seen.verdict, asked),
        (Verdict::InSync, vec!["plan".into()])
    );

    lab.by_hand(&["retag-bucket", "uploads", "Environment", "hacked"]);
    stack.changes("an attribute that drifted").await;
    let caught_up = ESTATE.replace("\"prod\"", "\"hacked\"");
    stack.write(&[&caught_up, QUEUE]);
    stack
        .unenforced("what drifted is what is wanted by now")
        .await;
    stack.apply();

    stack.write(&[ESTATE, QUEUE]);
    stack.changes("code that waits").await;
    stack.write(&[&caught_up, QUEUE, OUTPUT]);
    stack.changes("an output that waits").await;
    stack.write(&[&caught_up, MOVED]);
    stack
        .changes("an object that is to be called something else")
        .await;
    stack.write(&[&caught_up, QUEUE, CHECK]);
    stack.unenforced("a check that fails").await;

    lab.by_hand(&["delete-queue", "jobs"]);
    stack.write(&[&caught_up, QUEUE]);
    stack.changes("an object deleted by hand").await;
    stack.write(&[&caught_up]);
    stack
        .unenforced("deleted by hand, and no longer wanted")
        .await;
}

#[tokio::test]
async fn a_stack_in_sync_is_not_shown_and_looks_as_if_it_were() {
    let bench = Bench::new("resource \"terraform_data\" \"a\" {\n  input = \"x\"\n}\n");
    let workdir = bench.workdir(&noting_engine(&bench)).await;
    let apply = Command::new("terraform")
        .args(["apply", "-auto-approve"])
        .current_dir(bench.dir())
        .env("TF_CLI_CONFIG_FILE", bench.path("cli.tfrc"))
        .output()
        .unwrap();
    assert!(apply.status.success());

    let (unshown, asked) = looked(&bench, &workdir, false).await;
    assert_eq!(asked, ["plan"]);
    let (shown, asked) = looked(&bench, &workdir, true).await;
    assert_eq!(asked, ["plan", "show", "state"]);
    assert_eq!(
        (unshown.verdict, shown.verdict),
        (Verdict::InSync, Verdict::InSync)
    );
    assert_eq!((unshown.failure, shown.failure), (None, None));
    assert!(unshown.digest.is_some() && unshown.digest == shown.digest);
    assert!(unshown.terraform_version.is_some());
    assert_eq!(unshown.terraform_version, shown.terraform_version);
    assert_eq!(unshown.findings, shown.findings);
    assert_eq!((unshown.ledger, shown.ledger), (vec![], vec![]));
    let (unshown, shown) = (unshown.plan.unwrap(), shown.plan.unwrap());
    assert!(unshown.state.is_some() && unshown.state == shown.state);
}

#[tokio::test]
async fn the_schemas_of_the_providers_are_told_and_kept() {
    let bench = Bench::new("resource \"terraform_data\" \"a\" {}\n");
    let workdir = bench.workdir(&noting_engine(&bench)).await;
    workdir.init(&bench.cancel).await.unwrap();
    let cache = bench.path("cache");
    let get = || mooring::reconcile::schemas::schemas(&workdir, &cache, &bench.cancel);
    std::fs::write(bench.path("asked"), "").unwrap();
    let first = get().await.unwrap();
    let schemas: serde_json::Value = serde_json::from_slice(&first).unwrap();
    assert_eq!(schemas["format_version"], "1.0");
    bench.write(".terraform.lock.hcl", "# one\n");
    assert_eq!(get().await.unwrap(), first);
    assert_eq!(get().await.unwrap(), first);
    bench.write(".terraform.lock.hcl", "# two\n");
    assert_eq!(get().await.unwrap(), first);
    let asked = std::fs::read_to_string(bench.path("asked")).unwrap();
    let asked = asked.lines().filter(|command| *command == "providers");
    assert_eq!(asked.count(), 3);
}
