//! The argument vectors of every command that is run, as values.

use std::ffi::OsString;
use std::path::Path;

fn words(fixed: &[&str]) -> Vec<OsString> {
    fixed.iter().map(OsString::from).collect()
}

fn flag(name: &str, value: impl AsRef<std::ffi::OsStr>) -> OsString {
    let mut argument = OsString::from(name);
    argument.push(value);
    argument
}

/// `version`: never looks at a configuration's validity.
pub(super) fn version() -> Vec<OsString> {
    words(&["version", "-json"])
}

/// `init`. `reconfigure` takes the backend as configured now, without moving any state.
pub(super) fn init(json: bool, reconfigure: bool, backend_config: &[String]) -> Vec<OsString> {
    let mut argv = words(&["init", "-input=false", "-no-color"]);
    if json {
        argv.push("-json".into());
    }
    if reconfigure {
        argv.push("-reconfigure".into());
    }
    argv.extend(backend_config.iter().map(|c| flag("-backend-config=", c)));
    argv
}

/// `plan`: takes no lock and saves what it planned.
pub(super) fn plan(out: &Path, var_files: &[String]) -> Vec<OsString> {
    let mut argv = words(&[
        "plan",
        "-input=false",
        "-no-color",
        "-lock=false",
        "-detailed-exitcode",
        "-json",
    ]);
    argv.push(flag("-out=", out));
    argv.extend(var_files.iter().map(|file| flag("-var-file=", file)));
    argv
}

/// `show`: a saved plan as JSON.
pub(super) fn show(file: &Path) -> Vec<OsString> {
    let mut argv = words(&["show", "-json", "-no-color"]);
    argv.push(file.into());
    argv
}

/// `providers schema`: what the attributes of all resource types are.
pub(super) fn provider_schemas() -> Vec<OsString> {
    words(&["providers", "schema", "-json", "-no-color"])
}

/// `apply` of a saved plan, and of nothing else.
pub(super) fn apply(file: &Path) -> Vec<OsString> {
    let mut argv = words(&["apply", "-input=false", "-no-color", "-json"]);
    argv.push(file.into());
    argv
}

/// `state pull`.
pub(super) fn state_pull() -> Vec<OsString> {
    words(&["state", "pull", "-no-color"])
}

/// `state push`. With `other_lineage` it also takes the place of an unrelated state.
pub(super) fn state_push(file: &Path, other_lineage: bool) -> Vec<OsString> {
    let mut argv = words(&["state", "push", "-lock=true", "-lock-timeout=0s"]);
    if other_lineage {
        argv.push("-force".into());
    }
    argv.push(file.into());
    argv
}

/// `untaint` of an object that does not exist: takes the lock, reads the state and writes nothing.
pub(super) fn untaint_nothing() -> Vec<OsString> {
    words(&[
        "untaint",
        "-no-color",
        "-lock=true",
        "-lock-timeout=0s",
        "-allow-missing",
        "terraform_data.mooring_looks_at_the_lock",
    ])
}

/// `force-unlock`.
pub(super) fn force_unlock(id: &str) -> Vec<OsString> {
    let mut argv = words(&["force-unlock", "-force"]);
    argv.push(id.into());
    argv
}

/// `workspace list`: the one command that does not create the workspace it is asked about.
pub(super) fn workspace_list() -> Vec<OsString> {
    words(&["workspace", "list", "-no-color"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_what_it_should_be() {
        assert_eq!(version(), ["version", "-json"]);
        assert_eq!(
            init(false, false, &[]),
            ["init", "-input=false", "-no-color"]
        );
        assert_eq!(
            init(true, true, &["bucket=b".into(), "prod.hcl".into()]),
            [
                "init",
                "-input=false",
                "-no-color",
                "-json",
                "-reconfigure",
                "-backend-config=bucket=b",
                "-backend-config=prod.hcl"
            ]
        );
        assert_eq!(
            plan(Path::new("/s/p"), &["a b.tfvars".into()]),
            [
                "plan",
                "-input=false",
                "-no-color",
                "-lock=false",
                "-detailed-exitcode",
                "-json",
                "-out=/s/p",
                "-var-file=a b.tfvars"
            ]
        );
        assert_eq!(
            apply(Path::new("/s/p")),
            ["apply", "-input=false", "-no-color", "-json", "/s/p"]
        );
        assert_eq!(
            show(Path::new("/s/p")),
            ["show", "-json", "-no-color", "/s/p"]
        );
        assert_eq!(
            provider_schemas(),
            ["providers", "schema", "-json", "-no-color"]
        );
        assert_eq!(state_pull(), ["state", "pull", "-no-color"]);
        assert_eq!(workspace_list(), ["workspace", "list", "-no-color"]);
        assert_eq!(
            untaint_nothing(),
            [
                "untaint",
                "-no-color",
                "-lock=true",
                "-lock-timeout=0s",
                "-allow-missing",
                "terraform_data.mooring_looks_at_the_lock"
            ]
        );
        let push = ["state", "push", "-lock=true", "-lock-timeout=0s"];
        assert_eq!(
            state_push(Path::new("/s/x"), false),
            [&push[..], &["/s/x"]].concat()
        );
        assert_eq!(
            state_push(Path::new("/s/x"), true),
            [&push[..], &["-force", "/s/x"]].concat()
        );
        assert_eq!(force_unlock("id"), ["force-unlock", "-force", "id"]);
    }
}
