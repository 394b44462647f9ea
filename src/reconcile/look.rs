//! One look at a stack: init when needed, plan, show unless needless, read, classify. The same for
//! the daemon and for `check`; it changes nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::domain::classify::classify;
use crate::domain::digest::{DigestKey, change_digest};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::{Findings, PlanExit, Verdict, verdict};
use crate::domain::history::{History, refine};
use crate::domain::ids::ChangeDigest;
use crate::domain::ledger::{LedgerEntry, carry};
use crate::domain::plan::Plan;
use crate::domain::rules::Rules;
use crate::domain::stack::StateIdentity;
use crate::plan_json::Reading;
use crate::secret::Masker;
use crate::terraform::{self, Backend, PlanFile, Planned, Refreshed, Selections, Workdir};

use super::shown::{Wanted, shown};

/// How often a plan is made again because the state moved meanwhile.
const MAX_PLANS: usize = 3;

/// How to look.
#[derive(Debug)]
pub struct Lens<'a> {
    /// Where and with what Terraform runs.
    pub workdir: &'a Workdir,
    /// Whether init may run there: in somebody's own tree it may not.
    pub init: bool,
    /// Fingerprints masked values.
    pub key: &'a DigestKey,
    /// The operator's rules on severities, noise and what cannot be undone.
    pub rules: &'a Rules,
    /// Unenforced findings of earlier looks.
    pub ledger: Vec<LedgerEntry>,
    /// What else is known from before.
    pub history: History,
    /// Whether a state in a local file may be used: in somebody's own tree it is theirs, a checkout
    /// would not have it.
    pub local_state: bool,
    /// Whether the plan is shown even if its file says that there is nothing to see.
    pub always_show: bool,
    /// Where provider schemas are kept.
    pub schemas: &'a Path,
    /// When it is.
    pub now: Timestamp,
    /// Stops the look.
    pub cancel: &'a CancellationToken,
}

