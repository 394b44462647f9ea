//! A stand-in for Terraform that costs next to nothing: it hands out a plan that real Terraform made, at
//! once or after a while.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The files that it hands out, beside the program.
pub(crate) const PLAN: &str = "in-sync.plan";
pub(crate) const STATE: &str = "in-sync.tfstate";
/// For how many milliseconds it sleeps before it hands out a plan, if the file is there.
pub(crate) const SLEEP: &str = "sleep-ms";

/// What a benchmark is: the measuring itself, or this if it is called like Terraform.
pub(crate) fn or(measure: impl FnOnce(&[String]) -> std::io::Result<()>) -> ExitCode {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    let done = if program.ends_with("/terraform") {
        run(&arguments)
    } else {
        measure(&arguments).map(|()| ExitCode::SUCCESS)
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

/// Does what Terraform would do in the directory that this runs in.
fn run(arguments: &[String]) -> std::io::Result<ExitCode> {
    let beside = |name: &str| -> std::io::Result<PathBuf> {
        let program = std::env::current_exe()?;
        Ok(program.parent().unwrap_or(Path::new("/")).join(name))
    };
    match arguments.first().map(String::as_str) {
        Some("version") => println!("{{\"terraform_version\":\"1.11.4\"}}"),
        Some("init") => {
            let dir = std::env::current_dir()?;
            let backend = format!(
                "{{\"version\":3,\"backend\":{{\"type\":\"s3\",\"config\":{{\"bucket\":\"b\",\
                 \"key\":\"{}\"}}}}}}",
                dir.display()
            );
            fs::create_dir_all(".terraform")?;
            fs::write(".terraform/terraform.tfstate", backend)?;
        }
        Some("plan") => {
            let sleep = fs::read_to_string(beside(SLEEP)?).ok();
            let sleep = sleep.and_then(|ms| ms.trim().parse().ok()).unwrap_or(0);
            std::thread::sleep(Duration::from_millis(sleep));
            let out = arguments.iter().find_map(|a| a.strip_prefix("-out="));
            fs::copy(beside(PLAN)?, out.unwrap_or("plan"))?;
        }
        Some("state") => print!("{}", fs::read_to_string(beside(STATE)?)?),
        other => {
            eprintln!("the stub does not know {other:?}");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
