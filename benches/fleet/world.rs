//! A repository of many stacks, and what the stand-in hands out.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::stub;

/// A repository with so many stacks, the stand-in, and what it hands out.
pub(crate) fn prepare(dir: &Path, stacks: usize) -> io::Result<()> {
    let (bin, made) = (dir.join("bin"), dir.join("made"));
    fs::create_dir_all(&bin)?;
    fs::create_dir_all(&made)?;
    fs::copy(std::env::current_exe()?, bin.join("terraform"))?;
    fs::write(
        made.join("main.tf"),
        "resource \"terraform_data\" \"a\" {\n  input = 1\n}\n",
    )?;
    for arguments in [
        ["init", "-input=false", "-no-color"].as_slice(),
        &["apply", "-auto-approve", "-no-color"],
        &["plan", "-no-color", "-out=plan"],
    ] {
        run("terraform", arguments, &made)?;
    }
    fs::rename(made.join("plan"), bin.join(stub::PLAN))?;
    fs::rename(made.join("terraform.tfstate"), bin.join(stub::STATE))?;

    let repository = dir.join("repository");
    fs::create_dir_all(repository.join("modules/shared"))?;
    fs::write(
        repository.join("modules/shared/main.tf"),
        "variable \"a\" {}\n",
    )?;
    for stack in 0..stacks {
        let path = repository.join(format!("stacks/s{stack:05}"));
        fs::create_dir_all(&path)?;
        fs::write(
            path.join("main.tf"),
            format!(
                "terraform {{\n  backend \"s3\" {{\n    bucket = \"b\"\n    key = \"{stack}\"\n  }}\n}}\n\
                 module \"shared\" {{\n  source = \"../../modules/shared\"\n  a = {stack}\n}}\n"
            ),
        )?;
    }
    run(
        "git",
        &["init", "--quiet", "--initial-branch=main"],
        &repository,
    )?;
    commit(dir, "README", "a fleet\n")
}

/// Puts text at the end of a file of the repository, and commits it.
pub(crate) fn commit(dir: &Path, path: &str, text: &str) -> io::Result<()> {
    let repository = dir.join("repository");
    let file = repository.join(path);
    let before = fs::read_to_string(&file).unwrap_or_default();
    fs::write(file, before + text)?;
    run("git", &["add", "--all"], &repository)?;
    let identity = [
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=ada@example.com",
        "-c",
        "commit.gpgsign=false",
    ];
    run(
        "git",
        &[&identity[..], &["commit", "--quiet", "-m", "x"]].concat(),
        &repository,
    )
}

fn run(program: &str, arguments: &[&str], dir: &Path) -> io::Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("{program} {arguments:?}: {said}")))
}
