//! S3 goes away and comes back, and Mooring is killed: nothing that was kept is lost.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mooring::reconcile::uploads;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::*;

const DATA: &str = "MOORING_TEST_S3_DATA";
const KEPT: usize = 40;

#[test]
fn an_outage_of_moto_delays_nothing_but_uploads() {
    check_against(Store::Moto, "outage::outage_child");
}

#[test]
fn an_outage_of_s3s_delays_nothing_but_uploads() {
    check_against(Store::S3s, "outage::outage_child");
}

#[test]
fn nothing_kept_in_moto_is_lost_when_mooring_is_killed() {
    kill_and_look(Store::Moto);
}

#[test]
fn nothing_kept_in_s3s_is_lost_when_mooring_is_killed() {
    kill_and_look(Store::S3s);
}

fn kill_and_look(store: Store) {
    let Some(server) = store.start() else {
        return;
    };
    let data = tempfile::TempDir::new().unwrap();
    // Killed at other points of its work each time.
    for lines in [1, 2, 7] {
        let mut child = child("outage::killed_child", Some(&server))
            .env(DATA, data.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let kept = said
            .map_while(Result::ok)
            .filter(|line| line.contains("kept "));
        let last: Vec<String> = kept.take(lines).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(last.len(), lines, "{last:?}");
        let numbers = last.iter().filter_map(|line| line.split("kept ").nth(1));
        let told = data.path().join("told");
        let before = std::fs::read_to_string(&told).unwrap_or_default();
        let all = before + &numbers.map(|n| format!("{n}\n")).collect::<String>();
        std::fs::write(&told, all).unwrap();
    }
    let mut last = child("outage::survivor_child", Some(&server));
    let output = last.env(DATA, data.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{output:?}"
    );
}

/// Keeps artifacts and uploads them until it is killed, and says which are kept.
#[tokio::test]
#[ignore = "run by a test above in an environment of its own"]
#[allow(clippy::print_stdout)]
async fn killed_child() {
    let (place, data) = (Place::given().unwrap(), std::env::var(DATA).unwrap());
    // The one that was killed may have made it.
    let _made = create_bucket(&place).await;
    let artifacts = open(
        settings(BUCKET, "", Some(&place.endpoint)),
        Path::new(&data),
        None,
    )
    .await
    .unwrap();
    let Artifacts::S3(spooled) = artifacts.clone() else {
        panic!("a bucket");
    };
    let never = CancellationToken::new();
    tokio::spawn(uploads::upload(spooled, never));
    let first = uuid::Uuid::now_v7().as_u128();
    for n in 0.. {
        let run = first + n;
        let bytes = run.to_string().into_bytes();
        artifacts
            .put(artifact(run, "check.json"), bytes)
            .await
            .unwrap();
        println!("kept {run}");
    }
}

#[tokio::test]
#[ignore = "run by a test above in an environment of its own"]
async fn survivor_child() {
    let (place, data) = (Place::given().unwrap(), std::env::var(DATA).unwrap());
    let data = Path::new(&data);
    let artifacts = open(settings(BUCKET, "", Some(&place.endpoint)), data, None)
        .await
        .unwrap();
    upload(&artifacts).await.unwrap();
    assert_eq!(std::fs::read_dir(data.join("spool")).unwrap().count(), 0);
    for run in std::fs::read_to_string(data.join("told")).unwrap().lines() {
        let id = artifact(run.parse().unwrap(), "check.json");
        let found = artifacts.get(&id).await.unwrap();
        assert_eq!(found.as_deref(), Some(run.as_bytes()), "{id}");
    }
}

/// Passes connections on while the way is open, and breaks them otherwise.
async fn gate(endpoint: &str, open: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("http://{}", listener.local_addr().unwrap());
    let there = endpoint.strip_prefix("http://").unwrap().to_owned();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            if open.load(Ordering::SeqCst) {
                let mut far = TcpStream::connect(&there).await.unwrap();
                tokio::spawn(async move {
                    let _ended = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        }
    });
    here
}

#[tokio::test]
#[ignore = "run by a test above in an environment of its own"]
async fn outage_child() {
    let Some(place) = Place::given() else {
        return;
    };
    create_bucket(&place).await.unwrap();
    let (data, way) = (
        tempfile::TempDir::new().unwrap(),
        Arc::new(AtomicBool::new(false)),
    );
    let through = gate(&place.endpoint, way.clone()).await;
    let artifacts = open(settings(BUCKET, "", Some(&through)), data.path(), None)
        .await
        .unwrap();
    let Artifacts::S3(spooled) = artifacts.clone() else {
        panic!("a bucket");
    };
    let stop = CancellationToken::new();
    let task = tokio::spawn(uploads::upload(spooled.clone(), stop.clone()));
    for n in 0..KEPT {
        let id = artifact(n as u128, "check.json");
        artifacts.put(id.clone(), b"{}".to_vec()).await.unwrap();
        assert_eq!(
            artifacts.get(&id).await.unwrap().as_deref(),
            Some(&b"{}"[..])
        );
    }
    assert_eq!(spooled.waiting(), KEPT);
    let error = artifacts.list(&artifact(0, "check.json").shelf).await;
    assert!(error.is_err(), "{error:?}");
    way.store(true, Ordering::SeqCst);
    let emptied = async {
        while spooled.waiting() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), emptied)
        .await
        .expect("everything is uploaded in the end");
    for n in 0..KEPT {
        let found = artifacts.get(&artifact(n as u128, "check.json")).await;
        assert_eq!(found.unwrap().as_deref(), Some(&b"{}"[..]));
    }
    stop.cancel();
    task.await.unwrap();
}