/// What was seen.
#[derive(Debug)]
pub struct Sighting {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// What was found (partly, if the plan failed midway).
    pub findings: Findings,
    /// The version that planned.
    pub terraform_version: Option<String>,
    /// The digest of the change set.
    pub digest: Option<ChangeDigest>,
    /// Unenforced findings to remember.
    pub ledger: Vec<LedgerEntry>,
    /// Masks in other text what the plan marks sensitive.
    pub masker: Masker,
    /// The saved plan, if the plan can be trusted.
    pub plan: Option<SavedPlan>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// A plan that can be trusted: the state did not move while it was made.
#[derive(Debug)]
pub struct SavedPlan {
    /// The file.
    pub file: PlanFile,
    /// The state it was made from; none if there is none.
    pub state: Option<StateIdentity>,
    /// Whether that state holds no object.
    pub empty: bool,
    /// Where the state is.
    pub backend: Backend,
    /// What init had selected when the plan was made: hashes of the lock file and the module list.
    pub selections: Selections,
}

/// Looks at a stack. A failure is a sighting too; the error is `busy`: the state kept moving.
pub async fn look(lens: Lens<'_>) -> Result<Sighting, Failure> {
    let started = Instant::now();
    let ledger = lens.ledger.clone();
    let mut seen = match attempt(lens).await {
        Ok(seen) => seen,
        Err(failure) if failure.kind == FailureKind::Busy => return Err(failure),
        Err(failure) => failed(failure, ledger),
    };
    seen.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(seen)
}

/// A sighting of nothing but a failure.
pub fn failed(failure: Failure, ledger: Vec<LedgerEntry>) -> Sighting {
    Sighting {
        verdict: Verdict::Failed,
        failure: Some(failure),
        findings: Findings::default(),
        terraform_version: None,
        digest: None,
        ledger,
        masker: Masker::default(),
        plan: None,
        duration_ms: 0,
    }
}

async fn attempt(lens: Lens<'_>) -> Result<Sighting, Failure> {
    let workdir = lens.workdir;
    terraform::refuse_targeting(&workdir.env)?;
    let mut may_init = lens.init;
    if may_init {
        workdir.take_up_lock_file();
    }
    if may_init && workdir.needs_init() {
        may_init = false;
        workdir.init(lens.cancel).await?;
    }
    let backend = workdir.backend()?;
    if let Some(path) = backend.local_path.as_ref().filter(|_| !lens.local_state) {
        return Err(Failure::new(
            FailureKind::LocalState,
            format!("the state is a file in the checkout ({})", path.display()),
            "configure a backend that both you and Mooring reach; a checkout never has the file",
        ));
    }
    for _ in 0..MAX_PLANS {
        let mut selections = workdir.selections()?;
        let mut planned = workdir.plan(lens.cancel).await;
        if may_init && lacks_init(&planned) {
            tracing::info!("something that init made is gone: initialising again");
            may_init = false;
            workdir.init(lens.cancel).await?;
            selections = workdir.selections()?;
            planned = workdir.plan(lens.cancel).await;
        }
        let planned = planned?;
        let Some(file) = planned.file.as_ref() else {
            return Err(planned.failure.unwrap_or_else(|| no_plan(planned.exit)));
        };
        let base = file.base()?;
        let (seen, shown) = read(&lens, &planned, file).await?;
        if seen.verdict == Verdict::Failed {
            return Ok(seen);
        }
        // Where nothing at all is to be seen, state, world and code were one when it was planned: who
        // writes the state meanwhile takes nothing away from that, and nothing is acted on.
        let state = match shown {
            true => workdir.state_pull(lens.cancel).await?.base(),
            false => base.clone(),
        };
        if state.state == base.state {
            let plan = planned.file.map(|file| SavedPlan {
                file,
                empty: state.objects == 0,
                state: state.state,
                backend,
                selections,
            });
            return Ok(Sighting { plan, ..seen });
        }
        tracing::info!("the state moved while it was planned: planning again");
    }
    Err(Failure::new(
        FailureKind::Busy,
        format!("the state moved during each of {MAX_PLANS} plans"),
        "somebody is applying; the last verdict stands until the next look",
    ))
}

fn lacks_init(planned: &Result<Planned, Failure>) -> bool {
    let failure = match planned {
        Ok(planned) => planned.failure.as_ref(),
        Err(failure) => Some(failure),
    };
    failure.is_some_and(|failure| failure.kind.asks_for_init())
}

/// What the plan says, and whether it was shown. If the file says by itself that it is nothing, it is
/// not, which would start every provider again.
async fn read(
    lens: &Lens<'_>,
    planned: &Planned,
    file: &PlanFile,
) -> Result<(Sighting, bool), Failure> {
    if let Some(why) = must_show(lens, planned, file).await {
        tracing::debug!(why, "the plan is shown");
    } else {
        tracing::debug!("the plan file says that all is in sync: it is not shown");
        let nothing = Reading {
            plan: Plan {
                complete: true,
                terraform_version: Some(lens.workdir.engine.version.clone()),
                ..Plan::default()
            },
            masker: Masker::default(),
            warnings: Vec::new(),
            wants_schema: BTreeSet::new(),
        };
        return Ok((judge(nothing, planned.exit, None, lens), false));
    }
    let wanted = Wanted {
        key: lens.key,
        keep: lens.ledger.iter().map(|e| e.address.clone()).collect(),
        schemas: lens.schemas,
    };
    let reading = shown(lens.workdir, file, &wanted, lens.cancel).await;
    // A plan that failed midway need not be readable: its own failure says more.
    let reading = reading.map_err(|unreadable| planned.failure.clone().unwrap_or(unreadable))?;
    for warning in &reading.warnings {
        tracing::warn!("{warning}");
    }
    let mask = |failure: &Failure| Failure {
        message: reading.masker.mask(&failure.message),
        ..failure.clone()
    };
    let failure = planned.failure.as_ref().map(mask);
    Ok((judge(reading, planned.exit, failure, lens), true))
}

/// Why `show` is needed; none if the plan file says by itself that there is nothing to see.
async fn must_show(lens: &Lens<'_>, planned: &Planned, file: &PlanFile) -> Option<&'static str> {
    if lens.always_show {
        return Some("asked for");
    }
    if planned.exit != PlanExit::NoChanges {
        return Some("the plan has changes or failed");
    }
    if !lens.ledger.is_empty() {
        return Some("values are remembered to compare with");
    }
    let file = file.clone();
    match tokio::task::spawn_blocking(move || file.refreshed()).await {
        Ok(Refreshed::Same) => None,
        Ok(Refreshed::Differs(what) | Refreshed::Unreadable(what)) => Some(what),
        Err(_) => Some("reading the plan file stopped unexpectedly"),
    }
}

fn judge(reading: Reading, exit: PlanExit, failure: Option<Failure>, lens: &Lens<'_>) -> Sighting {
    let plan = &reading.plan;
    let mut findings = classify(plan, lens.rules);
    refine(&mut findings, &lens.history, lens.rules);
    let whole = !plan.errored && plan.complete && exit != PlanExit::Failed;
    let ledger = carry(
        lens.ledger.clone(),
        plan,
        whole,
        &mut findings,
        lens.rules,
        lens.now,
    );
    let verdict = verdict(exit, plan.errored, plan.complete, &findings);
    let incomplete = (verdict == Verdict::Failed).then(|| {
        Failure::new(
            FailureKind::IncompletePlan,
            "the plan is incomplete: Terraform put changes off or was told to plan only a part",
            "run `terraform plan` in the directory and see what it leaves out",
        )
    });
    Sighting {
        verdict,
        failure: failure.or(incomplete),
        findings,
        terraform_version: plan.terraform_version.clone(),
        digest: Some(change_digest(plan, lens.key)),
        ledger,
        masker: reading.masker,
        plan: None,
        duration_ms: 0,
    }
}

fn no_plan(exit: PlanExit) -> Failure {
    Failure::new(
        FailureKind::UnreadablePlan,
        format!("the plan ended ({exit:?}) without leaving a plan file"),
        "run `terraform plan` in the directory and see what it says",
    )
}
