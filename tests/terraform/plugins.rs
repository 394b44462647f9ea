//! One provider for many stacks, with a real Terraform that unpacks it.

use std::io::Write;
use std::os::unix::fs::MetadataExt;

use mooring::domain::digest::DigestKey;
use mooring::domain::failure::FailureKind;
use mooring::domain::finding::{PlanExit, Verdict};
use mooring::domain::history::History;
use mooring::domain::rules::Rules;
use mooring::reconcile::look::{Lens, Sighting, look};
use mooring::terraform::{Plugins, sweep};
use tokio::task::JoinSet;

use crate::harness::skipped;

use super::*;

const HOST: &str = "registry.terraform.io";
const USES_NULL: &str = "resource \"null_resource\" \"a\" {}\n";

/// A mirror of packed providers, and the providers that stacks share.
struct Fleet {
    root: tempfile::TempDir,
}

impl Fleet {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("mirror")).unwrap();
        Self { root }
    }

    /// With `null` in these versions: init starts no provider, so anything can be one.
    fn with_null(versions: &[&str]) -> Self {
        let fleet = Self::new();
        for version in versions {
            let program = vec![version.len() as u8; 3 << 20];
            let name = format!("terraform-provider-null_v{version}");
            fleet.pack("null", version, &[(&name, &program), ("LICENSE", b"free")]);
        }
        fleet
    }

    fn archive(&self, kind: &str, version: &str) -> PathBuf {
        let name = format!("terraform-provider-{kind}_{version}_linux_amd64.zip");
        let dir = self.root.path().join("mirror").join(HOST);
        dir.join("hashicorp").join(kind).join(name)
    }

    fn pack(&self, kind: &str, version: &str, files: &[(&str, &[u8])]) {
        let path = self.archive(kind, version);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut archive = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .unix_permissions(0o755);
        for (name, bytes) in files {
            archive.start_file(*name, options).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap();
    }

    fn plugins(&self) -> Plugins {
        Plugins::new(self.shared())
    }

    fn shared(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("plugins")
    }

    fn entry(&self, version: &str) -> PathBuf {
        let place = format!("{HOST}/hashicorp/null/{version}/linux_amd64");
        self.shared().join(place)
    }

    async fn stack(&self, main: &str, program: &str) -> (Bench, Workdir) {
        let bench = Bench::new(main);
        let mirror = self.root.path().join("mirror");
        let config = format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n",
            mirror.display()
        );
        std::fs::write(bench.path("cli.tfrc"), config).unwrap();
        let mut workdir = bench.workdir(program).await;
        workdir.plugins = Some(self.plugins());
        (bench, workdir)
    }

    async fn initialised(&self, main: &str) -> (Bench, Workdir) {
        let (bench, workdir) = self.stack(main, "terraform").await;
        workdir.init(&bench.cancel).await.unwrap();
        (bench, workdir)
    }
}

fn in_version(version: &str) -> String {
    format!(
        "terraform {{\n  required_providers {{\n    null = {{ version = \"{version}\" }}\n  }}\n}}\n\
         {USES_NULL}"
    )
}

/// The stack's own link to, or copy of, the provider.
fn own(bench: &Bench, version: &str) -> PathBuf {
    let place = format!(".terraform/providers/{HOST}/hashicorp/null/{version}/linux_amd64");
    bench.dir().join(place)
}

fn leads_to(bench: &Bench, version: &str) -> Option<PathBuf> {
    std::fs::read_link(own(bench, version)).ok()
}

fn lock(bench: &Bench, version: &str, hashes: &[&str]) {
    let hashes: String = hashes.iter().map(|h| format!("    \"{h}\",\n")).collect();
    let text = format!(
        "provider \"{HOST}/hashicorp/null\" {{\n  version = \"{version}\"\n  hashes = [\n{hashes}  ]\n}}\n"
    );
    bench.write(".terraform.lock.hcl", &text);
}

