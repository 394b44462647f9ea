//! A person puts a snapshot of a state back: first it is said what that means, then, if exactly that is
//! confirmed, it is done, proven, and the stack held until somebody has looked.

use crate::artifacts::Subject;
use crate::domain::aftermath::on_one_line;
use crate::domain::audit::{Action, NewAudit};
use crate::domain::identity::Identity;
use crate::domain::ids::{RestoreDigest, SnapshotId};
use crate::domain::restore::{Choices, Meaning, Objection};
use crate::domain::snapshot::SnapshotReason;
use crate::domain::stack::StateIdentity;
use crate::store::Conclusion;
use crate::terraform::{State, Workdir};

use super::borrow::Borrowed;
use super::command::Refusal;
use super::context::Context;
use super::fresh;
use super::prepare::{for_apply, prepare};
use super::recover::hold_stack;

/// What a person asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// What may happen.
    pub choices: Choices,
    /// What was shown before and is confirmed; none to be shown it.
    pub confirm: Option<RestoreDigest>,
    /// Who asks.
    pub by: Identity,
}

/// What comes of it.
#[derive(Debug)]
pub struct Restore {
    /// What it means.
    pub meaning: Meaning,
    /// What stands against it.
    pub objections: Vec<Objection>,
    /// What has to be confirmed; none while something stands against it.
    pub digest: Option<RestoreDigest>,
    /// What was done; none if it was only shown.
    pub done: Option<Done>,
}

/// A restored state.
#[derive(Debug)]
pub struct Done {
    /// The state as it is now.
    pub state: StateIdentity,
    /// The snapshot of the state that it replaced; none if there was none.
    pub before: Option<SnapshotId>,
}

/// Says what putting a snapshot back means, and does it if that is confirmed.
pub(super) async fn restore(
    context: &Context,
    borrowed: &Borrowed,
    asked: &Asked,
) -> Result<Restore, Refusal> {
    let (tracked, stop) = (&borrowed.tracked, &context.stop.applies);
    let sealed = context.snapshots.read(&tracked.id, asked.snapshot).await;
    let bytes = sealed.map_err(|error| error.failure())?;
    let bytes = bytes.ok_or(Refusal::UnknownSnapshot(asked.snapshot))?;
    let snapshot = State::read(bytes)?;
    let then = snapshot
        .identity
        .clone()
        .ok_or(Refusal::UnknownSnapshot(asked.snapshot))?;
    let workdir = prepare(context, tracked, &borrowed.commit).await?;
    let workdir = for_apply(&workdir, tracked)?;
    if workdir.needs_init() {
        workdir.init(stop).await?;
    }
    let present = workdir.state_pull(stop).await?;
    let meaning = Meaning::of(
        (present.identity.clone(), &present.inventory(&context.key)?),
        (then, &snapshot.inventory(&context.key)?),
    );
    let objections = meaning.objections(&asked.choices);
    let digest = meaning.digest(&tracked.id, asked.snapshot, &asked.choices, &context.key);
    let mut restore = Restore {
        digest: objections.is_empty().then(|| digest.clone()),
        objections,
        meaning,
        done: None,
    };
    let Some(confirmed) = &asked.confirm else {
        return Ok(restore);
    };
    if let Some(objection) = restore.objections.first() {
        return Err(Refusal::Objected(objection.to_string()));
    }
    if *confirmed != digest {
        return Err(Refusal::Moved);
    }
    let done = put_back(
        context,
        borrowed,
        asked,
        &workdir,
        &restore.meaning,
        (present, snapshot),
    );
    restore.done = Some(done.await?);
    Ok(restore)
}

async fn put_back(
    context: &Context,
    borrowed: &Borrowed,
    asked: &Asked,
    workdir: &Workdir,
    meaning: &Meaning,
    (present, snapshot): (State, State),
) -> Result<Done, Refusal> {
    let (tracked, stop) = (&borrowed.tracked, &context.stop.applies);
    let pushed = snapshot.with_serial(meaning.serial())?;
    let before = match present.identity.clone() {
        None => None,
        Some(state) => {
            let subject = Subject {
                id: fresh::snapshot(),
                stack: tracked.id.clone(),
                reason: SnapshotReason::BeforeRestore,
                run: None,
                state,
                objects: present.resources,
            };
            let kept = context.snapshots.keep(subject, present.bytes).await;
            Some(kept.map_err(|error| error.failure())?.note.id)
        }
    };
    let record = context.store.stack(&tracked.id).await?;
    let record = record.ok_or_else(|| Refusal::UnknownStack(tracked.id.clone()))?;
    let mut reason = format!(
        "{} has put the state of snapshot {} back (serial {})",
        on_one_line(&asked.by.to_string()),
        asked.snapshot,
        meaning.then.serial
    );
    if let Some(before) = before {
        reason.push_str(&format!("\nThe state that was there is kept as {before}."));
    }
    // Before the push: whoever is cut off after it must not find the stack free.
    let mut held = record.clone();
    held.held = Some(reason.clone());
    let started = asked
        .confirm
        .clone()
        .map(|confirmed| Action::RestoreStarted {
            stack: tracked.id.clone(),
            snapshot: asked.snapshot,
            confirmed,
        });
    let started = started.map(|action| NewAudit::asked(context.now(), &asked.by, action));
    let conclusion = Conclusion {
        stack: Some(&held),
        audit: started.as_slice(),
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    tracing::warn!(stack = tracked.id.as_str(), by = %asked.by, snapshot = %asked.snapshot, "restoring the state");
    let push = workdir
        .state_push(&pushed, meaning.replaces_lineage(), stop)
        .await;
    let now = workdir.state_pull(stop).await;
    if let Err(failure) = push {
        let untouched = now.is_ok_and(|now| now.identity == present.identity);
        if untouched {
            context.store.save_stack(&record).await?;
        }
        return Err(failure.into());
    }
    let now = now?;
    let same = now.inventory(&context.key)? == snapshot.inventory(&context.key)?;
    let proven = now
        .identity
        .clone()
        .filter(|state| same && follows(state, meaning));
    if proven.is_none() {
        reason.push_str("\nWhat was read back is not what was put back: look at the state.");
    }
    hold_stack(context, &tracked.id, None, reason, now.identity).await?;
    let state = proven.ok_or(Refusal::NotProven)?;
    Ok(Done { state, before })
}

/// Whether a state is the one that was put back: Terraform counts a push once more.
fn follows(state: &StateIdentity, meaning: &Meaning) -> bool {
    state.lineage == meaning.then.lineage && state.serial >= meaning.serial()
}
