//! Artifacts in a directory: `<root>/<run>/<name>` and `<root>/reports/<report>/<name>`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::files::{blocking, make_directory, sync_directory, write_aside};
use super::name::REPORTS;
use super::{ArtifactError, ArtifactId, ArtifactName, Kept, Retention, Shelf};
use crate::domain::report::ReportId;

/// Artifacts in a directory, readable by its owner only.
#[derive(Debug, Clone)]
pub struct LocalArtifacts {
    root: PathBuf,
}

impl LocalArtifacts {
    pub(super) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) async fn put(
        &self,
        artifact: ArtifactId,
        bytes: Vec<u8>,
    ) -> Result<(), ArtifactError> {
        let directory = self.root.join(artifact.shelf.to_string());
        blocking(move || put(&directory, &artifact.name, &bytes)).await
    }

    pub(super) async fn get(&self, artifact: ArtifactId) -> Result<Option<Vec<u8>>, ArtifactError> {
        let path = self.root.join(artifact.to_string());
        blocking(move || match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ArtifactError::file(&path, error)),
        })
        .await
    }

    pub(super) async fn list(&self, shelf: &Shelf) -> Result<Vec<Kept>, ArtifactError> {
        let directory = self.root.join(shelf.to_string());
        blocking(move || list(&directory)).await
    }

    pub(super) async fn reports(&self) -> Result<Vec<ReportId>, ArtifactError> {
        let root = self.root.clone();
        blocking(move || {
            let shelves = entries(&root.join(REPORTS))?.into_iter();
            Ok(shelves
                .filter_map(|(name, _)| ReportId::parse(&name))
                .collect())
        })
        .await
    }

    pub(super) async fn prune(&self, retention: Retention) -> Result<u64, ArtifactError> {
        let root = self.root.clone();
        blocking(move || prune(&root, &retention)).await
    }
}

fn put(directory: &Path, name: &ArtifactName, bytes: &[u8]) -> Result<(), ArtifactError> {
    let path = directory.join(name.as_str());
    make_directory(directory).map_err(|error| ArtifactError::file(directory, error))?;
    let refused = |error| ArtifactError::file(&path, error);
    let file = write_aside(directory, bytes).map_err(refused)?;
    file.persist(&path).map_err(|error| refused(error.error))?;
    sync_directory(directory).map_err(refused)
}

fn list(directory: &Path) -> Result<Vec<Kept>, ArtifactError> {
    let mut kept = Vec::new();
    for (name, path) in entries(directory)? {
        let Some(name) = ArtifactName::parse(&name) else {
            continue;
        };
        match std::fs::metadata(&path) {
            Ok(found) if found.is_file() => kept.push(Kept {
                name,
                bytes: found.len(),
                at: found.modified().ok().and_then(|at| at.try_into().ok()),
            }),
            // It has just been removed, or is none of ours.
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(ArtifactError::file(&path, error)),
        }
    }
    kept.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(kept)
}

/// What is in a directory, by name; nothing if there is no such directory.
fn entries(directory: &Path) -> Result<Vec<(String, PathBuf)>, ArtifactError> {
    let refused = |error| ArtifactError::file(directory, error);
    let found = match std::fs::read_dir(directory) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(refused(error)),
    };
    let mut entries = Vec::new();
    for entry in found {
        let entry = entry.map_err(refused)?;
        let name = entry.file_name();
        entries.extend(name.to_str().map(|name| (name.to_owned(), entry.path())));
    }
    Ok(entries)
}

