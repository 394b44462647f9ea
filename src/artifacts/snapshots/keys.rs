//! The keys that snapshots are sealed for, and those that open them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use age::x25519::{Identity, Recipient};
use secrecy::{ExposeSecret, SecretString};

use super::super::ArtifactError;
use super::super::files::{make_directory, sync_directory, write_aside};
use super::super::settings::SnapshotKeys;
use super::SnapshotError;

/// What the installation's own key is called in the data directory.
const OWN: &str = "snapshots.key";

/// Where the keys come from. They are read at each use and not kept.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    settings: SnapshotKeys,
    own: PathBuf,
}

/// The keys as they are now.
pub(super) struct Loaded {
    /// They open; none where Mooring can only write.
    pub(super) identities: Vec<Identity>,
    /// New snapshots are sealed for them.
    pub(super) recipients: Vec<Recipient>,
    /// Whether one of the identities opens what is sealed now.
    pub(super) opens: bool,
}

impl Keys {
    pub(super) fn new(data_dir: &Path, settings: SnapshotKeys) -> Self {
        Self {
            settings,
            own: data_dir.join(OWN),
        }
    }

    /// Reads them. Where none is configured the installation has one of its own, made on first use.
    pub(super) fn load(&self) -> Result<Loaded, SnapshotError> {
        let mut recipients = self.settings.recipients.clone();
        let configured = match &self.settings.key {
            Some(source) => {
                let text = source.read()?;
                identities(&text).ok_or(SnapshotError::NoKeyThere)?
            }
            None if recipients.is_empty() => vec![self.made()?],
            None => Vec::new(),
        };
        // The first is the one in use; those below it open what was sealed before it was.
        recipients.extend(configured.first().map(Identity::to_public));
        let opens = !configured.is_empty();
        let mut identities = configured;
        if self.settings.key.is_some() || !self.settings.recipients.is_empty() {
            identities.extend(self.found()?);
        }
        Ok(Loaded {
            identities,
            recipients,
            opens,
        })
    }

    /// The installation's own key, if there is one.
    fn found(&self) -> Result<Option<Identity>, SnapshotError> {
        let text = match std::fs::read_to_string(&self.own) {
            Ok(text) => SecretString::from(text),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ArtifactError::file(&self.own, error).into()),
        };
        let own = identities(&text).and_then(|own| own.into_iter().next());
        own.map(Some).ok_or(SnapshotError::NoKeyThere)
    }

    fn made(&self) -> Result<Identity, SnapshotError> {
        if let Some(own) = self.found()? {
            return Ok(own);
        }
        let own = Identity::generate();
        let text = format!(
            "# public key: {}\n{}\n",
            own.to_public(),
            own.to_string().expose_secret()
        );
        let directory = self.own.parent().unwrap_or(Path::new("."));
        let refused = |error| ArtifactError::file(&self.own, error);
        make_directory(directory).map_err(refused)?;
        let file = write_aside(directory, text.as_bytes()).map_err(refused)?;
        match file.persist_noclobber(&self.own) {
            Ok(_) => sync_directory(directory).map_err(refused)?,
            // Another one was made just now, and is the one that counts.
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
                return self.found()?.ok_or(SnapshotError::NoKeyThere);
            }
            Err(error) => return Err(refused(error.error).into()),
        }
        Ok(own)
    }
}

/// The identities in a text as `age-keygen` writes it; none if there is none or something else.
fn identities(text: &SecretString) -> Option<Vec<Identity>> {
    let lines = text.expose_secret().lines().map(str::trim);
    let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<Identity> = keys.map(|key| key.parse().ok()).collect::<Option<_>>()?;
    (!keys.is_empty()).then_some(keys)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::seal::{open, seal};
    use super::*;
    use crate::secret::SecretSource;

    fn load(
        data: &Path,
        key: Option<&str>,
        recipients: &[Recipient],
    ) -> Result<Loaded, SnapshotError> {
        let path = data.join("configured");
        if let Some(key) = key {
            std::fs::write(&path, key).unwrap();
        }
        let settings = SnapshotKeys {
            key: key.map(|_| SecretSource::File(path)),
            recipients: recipients.to_vec(),
        };
        Keys::new(data, settings).load()
    }

    #[test]
    fn without_a_key_one_is_made_once_for_the_owner_only() {
        let data = tempfile::TempDir::new().unwrap();
        let first = load(data.path(), None, &[]).unwrap();
        let path = data.path().join(OWN);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let sealed = seal(first.recipients.iter(), b"x").unwrap();
        let second = load(data.path(), None, &[]).unwrap();
        assert!(second.opens);
        assert_eq!(open(&second.identities, &sealed).unwrap(), b"x");
        std::fs::write(&path, "broken").unwrap();
        assert!(load(data.path(), None, &[]).is_err());
    }

    #[test]
    fn a_new_key_stands_above_the_old_ones_which_still_open() {
        let data = tempfile::TempDir::new().unwrap();
        let own = load(data.path(), None, &[]).unwrap();
        let before = seal(own.recipients.iter(), b"before").unwrap();
        let [new, old] = [(); 2].map(|()| Identity::generate());
        let sealed_with_old = seal([old.to_public()].iter(), b"old").unwrap();
        let text = format!(
            "# new\n{}\n\n {}\r\n",
            new.to_string().expose_secret(),
            old.to_string().expose_secret()
        );
        let loaded = load(data.path(), Some(&text), &[]).unwrap();
        assert_eq!(loaded.recipients.len(), 1);
        assert_eq!(
            loaded.recipients[0].to_string(),
            new.to_public().to_string()
        );
        for (sealed, plain) in [(&before, "before"), (&sealed_with_old, "old")] {
            let opened = open(&loaded.identities, sealed).unwrap();
            assert_eq!(opened, plain.as_bytes());
        }
    }

    #[test]
    fn recipients_alone_open_nothing_and_make_no_key() {
        let data = tempfile::TempDir::new().unwrap();
        let theirs = Identity::generate().to_public();
        let loaded = load(data.path(), None, std::slice::from_ref(&theirs)).unwrap();
        assert!(!loaded.opens && loaded.identities.is_empty());
        assert!(!data.path().join(OWN).exists());
        let own = Identity::generate();
        let text = own.to_string().expose_secret().to_owned();
        let both = load(data.path(), Some(&text), &[theirs]).unwrap();
        assert_eq!((both.opens, both.recipients.len()), (true, 2));
    }

    #[test]
    fn what_is_no_key_is_refused_without_repeating_it() {
        let data = tempfile::TempDir::new().unwrap();
        for text in ["hunter2hunter2", "# nothing\n", "AGE-SECRET-KEY-1QQQ"] {
            let error = load(data.path(), Some(text), &[]).err().unwrap();
            let told = format!("{error} {error:?} {}", error.hint());
            assert!(!told.contains(text), "{told}");
        }
    }
}