/// The first hash in the lock file.
fn locked_hash(bench: &Bench) -> String {
    let text = std::fs::read_to_string(bench.dir().join(".terraform.lock.hcl")).unwrap();
    let start = text.find("h1:").unwrap();
    text[start..].split('"').next().unwrap().to_owned()
}

fn views(bench: &Bench) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(bench.path("scratch")).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect()
}

fn inode(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}

async fn looked(bench: &Bench, workdir: &Workdir) -> Sighting {
    let lens = Lens {
        workdir,
        init: true,
        key: &DigestKey::new([7; 32]),
        rules: &Rules::default(),
        ledger: Vec::new(),
        history: History::default(),
        schemas: &bench.path("schemas"),
        local_state: true,
        always_show: false,
        now: jiff::Timestamp::UNIX_EPOCH,
        cancel: &bench.cancel,
    };
    look(lens).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stacks_initialised_at_once_share_one_provider() {
    let fleet = Fleet::with_null(&["3.2.1", "3.2.2"]);
    let mut inits = JoinSet::new();
    for _ in 0..8 {
        let (bench, workdir) = fleet.stack(USES_NULL, "terraform").await;
        inits.spawn(async move { (workdir.init(&bench.cancel).await, bench, workdir) });
    }
    let program = fleet.entry("3.2.2").join("terraform-provider-null_v3.2.2");
    let ended = inits.join_all().await;
    for (done, bench, workdir) in &ended {
        assert_eq!(done, &Ok(()));
        assert_eq!(leads_to(bench, "3.2.2"), Some(fleet.entry("3.2.2")));
        let link = own(bench, "3.2.2").join("terraform-provider-null_v3.2.2");
        assert_eq!(inode(&link), inode(&program));
        assert_eq!(views(bench), Vec::<PathBuf>::new());
        assert!(!workdir.needs_init());
        assert_eq!(locked_hash(bench), locked_hash(&ended[0].1));
    }
    assert!(!fleet.entry("3.2.1").exists());

    // From now on nothing has to be unpacked, with a lock file or without one.
    let before = inode(&program);
    std::fs::write(fleet.archive("null", "3.2.2"), "no archive").unwrap();
    let (bench, _) = fleet.initialised(USES_NULL).await;
    assert_eq!(leads_to(&bench, "3.2.2"), Some(fleet.entry("3.2.2")));
    let (other, workdir) = fleet.stack(USES_NULL, "terraform").await;
    lock(&other, "3.2.2", &[&locked_hash(&bench)]);
    workdir.init(&other.cancel).await.unwrap();
    assert_eq!(leads_to(&other, "3.2.2"), Some(fleet.entry("3.2.2")));
    assert_eq!(inode(&program), before);
}

#[tokio::test]
async fn a_lock_file_means_what_it_says() {
    let fleet = Fleet::with_null(&["3.2.1", "3.2.2"]);
    let (first, _) = fleet.initialised(USES_NULL).await;
    let program = fleet.entry("3.2.2").join("terraform-provider-null_v3.2.2");
    let before = std::fs::metadata(&program).unwrap();

    let zeros = "0".repeat(64);
    for wrong in [
        "h1:AAAAwzQMDzL/NTESQMV5NvLGmsX3QYxUxtt35p2hV2E=",
        &format!("zh:{zeros}"),
    ] {
        let (bench, workdir) = fleet.stack(USES_NULL, "terraform").await;
        lock(&bench, "3.2.2", &[wrong]);
        let failure = workdir.init(&bench.cancel).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::ProviderMissing, "{failure}");
        assert!(failure.message.contains("checksums"), "{failure}");
        assert_eq!(leads_to(&bench, "3.2.2"), None);
        assert!(workdir.needs_init());
        assert_eq!(views(&bench), Vec::<PathBuf>::new());
    }

    // With hashes of archives alone Terraform needs the archive, and it comes to the same.
    let archive = std::fs::read(fleet.archive("null", "3.2.2")).unwrap();
    let (bench, workdir) = fleet.stack(USES_NULL, "terraform").await;
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(archive));
    lock(&bench, "3.2.2", &[&format!("zh:{hash}")]);
    workdir.init(&bench.cancel).await.unwrap();
    assert_eq!(leads_to(&bench, "3.2.2"), Some(fleet.entry("3.2.2")));
    assert_eq!(locked_hash(&bench), locked_hash(&first));

    // A version that is locked is taken, whatever is shared.
    let (bench, workdir) = fleet.stack(USES_NULL, "terraform").await;
    let other = fleet.initialised(&in_version("3.2.1")).await;
    lock(&bench, "3.2.1", &[&locked_hash(&other.0)]);
    workdir.init(&bench.cancel).await.unwrap();
    assert_eq!(leads_to(&bench, "3.2.1"), Some(fleet.entry("3.2.1")));

    let after = std::fs::metadata(&program).unwrap();
    assert_eq!(
        (after.ino(), after.mtime_nsec()),
        (before.ino(), before.mtime_nsec())
    );
}

