//! What a repository names and does not hold: submodules that are not followed, files of Git LFS.

use std::path::Path;

use crate::discover::Pointers;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::CommitId;
use crate::git::Mirror;

use super::resolve::Tracked;

/// Stacks that read such a thing cannot be planned, and say so.
pub(super) fn absent(
    mirror: &Mirror,
    commit: &CommitId,
    tree: &Path,
    stacks: &mut [Tracked],
) -> Result<(), Failure> {
    let submodules = mirror.unfollowed(commit)?;
    let mut pointers = Pointers::new(tree);
    for stack in stacks {
        let missing = submodule_of(stack, &submodules).or_else(|| pointer_of(stack, &mut pointers));
        // What cannot be read for this reason has been called unreadable before.
        if missing.is_some() {
            stack.problem = missing;
        }
    }
    Ok(())
}

fn submodule_of(stack: &Tracked, submodules: &[String]) -> Option<Failure> {
    let mut read = std::iter::once(&stack.dir).chain(&stack.reads);
    let (path, submodule) = read.find_map(|path| {
        let holds = |submodule: &&String| Path::new(path).starts_with(submodule);
        Some((path, submodules.iter().find(holds)?))
    })?;
    Some(Failure::new(
        FailureKind::Unsupported,
        format!("{path} is in the submodule {submodule}, which is not followed"),
        "write `submodules: true` into the source's settings",
    ))
}

fn pointer_of(stack: &Tracked, pointers: &mut Pointers<'_>) -> Option<Failure> {
    let var_files = stack.settings.var_files.iter();
    let var_files = var_files.map(|file| format!("{}/{file}", stack.dir));
    let read = std::iter::once(stack.dir.clone())
        .chain(stack.reads.iter().cloned())
        .chain(var_files);
    let pointer = read.into_iter().find_map(|path| pointers.at(&path))?;
    Some(Failure::new(
        FailureKind::Unsupported,
        format!("{pointer} is a file of Git LFS, of which only the pointer is here"),
        "keep code and variable files in Git itself (`git lfs untrack`, then add them again)",
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::process::Command;
    use std::sync::atomic::AtomicBool;

    use globset::GlobSet;

    use super::*;
    use crate::discover::{VarFiles, discover};
    use crate::domain::ids::SourceName;
    use crate::git::settings::SourceLocation;
    use crate::notify::settings::NotifySettings;
    use crate::reconcile::fixture;
    use crate::reconcile::resolve::{Files, resolve};

    fn git(work: &Path, arguments: &[&str]) {
        let output = Command::new("git")
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
            .args(["-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(work)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}");
    }

    #[test]
    fn a_stack_that_reads_a_submodule_or_a_pointer_says_so() {
        let root = tempfile::tempdir().unwrap();
        let work = root.path().join("work");
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
        let resource = "resource \"terraform_data\" \"it\" {}\n";
        let calls = "module \"vpc\" {\n  source = \"../../lib/vpc\"\n}\n";
        let plain = format!("# version https://git-lfs.github.com/spec/v1\n{resource}");
        for (path, text) in [
            ("live/good/main.tf", plain.as_str()),
            ("live/calls/main.tf", calls),
            ("live/code/main.tf", pointer),
            ("live/values/main.tf", resource),
            ("live/values/x.auto.tfvars", pointer),
        ] {
            std::fs::create_dir_all(work.join(path).parent().unwrap()).unwrap();
            std::fs::write(work.join(path), text).unwrap();
        }
        std::fs::create_dir_all(work.join("lib")).unwrap();
        git(&work, &["init", "--quiet"]);
        git(&work, &["add", "--all"]);
        let id = "1234567890123456789012345678901234567890";
        let entry = format!("160000,{id},lib");
        git(&work, &["update-index", "--add", "--cacheinfo", &entry]);
        git(&work, &["commit", "--quiet", "--message", "all"]);

        let location = SourceLocation::Local(work);
        let mirror = Mirror::open(root.path(), &location, None).unwrap();
        let commit = mirror.fetch(None, &AtomicBool::new(false)).unwrap();
        let tree = root.path().join("tree");
        mirror.checkout(&commit, &tree).unwrap();
        let settings = fixture::settings(root.path(), NotifySettings::default());
        let found = discover(&tree, &GlobSet::empty(), None).unwrap();
        let mut stacks = resolve(
            &settings,
            &SourceName::new("infra"),
            &found,
            &mut Files::Tree(VarFiles::new(&tree)),
        );
        absent(&mirror, &commit, &tree, &mut stacks).unwrap();

        let problem = |dir: &str| {
            let stack = stacks.iter().find(|stack| stack.dir == dir).unwrap();
            stack.problem.clone()
        };
        assert_eq!(problem("live/good"), None);
        for (dir, words) in [
            ("live/calls", "lib/vpc is in the submodule lib"),
            ("live/code", "live/code/main.tf is a file of Git LFS"),
            (
                "live/values",
                "live/values/x.auto.tfvars is a file of Git LFS",
            ),
        ] {
            let problem = problem(dir).unwrap();
            assert_eq!(problem.kind, FailureKind::Unsupported);
            assert!(problem.message.contains(words), "{problem:?}");
        }
    }
}
