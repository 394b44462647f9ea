//! The identity of everything a plan was made from, as one keyed hash: two configurations can plan
//! alike and act differently.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::{CommitId, Fingerprint};
use crate::terraform::{Backend, Workdir};

use super::context::Context;
use super::prepare::for_apply;
use super::resolve::Tracked;

/// Hashes the commit (and with it the Git tree), engine, provider and module selections, variable
/// values, environment, backend and workspace.
pub(super) fn inputs(
    context: &Context,
    tracked: &Tracked,
    workdir: &Workdir,
    commit: &CommitId,
    backend: &Backend,
) -> Result<Fingerprint, Failure> {
    let applying = for_apply(workdir, tracked)?;
    let canonical = serde_json::json!([
        commit,
        workdir.engine.program,
        workdir.engine.version,
        workdir.workspace,
        workdir.var_files,
        workdir.backend_config,
        backend.identity,
        hex::encode(workdir.env.hash_input()),
        hex::encode(applying.env.hash_input()),
        file_hash(&workdir.dir.join(".terraform.lock.hcl"))?,
        file_hash(&workdir.dir.join(".terraform/modules/modules.json"))?,
    ]);
    Ok(context.key.inputs(canonical.to_string().as_bytes()))
}

fn file_hash(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(hex::encode(Sha256::digest(bytes)))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(
            FailureKind::Internal,
            format!("cannot read {}: {error}", path.display()),
            "make the data directory readable for Mooring",
        )),
    }
}