#[tokio::test]
async fn another_build_of_the_same_version_stays_the_stacks_own() {
    let fleet = Fleet::with_null(&["3.2.2"]);
    let (first, _) = fleet.initialised(USES_NULL).await;
    let name = "terraform-provider-null_v3.2.2";
    fleet.pack("null", "3.2.2", &[(name, b"another")]);
    let (bench, workdir) = fleet.stack(USES_NULL, "terraform").await;
    let archive = std::fs::read(fleet.archive("null", "3.2.2")).unwrap();
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(archive));
    lock(&bench, "3.2.2", &[&format!("zh:{hash}")]);
    workdir.init(&bench.cancel).await.unwrap();
    assert!(own(&bench, "3.2.2").is_dir() && !own(&bench, "3.2.2").is_symlink());
    assert_eq!(
        std::fs::read(own(&bench, "3.2.2").join(name)).unwrap(),
        b"another"
    );
    assert_ne!(locked_hash(&bench), locked_hash(&first));
    assert_eq!(
        std::fs::metadata(fleet.entry("3.2.2").join(name))
            .unwrap()
            .len(),
        3 << 20
    );
    assert!(!workdir.needs_init());
}

#[tokio::test]
async fn an_init_that_is_killed_leaves_nothing_partial() {
    let fleet = Fleet::with_null(&["3.2.2"]);
    let (bench, mut workdir) = fleet.stack(USES_NULL, "terraform").await;
    let terraform = workdir.engine.program.clone();
    let script = format!(
        "#!/bin/sh\ndir=$TF_PLUGIN_CACHE_DIR/{HOST}/hashicorp/null/3.2.2/linux_amd64\n\
         mkdir -p $dir && echo half > $dir/terraform-provider-null_v3.2.2\n\
         touch {}\nexec sleep 1000\n",
        bench.path("started").display()
    );
    std::fs::write(bench.path("engine"), script).unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(bench.path("engine"), mode).unwrap();
    workdir.engine.program = bench.path("engine");

    let killing = async {
        eventually("init is under way", || bench.path("started").exists()).await;
        // Whatever it may be about to use stays.
        std::fs::create_dir_all(fleet.entry("3.2.2")).unwrap();
        assert_eq!(fleet.plugins().prune(Duration::ZERO).unwrap(), 0);
    };
    tokio::select! {
        _ = workdir.init(&bench.cancel) => panic!("it hangs"),
        () = killing => {}
    }
    assert_eq!(views(&bench), Vec::<PathBuf>::new());
    assert_eq!(fleet.plugins().prune(Duration::ZERO).unwrap(), 1);
    assert!(!fleet.entry("3.2.2").exists() && workdir.needs_init());

    workdir.engine.program = terraform;
    workdir.init(&bench.cancel).await.unwrap();
    assert_eq!(leads_to(&bench, "3.2.2"), Some(fleet.entry("3.2.2")));
}

