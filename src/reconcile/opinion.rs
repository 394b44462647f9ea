//! What people's policies in Rego say of a plan: they are given the plan as `show` tells it, without
//! its secrets.

use tokio::sync::mpsc;

use crate::domain::check::StackCheck;
use crate::domain::opinion::{Opinion, PolicyFailureKind};
use crate::plan_json::document;
use crate::rego::{Policies, Question, StackFacts};
use crate::report::stack_dto;
use crate::secret::Masker;
use crate::terraform::Workdir;

use super::context::Context;
use super::look::Sighting;
use super::resolve::Tracked;

/// A larger plan is given to nobody, in bytes; that is a failure, and nothing is safe then.
const LARGEST: usize = 256 << 20;
/// How many pieces of the plan may be under way.
const PIECES: usize = 8;

/// What the policies say; none without policies or without a plan that would change something.
pub(super) async fn opinion(
    context: &Context,
    tracked: &Tracked,
    workdir: &Workdir,
    seen: &Sighting,
    check: &StackCheck,
) -> Option<Opinion> {
    let policies = context.policies.clone()?;
    let plan = seen.plan.as_ref()?;
    if check.findings.changes() == 0 && check.findings.outputs.is_empty() {
        return None;
    }
    let (pieces, mut incoming) = mpsc::channel::<Vec<u8>>(PIECES);
    let gather = async {
        let mut bytes = Vec::new();
        while let Some(piece) = incoming.recv().await {
            if bytes.len() + piece.len() > LARGEST {
                return None;
            }
            bytes.extend_from_slice(&piece);
        }
        Some(bytes)
    };
    let show = workdir.show(&plan.file, &context.stop.plans, pieces);
    let (shown, bytes) = tokio::join!(show, gather);
    let failed = |why: String| Some(Opinion::failed(PolicyFailureKind::Input, why));
    if let Err(failure) = shown {
        return failed(format!("the plan cannot be shown: {}", failure.message));
    }
    let Some(bytes) = bytes else {
        return failed(format!("the plan is larger than {LARGEST} bytes"));
    };
    let asking = Asking {
        policies,
        bytes,
        masker: seen.masker.clone(),
        check: check.clone(),
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
    let answered = tokio::task::spawn_blocking(move || asking.answer()).await;
    Some(
        answered
            .unwrap_or_else(|error| Opinion::failed(PolicyFailureKind::Crashed, error.to_string())),
    )
}

struct Asking {
    policies: Policies,
    bytes: Vec<u8>,
    masker: Masker,
    check: StackCheck,
    stack: StackFacts,
    mode: crate::domain::policy::PolicyMode,
    now: jiff::Timestamp,
}

impl Asking {
    fn answer(self) -> Opinion {
        let plan = match document(&self.bytes, &self.masker) {
            Ok(plan) => plan,
            Err(error) => return Opinion::failed(PolicyFailureKind::Input, error.to_string()),
        };
        drop(self.bytes);
        let report = serde_json::to_value(stack_dto(&self.check)).unwrap_or_default();
        self.policies.evaluate(&Question {
            plan: &plan,
            findings: &report["findings"],
            stack: &self.stack,
            mode: self.mode,
            now: self.now,
        })
    }
}
