#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn backend(dir: &Path, workspace: Option<&str>) -> Result<Backend, Failure> {
    read(
        dir,
        &dir.join(".terraform"),
        workspace,
        &Environment::default(),
    )
}

fn initialised(backend: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join(".terraform");
    std::fs::create_dir(&data).unwrap();
    let text = format!(r#"{{"version":3,"terraform_version":"1.11.4","backend":{backend}}}"#);
    std::fs::write(data.join("terraform.tfstate"), text).unwrap();
    dir
}

fn of(record: &str, workspace: Option<&str>) -> Backend {
    backend(initialised(record).path(), workspace).unwrap()
}

#[test]
fn without_a_record_the_state_is_a_local_file() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().canonicalize().unwrap();
    let found = backend(dir.path(), None).unwrap();
    assert_eq!((found.kind.as_str(), found.locks), ("local", true));
    assert_eq!(found.local_path, Some(real.join("terraform.tfstate")));
    let other = backend(dir.path(), Some("prod")).unwrap();
    assert_eq!(
        other.local_path,
        Some(real.join("terraform.tfstate.d/prod/terraform.tfstate"))
    );
    assert_ne!(found.identity, other.identity);
}

#[test]
fn two_directories_on_one_local_file_are_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let shared = dir.path().join("shared.tfstate");
    let record = |path: &str| format!(r#"{{"type":"local","config":{{"path":"{path}"}}}}"#);
    let (a, b) = (
        of(&record(shared.to_str().unwrap()), None),
        of(
            &record(&format!("{}/./shared.tfstate", dir.path().display())),
            None,
        ),
    );
    assert_eq!(a.identity, b.identity);
}

#[test]
fn credentials_do_not_count_but_the_place_does() {
    let s3 = |rest: &str| {
        let config =
            format!(r#"{{"type":"s3","config":{{"bucket":"b","use_lockfile":null,{rest}}}}}"#);
        of(&config, None).identity
    };
    assert_eq!(
        s3(r#""key":"k","access_key":"one","secret_key":"x""#),
        s3(r#""key":"k","access_key":"two","region":"eu-central-1""#)
    );
    assert_ne!(s3(r#""key":"k""#), s3(r#""key":"l""#));
    assert_ne!(
        s3(r#""key":"k""#),
        s3(r#""key":"k","endpoints":{"s3":"http://127.0.0.1:5000"}"#)
    );
    let pg = |url: &str| {
        of(
            &format!(r#"{{"type":"pg","config":{{"conn_str":"{url}"}}}}"#),
            None,
        )
    };
    assert_eq!(
        pg("postgres://me:one@db/tf?sslmode=require").identity,
        pg("postgres://you:two@db/tf").identity
    );
    assert_ne!(
        pg("postgres://db/tf").identity,
        pg("postgres://db/other").identity
    );
    assert_eq!(
        pg("host=db user=a password=b dbname=c").identity,
        pg("host=db dbname=c").identity
    );
}

#[test]
fn the_environment_can_say_where_the_state_is() {
    let dir = initialised(r#"{"type":"http","config":{"address":null}}"#);
    let read_with = |address: &str, lock: bool| {
        let mut env = Environment::default();
        env.set("TF_HTTP_ADDRESS", address);
        if lock {
            env.set("TF_HTTP_LOCK_ADDRESS", address);
        }
        read(dir.path(), &dir.path().join(".terraform"), None, &env).unwrap()
    };
    let (a, b) = (
        read_with("http://h/a", false),
        read_with("http://h/b", true),
    );
    assert_ne!(a.identity, b.identity);
    assert!(!a.locks && b.locks);
}

#[test]
fn locking_is_known_or_denied() {
    for (record, locks) in [
        (r#"{"type":"s3","config":{"bucket":"b"}}"#, false),
        (r#"{"type":"s3","config":{"use_lockfile":true}}"#, true),
        (r#"{"type":"s3","config":{"use_lockfile":false}}"#, false),
        (r#"{"type":"s3","config":{"dynamodb_table":"t"}}"#, true),
        (r#"{"type":"gcs","config":{}}"#, true),
        (r#"{"type":"azurerm","config":{}}"#, true),
        (r#"{"type":"consul","config":{}}"#, true),
        (r#"{"type":"consul","config":{"lock":false}}"#, false),
        (r#"{"type":"http","config":{"address":"http://h"}}"#, false),
        (r#"{"type":"oss","config":{}}"#, false),
        (r#"{"type":"invented","config":{}}"#, false),
    ] {
        assert_eq!(of(record, None).locks, locks, "{record}");
    }
}

#[test]
fn a_state_that_several_machines_find_and_lock_is_told_from_one_that_they_do_not() {
    let of = |record: &str| {
        let found = of(record, None);
        (found.locks, found.is_here_only())
    };
    let file = r#"{"type":"local","config":{"path":"/srv/state/web.tfstate"}}"#;
    assert_eq!(of(file), (true, true));
    assert_eq!(of(r#"{"type":"inmem","config":{}}"#), (false, false));
    let s3 = r#"{"type":"s3","config":{"bucket":"b","key":"k","use_lockfile":true}}"#;
    assert_eq!(of(s3), (true, false));
    let http = r#"{"type":"http","config":{"address":"http://h","lock_address":"http://h/l"}}"#;
    assert_eq!(of(http), (true, false));
    let unwritten = tempfile::tempdir().unwrap();
    assert!(backend(unwritten.path(), None).unwrap().is_here_only());
}

#[test]
fn remote_execution_is_refused_and_a_broken_record_is_no_local_state() {
    for kind in ["cloud", "remote"] {
        let dir = initialised(&format!(r#"{{"type":"{kind}","config":{{}}}}"#));
        let failure = backend(dir.path(), None).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unsupported);
    }
    let dir = initialised("oops");
    let failure = backend(dir.path(), None).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotInitialised);
}
