//! Records are moved, backed up and put back, without a daemon.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{StartError, open_layout, path};
use crate::reconcile::layout::Layout;
use crate::reconcile::settings::Settings;
use crate::store::transfer::{Place, Transferred, transfer};
use crate::store::{StoreError, seal};

/// What a file in the data directory is called once its records are on a server.
const MOVED: &str = "mooring.db.moved";

/// Why records cannot be moved, backed up or put back.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// The data directory or a database cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The configuration names no server.
    #[error("the configuration names no PostgreSQL database")]
    NoServer,
    /// There is nothing to move.
    #[error("there is no {0}")]
    Nothing(String),
    /// What is to be made is there already.
    #[error("{0} is there already")]
    Exists(String),
    /// A copy of a file that was in use.
    #[error("{0} is no backup: what was written last stands in the file beside it")]
    InUse(String),
    /// A file cannot be read or written.
    #[error("cannot use {path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
}

impl From<StoreError> for RecordsError {
    fn from(error: StoreError) -> Self {
        Self::Start(error.into())
    }
}

impl RecordsError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Start(error) => error.hint(),
            Self::NoServer => {
                "name one: store.postgres_url_file or store.postgres_url_env".to_owned()
            }
            Self::Nothing(_) => "check data_dir, or the name of the file".to_owned(),
            Self::Exists(_) => "name another file, or move that one away".to_owned(),
            Self::InUse(_) => "make one with `mooring store backup`".to_owned(),
            Self::File { .. } => "make it readable and writable for this user".to_owned(),
        }
    }
}

/// What was done.
#[derive(Debug)]
pub struct Done {
    /// What was brought over.
    pub records: Transferred,
    /// What is to be done or known now.
    pub next: String,
}

/// Moves all records from the file in the data directory to the server. The file is kept under another
/// name, so that no daemon takes it for what is true.
pub async fn to_server(settings: &Settings) -> Result<Done, RecordsError> {
    let server = settings.database.as_ref().ok_or(RecordsError::NoServer)?;
    let (layout, _held) = hold(settings)?;
    let file = layout.database();
    if !file.exists() {
        return Err(RecordsError::Nothing(shown(&file)));
    }
    let moved = layout.root().join(MOVED);
    if moved.exists() {
        return Err(RecordsError::Exists(shown(&moved)));
    }
    // An older version's file gets the schema of this one.
    Place::File(&file).open().await?.close().await;
    let records = transfer(Place::File(&file), Place::Server(server)).await?;
    seal(&file).await?;
    rename(&file, &moved)?;
    let next = format!(
        "{} is kept, and used no more: remove it when a backup of the new place is made",
        shown(&moved)
    );
    Ok(Done { records, next })
}

/// Moves all records from the server to a file in the data directory.
pub async fn to_file(settings: &Settings) -> Result<Done, RecordsError> {
    let server = settings.database.as_ref().ok_or(RecordsError::NoServer)?;
    let (layout, _held) = hold(settings)?;
    let file = layout.database();
    // Nobody writes there as long as this is open.
    let held = Place::Server(server).open().await?;
    let records = into_new(Place::Server(server), &file, layout.root()).await;
    held.close().await;
    let next = "take `store` out of the configuration; the database on the server still holds \
                the same records: drop it when a backup of the new place is made"
        .to_owned();
    let records = records?;
    Ok(Done { records, next })
}

/// Writes all records, as they are at one moment, into a new file; a daemon may be at work.
pub async fn backup(settings: &Settings, file: &Path) -> Result<Done, RecordsError> {
    let database = settings.data_dir.join("mooring.db");
    let from = match &settings.database {
        Some(server) => Place::Server(server),
        None if database.exists() => Place::File(&database),
        None => return Err(RecordsError::Nothing(shown(&database))),
    };
    let parent = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let records = into_new(from, file, parent.unwrap_or(Path::new("."))).await?;
    let next = format!("put it back with `mooring store restore {}`", shown(file));
    Ok(Done { records, next })
}

/// Puts the records of a backup into a database that has none.
pub async fn restore(settings: &Settings, file: &Path) -> Result<Done, RecordsError> {
    let (layout, _held) = hold(settings)?;
    if !file.is_file() {
        return Err(RecordsError::Nothing(shown(file)));
    }
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    if fs::metadata(&log).is_ok_and(|found| found.len() > 0) {
        return Err(RecordsError::InUse(shown(file)));
    }
    // A backup of an older version gets the schema of this one; the file itself stays as it is.
    let aside = aside(layout.root())?;
    let copy = aside.path().join("mooring.db");
    fs::copy(file, &copy)
        .and_then(|_| fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)))
        .map_err(|cause| unusable(file, cause))?;
    Place::File(&copy).open().await?.close().await;
    let records = match &settings.database {
        Some(server) => transfer(Place::File(&copy), Place::Server(server)).await?,
        None => {
            let database = layout.database();
            transfer(Place::File(&copy), Place::File(&database)).await?
        }
    };
    let next = "start the daemon; it looks at every stack before it does anything".to_owned();
    Ok(Done { records, next })
}

/// Makes a file of all records: the whole file or none.
async fn into_new(
    from: Place<'_>,
    file: &Path,
    directory: &Path,
) -> Result<Transferred, RecordsError> {
    if file.exists() {
        return Err(RecordsError::Exists(shown(file)));
    }
    let aside = aside(directory)?;
    let new = aside.path().join("mooring.db");
    let records = transfer(from, Place::File(&new)).await?;
    seal(&new).await?;
    rename(&new, file)?;
    Ok(records)
}

fn hold(settings: &Settings) -> Result<(Layout, fs::File), RecordsError> {
    let layout = open_layout(settings)?;
    let held = layout.lock().map_err(|_| StartError::InUse {
        path: path(settings),
    })?;
    Ok((layout, held))
}

/// A private directory, which goes with what is left in it.
fn aside(directory: &Path) -> Result<tempfile::TempDir, RecordsError> {
    let made = tempfile::Builder::new()
        .prefix(".mooring-")
        .tempdir_in(directory);
    made.map_err(|cause| unusable(directory, cause))
}

fn rename(from: &Path, to: &Path) -> Result<(), RecordsError> {
    let renamed = fs::rename(from, to).and_then(|()| {
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        fs::File::open(parent.unwrap_or(Path::new("."))).and_then(|parent| parent.sync_all())
    });
    renamed.map_err(|cause| unusable(to, cause))
}

fn unusable(path: &Path, cause: std::io::Error) -> RecordsError {
    let path = shown(path);
    RecordsError::File { path, cause }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
