//! Artifacts in a directory: `<root>/<run>/<name>`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::files::{make_directory, sync_directory, write_aside};
use super::{ArtifactError, ArtifactName};
use crate::domain::ids::RunId;

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
        run: RunId,
        name: ArtifactName,
        bytes: Vec<u8>,
    ) -> Result<(), ArtifactError> {
        let directory = self.root.join(run.to_string());
        blocking(move || put(&directory, &name, &bytes)).await
    }

    pub(super) async fn get(
        &self,
        run: RunId,
        name: ArtifactName,
    ) -> Result<Option<Vec<u8>>, ArtifactError> {
        let path = self.root.join(run.to_string()).join(name.as_str());
        blocking(move || match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ArtifactError::file(&path, error)),
        })
        .await
    }

    pub(super) async fn list(&self, run: RunId) -> Result<Vec<ArtifactName>, ArtifactError> {
        let directory = self.root.join(run.to_string());
        blocking(move || list(&directory)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArtifactError> + Send + 'static,
) -> Result<T, ArtifactError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ArtifactError::File {
            path: PathBuf::new(),
            cause: std::io::Error::other(error),
        }),
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

fn list(directory: &Path) -> Result<Vec<ArtifactName>, ArtifactError> {
    let refused = |error| ArtifactError::file(directory, error);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(refused(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(refused)?.file_name();
        names.extend(name.to_str().and_then(ArtifactName::parse));
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::Artifacts;
    use super::super::settings::ArtifactSettings;
    use super::*;

    fn name(text: &str) -> ArtifactName {
        ArtifactName::parse(text).unwrap()
    }

    fn run(n: u128) -> RunId {
        RunId::from_uuid(uuid::Uuid::from_u128(n))
    }

    async fn open(data: &Path) -> Artifacts {
        Artifacts::open(&ArtifactSettings::Local, data, None)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn artifacts_are_kept_by_run_and_name_for_their_owner_only() {
        let data = tempfile::TempDir::new().unwrap();
        let artifacts = open(data.path()).await;
        assert_eq!(artifacts.get(&run(1), &name("a.txt")).await.unwrap(), None);
        assert_eq!(artifacts.list(&run(1)).await.unwrap(), []);
        for (n, file, text) in [
            (1, "b.txt", "old"),
            (1, "a.txt", "one"),
            (2, "a.txt", "two"),
            (1, "b.txt", ""),
        ] {
            artifacts
                .put(&run(n), &name(file), text.into())
                .await
                .unwrap();
        }
        let found = artifacts.get(&run(2), &name("a.txt")).await.unwrap();
        assert_eq!(found.as_deref(), Some(&b"two"[..]));
        let found = artifacts.get(&run(1), &name("b.txt")).await.unwrap();
        assert_eq!(found.as_deref(), Some(&b""[..]));
        let directory = data.path().join("artifacts").join(run(1).to_string());
        std::fs::write(directory.join(".incomplete-x"), "half").unwrap();
        let listed = artifacts.list(&run(1)).await.unwrap();
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
            .put(&run(1), &name("taken"), b"new".to_vec())
            .await
            .unwrap_err();
        assert!(matches!(error, ArtifactError::File { .. }), "{error:?}");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
    }
}
