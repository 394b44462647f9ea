//! A saved plan read while the engine still writes its JSON: neither waits for the other to end, and
//! only a few pieces of the JSON are under way at once.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::digest::DigestKey;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::Address;
use crate::plan_json::{Reader, Reading, Schema};
use crate::terraform::{PlanFile, Workdir};

use super::schemas::schemas;

/// How many pieces, of 64 KiB at most, may be under way.
const PIECES: usize = 8;

/// How a saved plan is read.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'a> {
    /// Fingerprints masked values.
    pub(super) key: &'a DigestKey,
    /// Objects that are of interest although the plan leaves them as they are.
    pub(super) keep: BTreeSet<Address>,
    /// Where provider schemas are kept, which tell what is secret in plans that mark too little.
    pub(super) schemas: &'a Path,
}

/// What is in a saved plan, as `show` tells it. A failure of the engine comes before one of reading
/// what it wrote. Dropping the future stops both.
pub(super) async fn shown(
    workdir: &Workdir,
    file: &PlanFile,
    wanted: &Wanted<'_>,
    cancel: &CancellationToken,
) -> Result<Reading, Failure> {
    let masked = once(workdir, file, wanted, Schema::default(), cancel).await?;
    if masked.wants_schema.is_empty() {
        return Ok(masked);
    }
    match schema(workdir, wanted.schemas, &masked.wants_schema, cancel).await {
        Ok(schema) => once(workdir, file, wanted, schema, cancel).await,
        Err(failure) => {
            tracing::warn!("more is masked than has to be: {failure}");
            Ok(masked)
        }
    }
}

async fn schema(
    workdir: &Workdir,
    cache: &Path,
    types: &BTreeSet<String>,
    cancel: &CancellationToken,
) -> Result<Schema, Failure> {
    let bytes = schemas(workdir, cache, cancel).await?;
    Schema::read(&*bytes, Some(types)).map_err(|error| {
        Failure::new(
            FailureKind::Internal,
            error.to_string(),
            "see what `terraform providers schema -json` prints in the directory",
        )
    })
}

async fn once(
    workdir: &Workdir,
    file: &PlanFile,
    wanted: &Wanted<'_>,
    schema: Schema,
    cancel: &CancellationToken,
) -> Result<Reading, Failure> {
    let (pieces, incoming) = mpsc::channel(PIECES);
    let (key, keep) = (wanted.key.clone(), wanted.keep.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let reader = Reader::new(&key).keeping(&keep).with_schema(&schema);
        reader.read_from(Incoming::new(incoming))
    });
    let written = workdir.show(file, cancel, pieces).await;
    let reading = reading.await;
    written?;
    match reading {
        Ok(reading) => Ok(reading?),
        Err(_) => Err(Failure::new(
            FailureKind::UnreadablePlan,
            "reading the plan stopped unexpectedly",
            "run `terraform show -json` on a plan of this stack and report what is odd in it",
        )),
    }
}

/// The receiving end of a channel as something to read from. It blocks.
struct Incoming {
    pieces: mpsc::Receiver<Vec<u8>>,
    piece: std::io::Cursor<Vec<u8>>,
}

impl Incoming {
    fn new(pieces: mpsc::Receiver<Vec<u8>>) -> Self {
        Self {
            pieces,
            piece: std::io::Cursor::default(),
        }
    }
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while !buffer.is_empty() {
            match self.piece.read(buffer)? {
                0 => match self.pieces.blocking_recv() {
                    Some(next) => self.piece = std::io::Cursor::new(next),
                    None => break,
                },
                length => return Ok(length),
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_pieces_make_the_whole(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..9)) {
            let (sender, receiver) = mpsc::channel(PIECES + 1);
            for piece in &pieces {
                sender.try_send(piece.clone()).unwrap();
            }
            drop(sender);
            let mut whole = Vec::new();
            Incoming::new(receiver).read_to_end(&mut whole).unwrap();
            prop_assert_eq!(whole, pieces.concat());
        }
    }

    #[test]
    fn a_reader_ends_with_its_sender() {
        let (sender, receiver) = mpsc::channel(PIECES);
        let thread = std::thread::spawn(|| {
            let key = DigestKey::new([7; 32]);
            Reader::new(&key).read_from(Incoming::new(receiver))
        });
        sender
            .blocking_send(b"{\"format_version\":\"1.2\",".to_vec())
            .unwrap();
        drop(sender);
        let failure = Failure::from(thread.join().unwrap().unwrap_err());
        assert_eq!(failure.kind, FailureKind::UnreadablePlan);
    }
}