#[tokio::test]
async fn dying_between_the_move_and_the_link_is_made_good() {
    let fleet = Fleet::with_null(&["3.2.2"]);
    let (bench, workdir) = fleet.initialised(USES_NULL).await;
    let entry = fleet.entry("3.2.2");
    let link = own(&bench, "3.2.2");
    let label = entry.with_file_name("linux_amd64.json");

    // The entry is there without its label, the stack's link leads into the view, which has gone with
    // the entry or leads to it by now.
    for goal in [None, Some(&entry)] {
        let view = bench.path("scratch/dead.mooring-plugins");
        let inside = view.join(format!("{HOST}/hashicorp/null/3.2.2/linux_amd64"));
        std::fs::create_dir_all(inside.parent().unwrap()).unwrap();
        if let Some(goal) = goal {
            std::os::unix::fs::symlink(goal, &inside).unwrap();
        }
        std::fs::remove_file(&label).unwrap();
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&inside, &link).unwrap();
        assert_eq!(sweep(&bench.path("scratch")).unwrap(), 1);
        assert!(workdir.needs_init() && entry.exists());
        workdir.init(&bench.cancel).await.unwrap();
        assert_eq!(leads_to(&bench, "3.2.2"), Some(entry.clone()));
        assert!(label.exists() && !workdir.needs_init());
    }
}

#[tokio::test]
async fn what_was_written_to_after_it_was_checked_is_used_no_more() {
    let fleet = Fleet::with_null(&["3.2.2"]);
    let (first, _) = fleet.initialised(USES_NULL).await;
    let program = fleet.entry("3.2.2").join("terraform-provider-null_v3.2.2");
    assert_eq!(mode(&program) & 0o222, 0);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(&program, "something else").unwrap();

    let (second, _) = fleet.initialised(USES_NULL).await;
    assert_eq!(locked_hash(&second), locked_hash(&first));
    assert_eq!(std::fs::metadata(&program).unwrap().len(), 3 << 20);
    assert_eq!(leads_to(&second, "3.2.2"), Some(fleet.entry("3.2.2")));
}

#[tokio::test]
async fn only_what_no_stack_uses_is_removed_and_whoever_needs_it_initialises_again() {
    let fleet = Fleet::with_null(&["3.2.1", "3.2.2"]);
    let (old, _) = fleet.initialised(&in_version("3.2.1")).await;
    let (new, workdir) = fleet.initialised(&in_version("3.2.2")).await;
    assert_eq!(fleet.plugins().prune(Duration::ZERO).unwrap(), 0);

    std::fs::remove_dir_all(old.dir()).unwrap();
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(fleet.plugins().prune(day).unwrap(), 0);
    assert_eq!(fleet.plugins().prune(Duration::ZERO).unwrap(), 1);
    assert!(!fleet.entry("3.2.1").exists() && fleet.entry("3.2.2").exists());
    let left = std::fs::read_dir(fleet.shared()).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort_unstable();
    assert_eq!(left, [".lock", ".users", HOST]);

    std::fs::remove_dir_all(fleet.shared()).unwrap();
    assert!(workdir.needs_init());
    workdir.init(&new.cancel).await.unwrap();
    assert_eq!(leads_to(&new, "3.2.2"), Some(fleet.entry("3.2.2")));
    // A stack that moves on lets go of what it used.
    new.write("main.tf", &in_version("3.2.1"));
    std::fs::remove_file(new.dir().join(".terraform.lock.hcl")).unwrap();
    workdir.init(&new.cancel).await.unwrap();
    assert_eq!(leads_to(&new, "3.2.2"), None);
    assert_eq!(fleet.plugins().prune(Duration::ZERO).unwrap(), 1);
    assert!(fleet.entry("3.2.1").exists());
}

