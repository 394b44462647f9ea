//! The identity of everything a plan was made from, as one keyed hash: two configurations can plan
//! alike and act differently.

use crate::domain::failure::Failure;
use crate::domain::ids::Fingerprint;
use crate::terraform::{Backend, Selections, Workdir};

use super::context::Context;
use super::prepare::for_apply;
use super::resolve::Tracked;

/// Hashes engine, provider and module selections, variable
/// values, environment, backend and workspace.
pub(super) fn inputs(
    context: &Context,
    tracked: &Tracked,
    workdir: &Workdir,
    backend: &Backend,
    selections: &Selections,
) -> Result<Fingerprint, Failure> {
    let applying = for_apply(workdir, tracked)?;
    let canonical = serde_json::json!([
        workdir.engine.program,
        workdir.engine.version,
        workdir.workspace,
        workdir.var_files,
        workdir.backend_config,
        backend.identity,
        hex::encode(workdir.env.hash_input()),
        hex::encode(applying.env.hash_input()),
        selections,
    ]);
    Ok(context.key.inputs(canonical.to_string().as_bytes()))
}
