//! A plan's JSON as a stream, from an engine that does with it what it wants.

use mooring::domain::failure::FailureKind;

use super::*;

/// A bench with an engine that does this when it is asked to show a plan; `$bench` is where the
/// test looks.
async fn bench(on_show: &str) -> (Bench, Workdir, PlanFile) {
    let bench = Bench::new("");
    let path = bench.path("engine");
    let root = bench.root.path().display();
    let script = format!(
        "#!/bin/sh\nbench={root}\ncase \"$1\" in\n\
         version) echo '{{\"terraform_version\":\"1.11.4\"}}';;\nshow)\n{on_show}\n;;\nesac\n"
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let workdir = bench.workdir(path.to_str().unwrap()).await;
    let file = PlanFile::open_existing(bench.path("plan"));
    (bench, workdir, file)
}

/// Writes without end, and says who does.
const ENDLESS: &str = "echo $$ > $bench/pid.tmp; mv $bench/pid.tmp $bench/pid; exec yes";

/// Writes something and then nothing for ever.
const SILENT: &str = "echo $$ > $bench/pid; echo something; exec sleep 1000";

async fn gone(bench: &Bench) {
    let pid = std::fs::read_to_string(bench.path("pid")).unwrap();
    let process = PathBuf::from(format!("/proc/{}", pid.trim()));
    eventually("the engine is gone", || !process.exists()).await;
}

#[tokio::test]
async fn an_engine_waits_for_whoever_reads_and_nothing_is_lost() {
    let (bench, workdir, file) = bench("head -c 4000000 /dev/zero; touch $bench/written").await;
    let (pieces, mut incoming) = mpsc::channel::<Vec<u8>>(8);
    let reading = async {
        let first = incoming.recv().await.unwrap();
        // Enough for an engine that nobody holds back.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(
            !bench.path("written").exists(),
            "more than a few pieces are under way"
        );
        let mut length = first.len();
        while let Some(piece) = incoming.recv().await {
            assert!(piece.len() <= 64 << 10);
            length += piece.len();
        }
        length
    };
    let (done, length) = tokio::join!(workdir.show(&file, &bench.cancel, pieces), reading);
    assert_eq!((done, length), (Ok(()), 4_000_000));
}

#[tokio::test]
async fn what_an_engine_left_in_the_pipe_waits_longer_than_a_stranger_may_hold_it() {
    let (bench, workdir, file) = bench("head -c 150000 /dev/zero").await;
    let (pieces, mut incoming) = mpsc::channel::<Vec<u8>>(1);
    let reading = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let mut length = 0;
        while let Some(piece) = incoming.recv().await {
            length += piece.len();
        }
        length
    };
    let (done, length) = tokio::join!(workdir.show(&file, &bench.cancel, pieces), reading);
    assert_eq!((done, length), (Ok(()), 150_000));
}

#[tokio::test]
async fn an_engine_that_nobody_listens_to_is_stopped() {
    for script in [ENDLESS, SILENT] {
        let (bench, workdir, file) = bench(script).await;
        let (pieces, mut incoming) = mpsc::channel::<Vec<u8>>(1);
        let reading = async {
            let some = incoming.recv().await.is_some();
            drop(incoming);
            some
        };
        let (done, some) = tokio::join!(workdir.show(&file, &bench.cancel, pieces), reading);
        assert_eq!((done, some), (Ok(()), true));
        gone(&bench).await;
    }
}

#[tokio::test]
async fn a_cancelled_or_dropped_show_ends_on_both_sides() {
    let (bench, workdir, file) = bench(ENDLESS).await;
    let started = || bench.path("pid").exists();
    let (cancel, (pieces, mut incoming)) = (CancellationToken::new(), mpsc::channel::<Vec<u8>>(1));
    let reading = async {
        eventually("it has started", started).await;
        cancel.cancel();
        while incoming.recv().await.is_some() {}
    };
    let (done, ()) = tokio::join!(workdir.show(&file, &cancel, pieces), reading);
    assert_eq!(done.unwrap_err().kind, FailureKind::Interrupted);
    gone(&bench).await;

    std::fs::remove_file(bench.path("pid")).unwrap();
    let (pieces, mut incoming) = mpsc::channel::<Vec<u8>>(1);
    tokio::select! {
        _ = workdir.show(&file, &bench.cancel, pieces) => panic!("it never ends"),
        () = eventually("it has started", started) => {}
    }
    while incoming.recv().await.is_some() {}
    gone(&bench).await;
}

#[tokio::test]
async fn half_of_a_plan_is_a_failure() {
    let (bench, workdir, file) =
        bench("echo '{\"format_version\"'; echo 'Error: oh' >&2; exit 1").await;
    let failure = shown(&workdir, &file, &bench.cancel).await.unwrap_err();
    assert!(failure.message.contains("oh"), "{failure}");
}
