//! The switch in several processes, and over restarts.

use tempfile::TempDir;

use super::*;

fn pause(scope: Scope) -> Pause {
    Pause {
        scope,
        by: "ann".to_owned(),
        reason: Some("an incident".to_owned()),
        at: Timestamp::UNIX_EPOCH,
        until: None,
    }
}

/// A directory, the switch in it, and the database that all share.
async fn place() -> (TempDir, PauseSwitch, Store) {
    let directory = TempDir::new().unwrap();
    let switch = PauseSwitch::open(file(&directory)).unwrap();
    let store = Store::open(&directory.path().join("m.db")).await.unwrap();
    (directory, switch, store)
}

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("pauses.json")
}

fn scopes(switch: &PauseSwitch) -> Vec<Scope> {
    let pauses = switch.on(Timestamp::UNIX_EPOCH).into_iter();
    pauses.map(|pause| pause.scope).collect()
}

#[tokio::test]
async fn a_pause_outlives_the_process_and_ends_when_somebody_says_so() {
    let (directory, switch, store) = place().await;
    let web = StackId::new("infra/web");
    switch.pause(pause(Scope::All)).unwrap();
    let again = PauseSwitch::open(file(&directory)).unwrap();
    assert_eq!(scopes(&again), [Scope::All]);
    assert!(!again.resume(&Scope::Stack(web), &store).await.unwrap());
    assert!(again.resume(&Scope::All, &store).await.unwrap());
    assert_eq!(scopes(&again), []);
    assert_eq!(scopes(&PauseSwitch::open(file(&directory)).unwrap()), []);
}

#[tokio::test]
async fn what_is_thrown_here_holds_elsewhere_and_so_does_its_end() {
    let (directory, here, store) = place().await;
    let there = PauseSwitch::open(directory.path().join("other.json")).unwrap();
    here.pause(pause(Scope::All)).unwrap();
    here.exchange(&store).await.unwrap();
    there.refresh(&store).await.unwrap();
    assert_eq!(scopes(&there), [Scope::All]);
    assert!(there.resume(&Scope::All, &store).await.unwrap());
    here.exchange(&store).await.unwrap();
    assert_eq!(scopes(&here), []);
    // What is in the database is no longer in the file, from where it would come back.
    let restarted = PauseSwitch::open(file(&directory)).unwrap();
    restarted.exchange(&store).await.unwrap();
    assert_eq!(scopes(&restarted), []);
}

#[tokio::test]
async fn while_the_database_is_away_a_pause_holds_and_none_ends() {
    let (directory, switch, store) = place().await;
    let source = Scope::Source(SourceName::new("infra"));
    switch.pause(pause(source.clone())).unwrap();
    switch.exchange(&store).await.unwrap();
    store.close().await;
    switch.pause(pause(Scope::All)).unwrap();
    assert!(switch.exchange(&store).await.is_err());
    assert!(switch.refresh(&store).await.is_err());
    for scope in [&Scope::All, &source] {
        assert!(switch.resume(scope, &store).await.is_err());
    }
    assert_eq!(scopes(&switch), [Scope::All, source.clone()]);
    // It is back: what was thrown meanwhile gets there, also after a restart.
    let store = Store::open(&directory.path().join("m.db")).await.unwrap();
    let restarted = PauseSwitch::open(file(&directory)).unwrap();
    restarted.exchange(&store).await.unwrap();
    let kept = store.pauses().await.unwrap();
    assert_eq!(kept.iter().count(), 2);
}

#[tokio::test]
async fn what_cannot_be_kept_is_paused_all_the_same() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("gone/pauses.json");
    let switch = PauseSwitch::open(path).unwrap();
    let store = Store::open(&directory.path().join("m.db")).await.unwrap();
    assert!(switch.pause(pause(Scope::All)).is_err());
    assert_eq!(scopes(&switch), [Scope::All]);
    assert!(switch.resume(&Scope::All, &store).await.is_err());
    assert_eq!(scopes(&switch), [Scope::All]);
}

#[test]
fn a_damaged_file_is_an_error_and_not_an_end_of_the_pause() {
    let directory = TempDir::new().unwrap();
    std::fs::write(file(&directory), "[{").unwrap();
    assert!(PauseSwitch::open(file(&directory)).is_err());
}
