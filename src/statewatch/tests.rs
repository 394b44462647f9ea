#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use axum::Router;
use axum::error_handling::HandleError;
use axum::http::StatusCode;
use s3s::HttpError;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;

use super::ask::Asker;
use super::*;

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn read(settings: Pairs<'_>, workspace: &str, env: Pairs<'_>) -> Result<Place, Unwatched> {
    let settings: BTreeMap<String, String> = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let env = |name: &str| {
        let found = env.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Place::read("s3", &settings, workspace, &env)
}

fn why(settings: Pairs<'_>, env: Pairs<'_>) -> String {
    read(settings, "default", env)
        .expect_err("watched")
        .to_string()
}

const BACKEND: [(&str, &str); 3] = [
    ("bucket", "states"),
    ("key", "live/a"),
    ("region", "eu-west-1"),
];
const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalr-example-secret"),
];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    BACKEND.iter().chain(more).copied().collect()
}

#[test]
fn the_object_is_that_of_the_workspace() {
    let key = |workspace, more: Pairs<'_>| read(&with(more), workspace, &KEYS).unwrap().key;
    assert_eq!(key("default", &[]), "live/a");
    assert_eq!(key("prod", &[]), "env:/prod/live/a");
    let prefix = [("workspace_key_prefix", "spaces")];
    assert_eq!(key("prod", &prefix), "spaces/prod/live/a");
    assert_eq!(key("default", &prefix), "live/a");
}

#[test]
fn server_and_region_are_those_of_the_backend_and_else_of_the_environment() {
    let access = |settings: Pairs<'_>, env: Pairs<'_>| {
        let env: Vec<_> = KEYS.iter().chain(env).copied().collect();
        read(settings, "default", &env).unwrap().access
    };
    let plain = access(&BACKEND, &[]);
    assert_eq!(plain.region, "eu-west-1");
    assert_eq!((plain.endpoint, plain.path_style), (None, false));
    let env = [
        ("AWS_ENDPOINT_URL_S3", "http://env"),
        ("AWS_ENDPOINT_URL", "http://all"),
        ("AWS_DEFAULT_REGION", "us-east-2"),
    ];
    let of_env = access(&BACKEND[..2], &env);
    assert_eq!(of_env.region, "us-east-2");
    assert_eq!(of_env.endpoint.as_deref(), Some("http://env"));
    let own = access(
        &with(&[("endpoint", "http://own"), ("use_path_style", "true")]),
        &env,
    );
    assert_eq!(own.endpoint.as_deref(), Some("http://own"));
    assert!(own.path_style && own.region == "eu-west-1");
    assert!(access(&with(&[("force_path_style", "true")]), &[]).path_style);
}

#[test]
fn a_stack_is_asked_for_as_it_would_ask_itself() {
    let home = TempDir::new().unwrap();
    let aws = home.path().join(".aws");
    std::fs::create_dir(&aws).unwrap();
    let home_env = [("HOME", home.path().to_str().unwrap())];
    let asker = |settings: Pairs<'_>, env: Pairs<'_>| {
        let env: Vec<_> = home_env.iter().chain(env).copied().collect();
        read(settings, "default", &env).map(|place| place.access.asker)
    };
    let Ok(Asker::Keys(keys)) = asker(
        &with(&[("access_key", "OWN"), ("secret_key", "own-secret")]),
        &KEYS,
    ) else {
        panic!("keys of the backend");
    };
    assert_eq!(keys.id, "OWN");
    let Ok(Asker::Keys(keys)) = asker(&BACKEND, &KEYS) else {
        panic!("keys of the environment");
    };
    assert_eq!(
        (keys.id.as_str(), keys.token.is_none()),
        ("AKIDEXAMPLE", true)
    );
    let web = [
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/plan"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token"),
    ];
    assert!(matches!(
        asker(&BACKEND, &web),
        Ok(Asker::WebIdentity { .. })
    ));
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"] {
        let elsewhere = [web[0], web[1], (name, "https://sts.example.com")];
        assert!(asker(&BACKEND, &elsewhere).is_err(), "{name}");
    }
    assert!(matches!(asker(&BACKEND, &[]), Ok(Asker::Machine)));
    std::fs::write(
        aws.join("credentials"),
        "[default]\naws_access_key_id = A\n",
    )
    .unwrap();
    let Ok(Asker::Profile(profile)) = asker(&BACKEND, &[]) else {
        panic!("a profile");
    };
    assert_eq!(profile.name, "default");
    assert_eq!(profile.credentials, [aws.join("credentials")]);
    assert_eq!(profile.config, Vec::<PathBuf>::new());
    let Ok(Asker::Profile(profile)) = asker(&with(&[("profile", "state")]), &KEYS) else {
        panic!("a profile that the backend names goes before keys of the environment");
    };
    assert_eq!(profile.name, "state");
}

