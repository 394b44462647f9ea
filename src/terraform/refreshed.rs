//! What a saved plan says by itself, without starting a provider: whether anything is planned, and
//! whether the refresh saw the world anywhere else than the state has it.
//!
//! The format is Terraform's own and not documented. Whatever is not exactly as known is
//! [`Refreshed::Unreadable`], and then `show` has to tell. No value of a state leaves this module:
//! the marks of what is sensitive are not complete there.

mod attributes;
mod planned;
mod protobuf;
mod states;

use std::fs::File;
use std::io::{BufReader, Read, Seek};

use zip::ZipArchive;

use super::plan_file::{PlanFile, believable};

/// A state inside a plan that is larger than this is not compared, in bytes.
const LARGEST_STATE: u64 = 64 << 20;

/// What the plan file says about how things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// Nothing is planned, no check failed, and the refresh found every object as the state had it:
    /// there is nothing in this plan that `show` could tell.
    Same,
    /// There is something; only `show` tells what.
    Differs(&'static str),
    /// Something is not as this program knows it.
    Unreadable(&'static str),
}

/// Why something cannot be compared; never quotes it.
struct Unknown(&'static str);

impl PlanFile {
    /// What the file says. It blocks, and takes some ten milliseconds for a megabyte of state.
    pub fn refreshed(&self) -> Refreshed {
        let compared = File::open(self.path())
            .map_err(|_| Unknown("the file cannot be opened"))
            .and_then(compare);
        compared.unwrap_or_else(|Unknown(what)| Refreshed::Unreadable(what))
    }
}

fn compare(file: File) -> Result<Refreshed, Unknown> {
    let archive = ZipArchive::new(BufReader::new(file));
    let mut archive = archive.map_err(|_| Unknown("it is no zip archive"))?;
    let plan = archive.by_name("tfplan");
    let plan = plan.map_err(|_| Unknown("there is no plan in it"))?;
    let planned = planned::read(BufReader::new(plan))?;
    if planned != Refreshed::Same {
        return Ok(planned);
    }
    let before = text(&mut archive, "tfstate-prev")?;
    let after = text(&mut archive, "tfstate")?;
    states::compare(&before, &after)
}

fn text(archive: &mut ZipArchive<impl Read + Seek>, name: &str) -> Result<Vec<u8>, Unknown> {
    let entry = archive.by_name(name);
    let entry = entry.map_err(|_| Unknown("there are not two states in it"))?;
    let most = believable(entry.compressed_size()).min(LARGEST_STATE);
    let mut bytes = Vec::new();
    let read = entry.take(most + 1).read_to_end(&mut bytes);
    match read {
        Ok(length) if length as u64 > most => Err(Unknown("a state in it is too large")),
        Ok(_) => Ok(bytes),
        Err(_) => Err(Unknown("a state in it cannot be unpacked")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