/// Removes the directories of runs and reports that have had their time; what is none of these stays.
fn prune(root: &Path, retention: &Retention) -> Result<u64, ArtifactError> {
    let reports = entries(&root.join(REPORTS))?.into_iter();
    let reports = reports.map(|(name, path)| (format!("{REPORTS}/{name}"), path));
    let mut removed = 0;
    for (name, path) in entries(root)?.into_iter().chain(reports) {
        let Some(shelf) = Shelf::parse(&name) else {
            continue;
        };
        if retention.is_past(&shelf)
            && path.is_dir()
            && retention.ends(&shelf, list(&path)?.iter().map(|kept| &kept.name))
        {
            std::fs::remove_dir_all(&path).map_err(|error| ArtifactError::file(&path, error))?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::Artifacts;
    use super::super::retention::tests::{from_day, run_of_day};
    use super::super::settings::ArtifactPlace;
    use super::*;
    use crate::domain::ids::RunId;

    async fn names(artifacts: &Artifacts, shelf: impl Into<Shelf>) -> Vec<ArtifactName> {
        let kept = artifacts.list(&shelf.into()).await.unwrap();
        kept.into_iter().map(|kept| kept.name).collect()
    }

    fn name(text: &str) -> ArtifactName {
        ArtifactName::parse(text).unwrap()
    }

    fn artifact(n: u128, text: &str) -> ArtifactId {
        ArtifactId::new(run(n), name(text))
    }

    fn run(n: u128) -> RunId {
        RunId::from_uuid(uuid::Uuid::from_u128(n))
    }

    async fn open(data: &Path) -> Artifacts {
        Artifacts::open(&ArtifactPlace::Local, data, None)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn artifacts_are_kept_by_run_and_name_for_their_owner_only() {
        let data = tempfile::TempDir::new().unwrap();
        let artifacts = open(data.path()).await;
        assert_eq!(artifacts.get(&artifact(1, "a.txt")).await.unwrap(), None);
        assert_eq!(names(&artifacts, run(1)).await, []);
        for (n, file, text) in [
            (1, "b.txt", "old"),
            (1, "a.txt", "one"),
            (2, "a.txt", "two"),
            (1, "b.txt", ""),
        ] {
            let dropped = artifacts.put(artifact(n, file), text.into()).await;
            assert_eq!(dropped.unwrap(), []);
        }
        let found = artifacts.get(&artifact(2, "a.txt")).await.unwrap();
        assert_eq!(found.as_deref(), Some(&b"two"[..]));
        let found = artifacts.get(&artifact(1, "b.txt")).await.unwrap();
        assert_eq!(found.as_deref(), Some(&b""[..]));
        let directory = data.path().join("artifacts").join(run(1).to_string());
        std::fs::write(directory.join(".incomplete-x"), "half").unwrap();
        let listed = names(&artifacts, run(1)).await;
        assert_eq!(listed, [name("a.txt"), name("b.txt")]);

        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data.path().join("artifacts")), 0o700);
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&directory.join("a.txt")), 0o600);
    }

    #[tokio::test]
    async fn a_write_that_fails_leaves_the_old_artifact_and_no_rest() {
        let data = tempfile::TempDir::new().unwrap();
        let artifacts = open(data.path()).await;
        let directory = data.path().join("artifacts").join(run(1).to_string());
        std::fs::create_dir_all(directory.join("taken/x")).unwrap();
        let error = artifacts
            .put(artifact(1, "taken"), b"new".to_vec())
            .await
            .unwrap_err();
        assert!(matches!(error, ArtifactError::File { .. }), "{error:?}");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn old_runs_go_and_those_that_applied_stay() {
        let data = tempfile::TempDir::new().unwrap();
        let artifacts = open(data.path()).await;
        assert_eq!(artifacts.prune(from_day(9, &[])).await.unwrap(), 0);
        let (old, logged, applied, new) = (
            run_of_day(1, 0),
            run_of_day(1, 1),
            run_of_day(1, 2),
            run_of_day(5, 0),
        );
        for run in [old, logged, applied, new] {
            let check = ArtifactId::new(run, ArtifactName::CHECK);
            artifacts.put(check, b"{}".to_vec()).await.unwrap();
        }
        let log = ArtifactId::new(logged, ArtifactName::APPLY_LOG);
        artifacts.put(log, b"done".to_vec()).await.unwrap();
        std::fs::write(data.path().join("artifacts/notes"), "mine").unwrap();
        let pruned = artifacts.prune(from_day(3, &[applied])).await.unwrap();
        assert_eq!(pruned, 1);
        assert_eq!(names(&artifacts, old).await, []);
        assert_eq!(names(&artifacts, logged).await.len(), 2);
        for run in [applied, new] {
            assert_eq!(names(&artifacts, run).await, [ArtifactName::CHECK]);
        }
        assert!(data.path().join("artifacts/notes").exists());
        assert_eq!(artifacts.prune(from_day(3, &[applied])).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn reports_are_kept_beside_runs_and_go_when_their_time_is_over() {
        let data = tempfile::TempDir::new().unwrap();
        let artifacts = open(data.path()).await;
        assert_eq!(artifacts.reports().await.unwrap(), []);
        let report = |day: i64| {
            let at = jiff::Timestamp::from_second(day * 86_400).unwrap();
            ReportId::new(at, "weekly", Some("web"), 0)
        };
        for day in [1, 8] {
            let html = ArtifactId::new(report(day), name("report.html"));
            artifacts.put(html, b"<p>".to_vec()).await.unwrap();
        }
        std::fs::write(data.path().join("artifacts/reports/notes"), "mine").unwrap();
        assert_eq!(artifacts.reports().await.unwrap(), [report(8), report(1)]);
        let kept = artifacts.list(&report(8).into()).await.unwrap();
        assert_eq!((kept[0].bytes, kept.len()), (3, 1));
        assert!(kept[0].at.is_some());
        assert_eq!(artifacts.prune(from_day(3, &[])).await.unwrap(), 1);
        assert_eq!(artifacts.reports().await.unwrap(), [report(8)]);
        assert!(data.path().join("artifacts/reports/notes").exists());
    }
}