#[tokio::test]
async fn an_unpacked_mirror_and_a_cache_of_ones_own_are_left_as_they_are() {
    let fleet = Fleet::with_null(&["3.2.2"]);
    let unpacked = fleet
        .archive("null", "3.2.2")
        .with_file_name("3.2.2")
        .join("linux_amd64");
    std::fs::create_dir_all(&unpacked).unwrap();
    std::fs::remove_file(fleet.archive("null", "3.2.2")).unwrap();
    std::fs::write(unpacked.join("terraform-provider-null_v3.2.2"), "x").unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(unpacked.join("terraform-provider-null_v3.2.2"), mode).unwrap();
    let (bench, workdir) = fleet.initialised(USES_NULL).await;
    assert_eq!(leads_to(&bench, "3.2.2"), Some(unpacked));
    assert!(!fleet.entry("3.2.2").exists() && !workdir.needs_init());

    let (bench, mut workdir) = fleet.stack(USES_NULL, "terraform").await;
    let cache = bench.path("cache");
    std::fs::create_dir(&cache).unwrap();
    workdir
        .env
        .set("TF_PLUGIN_CACHE_DIR", cache.to_str().unwrap());
    workdir.init(&bench.cancel).await.unwrap();
    assert!(leads_to(&bench, "3.2.2").unwrap().starts_with(&cache));
}

#[tokio::test]
async fn a_real_provider_is_shared_and_one_that_is_gone_is_fetched_in_the_same_look() {
    let test = "a_real_provider_is_shared_and_one_that_is_gone_is_fetched_in_the_same_look";
    let Some(lab) = std::env::var_os("MOORING_LAB").map(PathBuf::from) else {
        return skipped(test, "MOORING_LAB is not set; run tests/run.sh");
    };
    let unpacked = lab
        .join("mirror")
        .join(HOST)
        .join("hashicorp/aws/3.39.0/linux_amd64");
    let name = "terraform-provider-aws_v3.39.0_x5";
    // The real one, but small enough for tests that are not optimised to hash.
    let program = format!(
        "#!/bin/sh\nexec '{}' \"$@\"\n",
        unpacked.join(name).display()
    );
    let fleet = Fleet::new();
    fleet.pack("aws", "3.39.0", &[(name, program.as_bytes())]);
    let main = r#"
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_get_ec2_platforms      = true
  skip_region_validation      = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
resource "aws_sqs_queue" "jobs" {
  name = "jobs"
}
"#;
    let (bench, mut workdir) = fleet.stack(main, "terraform").await;
    let (program, asked) = (noting_engine(&bench), bench.path("asked"));
    workdir.engine.program = program.into();
    let asked = || {
        let text = std::fs::read_to_string(&asked).unwrap();
        std::fs::write(&asked, "").unwrap();
        text.replace('\n', " ")
    };
    assert_eq!(looked(&bench, &workdir).await.verdict, Verdict::Pending);
    assert_eq!(asked(), "init plan show state ");
    assert_eq!(looked(&bench, &workdir).await.verdict, Verdict::Pending);
    assert_eq!(asked(), "plan show state ");

    let place = format!("{HOST}/hashicorp/aws/3.39.0/linux_amd64");
    let link = bench.dir().join(".terraform/providers").join(&place);
    let entry = fleet.shared().join(&place);
    assert_eq!(std::fs::read_link(&link).unwrap(), entry);
    // A link that leads nowhere is noticed before; what is not there at all only by the plan.
    std::fs::remove_file(&link).unwrap();
    assert!(!workdir.needs_init());
    let seen = looked(&bench, &workdir).await;
    assert_eq!((seen.verdict, seen.failure), (Verdict::Pending, None));
    assert_eq!(asked(), "plan init plan show state ");

    // It is done once: what does not help is told.
    std::fs::remove_file(&link).unwrap();
    let broken = format!(
        "#!/bin/sh\necho \"$1\" >> {}\n[ \"$1\" = init ] && exit 0\nexec terraform \"$@\"\n",
        bench.path("asked").display()
    );
    std::fs::write(bench.path("terraform"), broken).unwrap();
    let seen = looked(&bench, &workdir).await;
    assert_eq!(seen.failure.unwrap().kind, FailureKind::ProviderMissing);
    assert_eq!(asked(), "plan init plan ");
    assert!(workdir.needs_init());

    workdir.engine.program = bench.workdir("terraform").await.engine.program;
    workdir.init(&bench.cancel).await.unwrap();
    let planned = workdir.plan(&bench.cancel).await.unwrap();
    assert_eq!(planned.exit, PlanExit::Changes);
}
