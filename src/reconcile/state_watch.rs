//! Glances at the objects that hold states: whether somebody else wrote one, from outside and cheaply.

use crate::domain::failure::Failure;
use crate::domain::ids::StackId;
use crate::domain::stack::StackRecord;
use crate::domain::state_watch::{Glance, StateMove, StateWatch};
use crate::statewatch::{Place, Unseen};
use crate::store::StoreError;
use crate::terraform::recorded;

use super::context::Context;
use super::look::Sighting;
use super::prepare::{plan_env, workspace};
use super::resolve::{Tracked, again};

/// Whether the state of a stack that is to be watched is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// It is.
    Yes,
    /// It has not been glanced at so far.
    NotYet,
    /// It is not, and this is why.
    No(String),
}

/// Whether the state of a stack is watched; none if it is not to be.
pub(super) async fn watched(
    context: &Context,
    record: &StackRecord,
) -> Result<Option<Watched>, StoreError> {
    let tracked = again(&context.settings, record);
    if tracked.is_none_or(|tracked| tracked.settings.state_watch.is_none()) {
        return Ok(None);
    }
    Ok(Some(match context.store.state_watch(&record.id).await? {
        Some(StateWatch {
            unwatched: Some(why),
            ..
        }) => Watched::No(why),
        Some(_) => Watched::Yes,
        None => Watched::NotYet,
    }))
}

/// What a glance came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Glanced {
    /// The object was found so.
    Seen(Seen),
    /// Nothing is known of where the state is: the stack was never initialised, or is just now.
    TooEarly,
    /// It was not seen, and will not be before something is changed.
    Refused(String),
    /// It was not seen this time.
    Unreachable(String),
}

/// An object as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Which state it holds.
    pub(super) place: String,
    /// How it was.
    pub(super) glance: Glance,
}

/// Glances at the object that holds the state of a stack, as the stack itself would ask for it.
pub(super) async fn glance(context: &Context, tracked: &Tracked) -> Glanced {
    let (settings, id) = (tracked.settings.clone(), tracked.id.clone());
    let dir = context.layout.checkout(&id).join(&tracked.dir);
    // Files are read: the backend's, secrets, profiles.
    let read = tokio::task::spawn_blocking(move || {
        let env = plan_env(&settings)?;
        let workspace = workspace(&settings);
        let Some(recorded) = recorded(&dir, workspace.as_deref(), &env)? else {
            return Ok(None);
        };
        let variable = |name: &str| Some(env.get(name)?.to_str()?.to_owned());
        let (kind, settings) = (&recorded.kind, &recorded.settings);
        let place = Place::read(kind, settings, &recorded.workspace, &variable);
        Ok(Some((recorded.identity, place)))
    });
    let read: Result<_, Failure> = match read.await {
        Ok(read) => read,
        Err(error) => {
            tracing::error!(
                stack = id.as_str(),
                "the glance at its state broke off: {error}"
            );
            return Glanced::TooEarly;
        }
    };
    let (identity, place) = match read {
        Ok(Some((identity, Ok(place)))) => (identity, place),
        Ok(Some((_, Err(unwatched)))) => return Glanced::Refused(unwatched.to_string()),
        // An init under way may just be writing it.
        Ok(None) => return Glanced::TooEarly,
        Err(failure) => return Glanced::Unreachable(failure.message),
    };
    match context.state_watcher.glance(&place).await {
        Ok(glance) => Glanced::Seen(Seen {
            place: identity,
            glance,
        }),
        Err(Unseen::Refused(why)) => Glanced::Refused(why),
        Err(Unseen::Unreachable(why)) => Glanced::Unreachable(why),
    }
}

/// What a glance came to, and is yet to be remembered.
#[derive(Debug)]
pub(super) struct News {
    watch: StateWatch,
    /// Whether the stack is to be looked at because of it.
    pub(super) wakes: bool,
}

/// What is new in what a glance came to; none if nothing is.
pub(super) async fn news(
    context: &Context,
    stack: &StackId,
    glanced: &Glanced,
) -> Result<Option<News>, StoreError> {
    let known = context.store.state_watch(stack).await?;
    let mut watch = known.clone().unwrap_or_default();
    let wakes = match glanced {
        Glanced::Seen(seen) => watch.glanced(&seen.place, &seen.glance),
        Glanced::TooEarly => return Ok(None),
        Glanced::Refused(why) | Glanced::Unreachable(why) => {
            watch.unwatched = Some(why.clone());
            false
        }
    };
    if known.as_ref() == Some(&watch) {
        return Ok(None);
    }
    match &watch.unwatched {
        Some(why) => tracing::warn!(stack = stack.as_str(), "its state is not watched: {why}"),
        None if wakes => tracing::info!(stack = stack.as_str(), "somebody wrote its state"),
        None => {}
    }
    Ok(Some(News { watch, wakes }))
}

/// Remembers it: whoever is woken by it is not woken again.
pub(super) async fn keep(
    context: &Context,
    stack: &StackId,
    news: &News,
) -> Result<(), StoreError> {
    context.store.save_state_watch(stack, &news.watch).await
}

/// The object as it is right before a look reads the state; none if it is not watched, or not seen.
pub(super) async fn before_look(context: &Context, tracked: &Tracked) -> Option<Seen> {
    tracked.settings.state_watch?;
    let stop = &context.stop.plans;
    seen(stop.run_until_cancelled(glance(context, tracked)).await?)
}

fn seen(glanced: Glanced) -> Option<Seen> {
    match glanced {
        Glanced::Seen(seen) => Some(seen),
        Glanced::TooEarly => None,
        Glanced::Refused(why) | Glanced::Unreachable(why) => {
            tracing::debug!("its state is not watched: {why}");
            None
        }
    }
}

/// What was seen before a look is what the look has read: whoever writes it from now on is news. Tells
/// what somebody else made of the state since the look before. A look that failed has read nothing.
pub(super) async fn after_look(
    context: &Context,
    record: &StackRecord,
    before: Option<Seen>,
    sighting: &Sighting,
) -> Result<Option<StateMove>, StoreError> {
    let (Some(before), Some(plan)) = (before, &sighting.plan) else {
        return Ok(None);
    };
    if plan.backend.identity != before.place {
        return Ok(None);
    }
    let known = context.store.state_watch(&record.id).await?;
    let has_moved = known.is_some_and(|known| known.has_moved(&before.place, &before.glance));
    let at = before.glance.modified_at();
    remember(context, &record.id, before).await?;
    // What an apply of ours that was cut off may have written is nobody else's.
    if !has_moved || record.held.is_some() {
        return Ok(None);
    }
    Ok(StateMove::between(
        record.state.as_ref(),
        plan.state.as_ref(),
        at,
    ))
}

/// What an apply of ours has written is no news.
pub(super) async fn after_apply(context: &Context, tracked: &Tracked) -> Result<(), StoreError> {
    if tracked.settings.state_watch.is_none() {
        return Ok(());
    }
    match seen(glance(context, tracked).await) {
        Some(seen) => remember(context, &tracked.id, seen).await,
        None => Ok(()),
    }
}

async fn remember(context: &Context, stack: &StackId, seen: Seen) -> Result<(), StoreError> {
    let known = context.store.state_watch(stack).await?;
    let mut watch = StateWatch::default();
    watch.remember(&seen.place, seen.glance);
    if known.as_ref() == Some(&watch) {
        return Ok(());
    }
    context.store.save_state_watch(stack, &watch).await
}
