//! A saved plan read while the engine still writes its JSON: neither waits for the other to end, and
//! only a few pieces of the JSON are under way at once.

use std::io::Read;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::digest::DigestKey;
use crate::domain::failure::{Failure, FailureKind};
use crate::plan_json::{self, Reading};
use crate::terraform::{PlanFile, Workdir};

/// How many pieces, of 64 KiB at most, may be under way.
const PIECES: usize = 8;
/// JSON of a plan larger than this is refused, in bytes.
const LARGEST_JSON: u64 = 1 << 30;

/// What is in a saved plan, as `show` tells it. A failure of the engine comes before one of reading
/// what it wrote. Dropping the future stops both.
pub(super) async fn shown(
    workdir: &Workdir,
    file: &PlanFile,
    key: &DigestKey,
    cancel: &CancellationToken,
) -> Result<Reading, Failure> {
    let (pieces, incoming) = mpsc::channel(PIECES);
    let key = key.clone();
    let reading = tokio::task::spawn_blocking(move || read(Incoming::new(incoming), &key));
    let written = workdir.show(file, cancel, pieces).await;
    let reading = reading.await;
    written?;
    reading.unwrap_or_else(|_| {
        Err(Failure::new(
            FailureKind::UnreadablePlan,
            "reading the plan stopped unexpectedly",
            "run `terraform show -json` on a plan of this stack and report what is odd in it",
        ))
    })
}

fn read(json: impl Read, key: &DigestKey) -> Result<Reading, Failure> {
    let mut bytes = Vec::new();
    let length = json.take(LARGEST_JSON + 1).read_to_end(&mut bytes);
    match length {
        Ok(length) if length as u64 > LARGEST_JSON => Err(Failure::new(
            FailureKind::OutputTooLarge,
            format!("the plan's JSON is larger than {} MiB", LARGEST_JSON >> 20),
            "split the stack",
        )),
        Ok(_) => Ok(plan_json::read(&bytes, key)?),
        Err(cause) => Err(Failure::new(
            FailureKind::Internal,
            format!("the plan's JSON cannot be passed on: {cause}"),
            "run it again",
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
        let thread = std::thread::spawn(|| read(Incoming::new(receiver), &DigestKey::new([7; 32])));
        sender
            .blocking_send(b"{\"format_version\":\"1.2\",".to_vec())
            .unwrap();
        drop(sender);
        let failure = thread.join().unwrap().unwrap_err();
        assert_eq!(failure.kind, FailureKind::UnreadablePlan);
    }
}
