//! What people's policies in Rego say of a plan: they are given the plan as `show` tells it, without
//! its secrets.

use std::io::Read;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::check::StackCheck;
use crate::domain::opinion::{Opinion, PolicyFailureKind};
use crate::domain::policy::PolicyMode;
use crate::plan_json::document;
use crate::rego::{Policies, Question, StackFacts};
use crate::report::stack_dto;
use crate::secret::Masker;
use crate::terraform::{PlanFile, Workdir};

use super::context::Context;
use super::look::Sighting;
use super::resolve::Tracked;

/// A larger plan is given to nobody, in bytes; that is a failure, and nothing is safe then.
const LARGEST: usize = 256 << 20;
/// How many pieces of the plan may be under way.
const PIECES: usize = 8;

/// Policies that are asked about the plan of one stack.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The policies.
    pub(super) policies: Policies,
    /// What they are told of the stack.
    pub(super) stack: StackFacts,
    /// How far policy lets Mooring go.
    pub(super) mode: PolicyMode,
    /// The time.
    pub(super) now: jiff::Timestamp,
}

/// What the policies say; none without policies or without a plan that would change something.
pub(super) async fn opinion(
    context: &Context,
    tracked: &Tracked,
    workdir: &Workdir,
    seen: &Sighting,
    check: &StackCheck,
) -> Option<Opinion> {
    let asked = Asked {
        policies: context.policies.clone()?,
        stack: StackFacts {
            id: tracked.id.to_string(),
            source: tracked.source.to_string(),
            dir: tracked.dir.clone(),
            workspace: tracked.workspace.clone(),
            labels: tracked.settings.labels.clone(),
            owners: tracked.owners.clone(),
        },
        // The operator's: a policy may forbid more in a mode that goes further, and what the repository
        // says must not keep it from that.
        mode: tracked.settings.policy.policy.mode,
        now: context.now(),
    };
    let plan = seen.plan.as_ref()?;
    let shown = (workdir, &plan.file);
    asked
        .about_plan(shown, &seen.masker, check, &context.stop.plans)
        .await
}

impl Asked {
    /// What they say of a saved plan, as an engine shows it; none if it would change nothing.
    pub(super) async fn about_plan(
        self,
        (workdir, file): (&Workdir, &PlanFile),
        masker: &Masker,
        check: &StackCheck,
        cancel: &CancellationToken,
    ) -> Option<Opinion> {
        if !changes(check) {
            return None;
        }
        let (pieces, mut incoming) = mpsc::channel::<Vec<u8>>(PIECES);
        let gather = async {
            let mut bytes = Vec::new();
            // What is more than the largest is not kept, and tells that it is more.
            while let Some(piece) = incoming.recv().await {
                bytes.extend_from_slice(&piece);
                if bytes.len() > LARGEST {
                    break;
                }
            }
            bytes
        };
        let show = workdir.show(file, cancel, pieces);
        let (shown, bytes) = tokio::join!(show, gather);
        if let (Err(failure), ..=LARGEST) = (shown, bytes.len()) {
            let why = format!("the plan cannot be shown: {}", failure.message);
            return Some(Opinion::failed(PolicyFailureKind::Input, why));
        }
        let (masker, check) = (masker.clone(), check.clone());
        let answered = tokio::task::spawn_blocking(move || self.about(&bytes, &masker, &check));
        Some(
            answered.await.unwrap_or_else(|error| {
                Opinion::failed(PolicyFailureKind::Crashed, error.to_string())
            }),
        )
    }

    /// What they say of a plan in JSON.
    pub(super) fn about(self, bytes: &[u8], masker: &Masker, check: &StackCheck) -> Opinion {
        let failed = |why: String| Opinion::failed(PolicyFailureKind::Input, why);
        if bytes.len() > LARGEST {
            return failed(format!("the plan is larger than {LARGEST} bytes"));
        }
        let plan = match document(bytes, masker) {
            Ok(plan) => plan,
            Err(error) => return failed(error.to_string()),
        };
        let report = serde_json::to_value(stack_dto(check)).unwrap_or_default();
        self.policies.evaluate_apart(&Question {
            plan: &plan,
            findings: &report["findings"],
            stack: &self.stack,
            mode: self.mode,
            now: self.now,
        })
    }
}

/// The plan in JSON, as far as policies are given it.
pub(super) fn gathered(source: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether there is anything that policies could be asked about.
pub(super) fn changes(check: &StackCheck) -> bool {
    check.findings.changes() > 0 || !check.findings.outputs.is_empty()
}