#[test]
fn what_could_mean_that_somebody_else_asks_is_not_watched() {
    for setting in [
        ("assume_role", r#"{"role_arn":"arn:aws:iam::1:role/x"}"#),
        ("role_arn", "arn:aws:iam::1:role/x"),
        ("assume_role_with_web_identity", r#"{"role_arn":"x"}"#),
        ("sse_customer_key", "x"),
        ("custom_ca_bundle", "/ca.pem"),
        ("http_proxy", "http://proxy"),
        ("insecure", "true"),
        ("invented_later", "x"),
    ] {
        let said = why(&with(&[setting]), &KEYS);
        assert!(said.contains(setting.0), "{said}");
    }
    let unset = with(&[("assume_role", "[]"), ("insecure", "false")]);
    assert!(read(&unset, "default", &KEYS).is_ok());
    for name in ["AWS_CA_BUNDLE", "AWS_SSE_CUSTOMER_KEY"] {
        let env: Vec<_> = KEYS.iter().copied().chain([(name, "x")]).collect();
        assert!(why(&BACKEND, &env).contains(name));
    }
    assert!(why(&BACKEND[..2], &KEYS).contains("region"));
    assert!(why(&BACKEND[1..], &KEYS).contains("bucket"));
    assert!(why(&BACKEND, &KEYS[..1]).contains("only one of"));
    let nobody = [("skip_metadata_api_check", "true")];
    assert!(why(&with(&nobody), &[]).contains("no credentials"));
    let container = [(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "http://169.254.170.23/v1",
    )];
    assert!(why(&BACKEND, &container).contains("AWS_CONTAINER"));
    let gcs = Place::read("gcs", &BTreeMap::new(), "default", &|_| None);
    assert!(gcs.unwrap_err().to_string().contains("gcs"));
}

#[test]
fn a_profile_that_runs_a_program_is_not_used() {
    let files = TempDir::new().unwrap();
    let config = files.path().join("config");
    for line in [
        "credential_process = /bin/x",
        "credential_source = Environment",
        "sso_session = a",
    ] {
        std::fs::write(&config, format!("[default]\nregion = x\n{line}\n")).unwrap();
        let env = [("AWS_CONFIG_FILE", config.to_str().unwrap())];
        let said = why(&BACKEND, &env);
        assert!(said.contains("not understood"), "{said}");
        // Keys in the environment are used before any profile is.
        let env: Vec<_> = env.iter().chain(&KEYS).copied().collect();
        assert!(read(&BACKEND, "default", &env).is_ok());
    }
}

#[test]
fn no_secret_is_shown() {
    let place = read(&BACKEND, "default", &KEYS).unwrap();
    assert!(!format!("{place:?}").contains("wJalr"));
    assert_eq!(
        place.access.masker().mask("wJalr-example-secret"),
        "(sensitive)"
    );
}

/// A store that checks signatures, over a directory.
async fn store(root: &Path) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let mut service = S3ServiceBuilder::new(FileSystem::new(root).unwrap());
    service.set_auth(SimpleAuth::from_single(KEYS[0].1, KEYS[1].1));
    let broken =
        |error: HttpError| async move { (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}")) };
    let router = Router::new().fallback_service(HandleError::new(service.build(), broken));
    tokio::spawn(async move { axum::serve(listener, router).await });
    endpoint
}

#[tokio::test]
async fn a_glance_sees_that_the_object_was_written_and_that_it_is_gone() {
    let root = TempDir::new().unwrap();
    std::fs::create_dir_all(root.path().join("states/live")).unwrap();
    let endpoint = store(root.path()).await;
    let own = with(&[("endpoint", &endpoint), ("use_path_style", "true")]);
    let place = read(&own, "default", &KEYS).unwrap();
    let watcher = Watcher::new(None);
    assert_eq!(watcher.glance(&place).await, Ok(Glance::Absent));
    let object = root.path().join("states/live/a");
    std::fs::write(&object, r#"{"serial":1}"#).unwrap();
    let first = watcher.glance(&place).await.unwrap();
    assert!(first.modified_at().is_some());
    assert!(first.is_same(&watcher.glance(&place).await.unwrap()));
    std::fs::write(&object, r#"{"serial":2}"#).unwrap();
    let second = watcher.glance(&place).await.unwrap();
    assert!(!first.is_same(&second));
    std::fs::remove_file(&object).unwrap();
    assert_eq!(watcher.glance(&place).await, Ok(Glance::Absent));

    let other = read(&own, "prod", &KEYS).unwrap();
    assert_eq!(watcher.glance(&other).await, Ok(Glance::Absent));
    assert_eq!(watcher.clients.count(), 1, "stacks share a client");
    let wrong = [
        KEYS[0],
        ("AWS_SECRET_ACCESS_KEY", "another-that-must-not-show"),
    ];
    let wrong = read(&own, "default", &wrong).unwrap();
    let Err(Unseen::Refused(refused)) = watcher.glance(&wrong).await else {
        panic!("the signature is wrong");
    };
    assert!(refused.contains("s3://states/live/a"), "{refused}");
    assert!(!refused.contains("another-that"), "{refused}");
    assert_eq!(watcher.clients.count(), 2);
}

#[tokio::test]
async fn a_profile_is_read_from_the_files_that_the_stack_has() {
    let (root, files) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    std::fs::create_dir_all(root.path().join("states")).unwrap();
    let endpoint = store(root.path()).await;
    let credentials = files.path().join("credentials");
    let (id, secret) = (KEYS[0].1, KEYS[1].1);
    let text = format!("[state]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    std::fs::write(&credentials, text).unwrap();
    let list = format!("[{:?}]", credentials.display().to_string());
    let own = with(&[
        ("endpoint", &endpoint),
        ("use_path_style", "true"),
        ("profile", "state"),
        ("shared_credentials_files", &list),
    ]);
    let place = read(&own, "default", &[]).unwrap();
    assert_eq!(Watcher::new(None).glance(&place).await, Ok(Glance::Absent));
}

#[tokio::test]
async fn a_server_that_is_not_there_may_be_there_next_time() {
    let own = with(&[("endpoint", "http://127.0.0.1:1")]);
    let place = read(&own, "default", &KEYS).unwrap();
    let seen = Watcher::new(None).glance(&place).await;
    assert!(matches!(seen, Err(Unseen::Unreachable(_))), "{seen:?}");
}
