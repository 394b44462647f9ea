//! What a look does to the question that people are asked about a stack: it is put, it stands, it is
//! answered with yes, or it is void because another plan would do something else.

use std::collections::BTreeSet;

use crate::domain::alert::news;
use crate::domain::binding::{Binding, Difference};
use crate::domain::check::StackCheck;
use crate::domain::finding::Verdict;
use crate::domain::ids::CommitId;
use crate::domain::notice::{Notice, RequestLine, RequestNews};
use crate::domain::policy::{Approvable, Decision, DecisionKind};
use crate::domain::request::{Asked, Event, Request, RequestState, Rollback};
use crate::domain::requirement::Requirement;
use crate::domain::run::{Run, Trigger};
use crate::domain::stack::StackRecord;
use crate::store::StoreError;

use super::attempt::Attempt;
use super::context::Context;
use super::fresh;
use super::history::is_same;
use super::inputs::inputs;
use super::look::Sighting;
use super::mirrors::mirror;
use super::resolve::Tracked;
use super::step::duration;
use super::vote;

/// The question about a stack after a look.
#[derive(Debug, Clone, Default)]
pub struct Asking {
    /// Requests to store: what is over first.
    pub(super) changed: Vec<Request>,
    /// What people are told of them.
    pub(super) news: Vec<Notice>,
    /// The request that stands.
    pub(super) stands: Option<Request>,
    /// Whether nothing is to be done about it for now: a policy gave no answer.
    pub(super) held_back: bool,
}

impl Asking {
    /// The request that people approved and that the plan at hand is exactly the plan of.
    pub(super) fn granted(&self, context: &Context) -> Option<Request> {
        let stands = self.stands.clone();
        let may = self.changed.is_empty() && !self.held_back;
        stands.filter(|request| request.is_live(context.now()) && may)
    }

    /// The question as it is, whatever a look saw.
    pub(super) async fn standing(context: &Context, tracked: &Tracked) -> Result<Self, StoreError> {
        let known = context.store.last_request(&tracked.id).await?;
        Ok(Self {
            stands: known.filter(|request| !request.state.is_over()),
            ..Self::default()
        })
    }

    /// The question as people are told it.
    pub(super) fn line(&self) -> Option<RequestLine> {
        let stands = self.stands.as_ref();
        let about_trouble = stands.filter(|request| request.asked.rollback.is_none());
        about_trouble.and_then(RequestLine::of)
    }
}

/// The commit at which a stack is planned: that of an approved request, as long as nothing that the
/// stack may read and nothing that the repository says of it has changed since. So what was approved is what is planned, however often others
/// commit to the repository.
pub(super) async fn commit_of(
    context: &Context,
    tracked: &Tracked,
    head: &CommitId,
) -> Result<CommitId, StoreError> {
    let known = context.store.last_request(&tracked.id).await?;
    let approved = known.filter(|request| request.is_live(context.now()));
    let Some(commit) = approved.and_then(|request| request.asked.binding.commit) else {
        return Ok(head.clone());
    };
    Ok(if is_same(context, tracked, &commit, head).await {
        commit
    } else {
        head.clone()
    })
}

/// What becomes of the question about a stack now that it was looked at.
pub(super) async fn ask(
    attempt: &Attempt<'_>,
    run: &Run,
    record: &StackRecord,
    check: &StackCheck,
    seen: &Sighting,
) -> Result<Asking, StoreError> {
    let Attempt {
        context, tracked, ..
    } = attempt;
    // Without a plan nothing is known of what would be done.
    if matches!(check.verdict, Verdict::Failed | Verdict::Unknown) {
        return Asking::standing(context, tracked).await;
    }
    let known = context.store.last_request(&tracked.id).await?;
    if known
        .as_ref()
        .is_some_and(|r| r.asked.rollback.is_some() && !r.state.is_over())
    {
        return Asking::standing(context, tracked).await;
    }
    let present = binding(attempt, check, seen);
    let mut asking = Asking::default();
    let mut rejected = None;
    match (known, &present) {
        (Some(request), Some(present)) if !request.state.is_over() => {
            let differs = another(attempt, &request, present, check).await;
            if differs.is_empty() {
                let seen = &request.asked.check.decision;
                asking.held_back = check.decision.is_unanswered(seen);
                asking.stands = Some(request);
                return Ok(asking);
            }
            asking.void(context, &request, differs);
        }
        (Some(request), None) if !request.state.is_over() => {
            let reason = check.decision.reasons.first();
            let reason = reason.map(|reason| reason.text.clone());
            asking.void(context, &request, reason.into_iter().collect());
        }
        (Some(request), Some(present)) => {
            let same = differences(attempt, &request, present, check).await;
            let said_no = matches!(request.state, RequestState::Rejected { .. });
            rejected = (said_no && same.is_empty()).then_some(request);
        }
        _ => {}
    }
    // Who said no is not asked the same again, unless somebody wants it.
    let asks = rejected.is_none() || run.trigger == Trigger::Person;
    if let (Some(present), true) = (present, asks) {
        let authors = authors(attempt, record).await;
        let requirements = requirements(&check.decision);
        let asked = Asked::new(run.id, present, requirements, authors, check);
        asking.put(attempt, asked);
    }
    asking.tell_next();
    Ok(asking)
}

/// Asks people about a way back. What they were asked before about the stack is void.
pub(super) async fn propose(
    attempt: &Attempt<'_>,
    run: &Run,
    record: &StackRecord,
    check: &StackCheck,
    seen: &Sighting,
    rollback: Rollback,
) -> Result<Asking, StoreError> {
    let Attempt {
        context, tracked, ..
    } = attempt;
    let mut asking = Asking::default();
    let Some(present) = binding(attempt, check, seen) else {
        return Ok(asking);
    };
    let known = context.store.last_request(&tracked.id).await?;
    if let Some(request) = known.filter(|request| !request.state.is_over()) {
        asking.void(
            context,
            &request,
            vec!["somebody wants to go back instead".to_owned()],
        );
    }
    let authors = authors(attempt, record).await;
    let requirements = requirements(&check.decision);
    let asked = Asked {
        rollback: Some(rollback),
        ..Asked::new(run.id, present, requirements, authors, check)
    };
    asking.put(attempt, asked);
    Ok(asking)
}

/// Whether the plan at hand is the one of an approved request; else that is void.
pub(super) async fn answered(
    attempt: &Attempt<'_>,
    check: &StackCheck,
    seen: &Sighting,
    request: Request,
) -> Asking {
    let mut asking = Asking::default();
    let differs = match binding(attempt, check, seen) {
        Some(present) => another(attempt, &request, &present, check).await,
        None => texts(&check.decision),
    };
    if differs.is_empty() {
        asking.held_back = check.decision.is_unanswered(&request.asked.check.decision);
        asking.stands = Some(request);
    } else {
        asking.void(attempt.context, &request, differs);
    }
    asking
}

impl Asking {
    /// The question is void.
    pub(super) fn voided(context: &Context, request: &Request, differs: Vec<String>) -> Self {
        let mut asking = Self::default();
        asking.void(context, request, differs);
        asking
    }

    fn put(&mut self, attempt: &Attempt<'_>, asked: Asked) {
        let Attempt {
            context, tracked, ..
        } = attempt;
        let lasts = duration(tracked.settings.policy.approval_expires);
        let (id, stack) = (fresh::request(), tracked.id.clone());
        let request = Request::new(id, stack, asked, lasts, context.now());
        self.changed.push(request.clone());
        self.stands = Some(request);
    }

    fn void(&mut self, context: &Context, request: &Request, differs: Vec<String>) {
        let now = context.now();
        let event = match now < request.expires_at {
            true => Event::Void(differs.clone()),
            false => Event::Pass,
        };
        match request.after(event, now) {
            Ok(over) => {
                // Nobody has to hear of a question that nobody had answered: another one follows, or
                // the alert says how it is now.
                if !request.votes.is_empty() {
                    let news = match over.state {
                        RequestState::Expired => RequestNews::Expired,
                        _ => RequestNews::Void { differs },
                    };
                    self.news.push(vote::notice(&over, news, None, now));
                }
                self.changed.push(over);
            }
            Err(unfit) => tracing::error!("{}: {unfit}", request.id),
        }
    }

    /// Whoever hears that an approval is void hears what is asked instead.
    fn tell_next(&mut self) {
        let (Some(line), Some(stands)) = (self.line(), &self.stands) else {
            return;
        };
        for notice in &mut self.news {
            if let Notice::Request(notice) = notice {
                notice.next = Some(line.clone());
                // The command is for this plan, so this plan is what they see.
                notice.check.clone_from(&stands.asked.check);
            }
        }
    }
}

/// Who has to say yes: so many people, of each list of groups so many who are in one of them.
fn requirements(decision: &Decision) -> Vec<Requirement> {
    let asked = &decision.requirement;
    let of = |groups: &[String]| Requirement {
        count: asked.count,
        groups: groups.iter().cloned().collect(),
        not_author: asked.not_author,
    };
    if asked.groups.is_empty() {
        return vec![of(&[])];
    }
    asked.groups.iter().map(|groups| of(groups)).collect()
}

fn texts(decision: &Decision) -> Vec<String> {
    let reasons = decision.reasons.iter();
    reasons.map(|reason| reason.text.clone()).collect()
}

/// What people would be asked about: none if policy asks nobody, or there is no plan to ask about.
fn binding(attempt: &Attempt<'_>, check: &StackCheck, seen: &Sighting) -> Option<Binding> {
    if check.decision.kind != DecisionKind::Ask || check.decision.approvable != Approvable::Yes {
        return None;
    }
    let plan = seen.plan.as_ref()?;
    let Attempt {
        context,
        tracked,
        workdir,
        commit,
    } = attempt;
    let state = plan.state.clone()?;
    let inputs = inputs(context, tracked, workdir, &plan.backend, &plan.selections);
    let inputs = inputs.map_err(|failure| tracing::warn!("nobody can be asked: {failure}"));
    Some(Binding {
        stack: tracked.id.clone(),
        digest: check.digest.clone()?,
        lineage: state.lineage,
        serial: state.serial,
        commit: Some((*commit).clone()),
        inputs: inputs.ok()?,
    })
}

/// In what the question about the plan at hand would be another than the one asked, one short sentence
/// each.
async fn another(
    attempt: &Attempt<'_>,
    request: &Request,
    present: &Binding,
    check: &StackCheck,
) -> Vec<String> {
    let mut differs = differences(attempt, request, present, check).await;
    if request.asked.requirements != requirements(&check.decision) {
        differs.push("policy asks for other approvals by now".to_owned());
    }
    let seen = &request.asked.check.decision;
    let objections = check.decision.new_objections(seen);
    differs.extend(objections.map(|reason| format!("policy also says: {reason}")));
    differs
}

/// In what the plan at hand is another than the one asked about, one short sentence each. Another
/// commit is none if nothing that the stack may read differs.
async fn differences(
    attempt: &Attempt<'_>,
    request: &Request,
    present: &Binding,
    check: &StackCheck,
) -> Vec<String> {
    let asked = &request.asked;
    let mut words = Vec::new();
    for difference in asked.binding.differences(present) {
        match difference {
            Difference::Changes => {
                let now = Asked::parts_of(check);
                let changes = news(&asked.parts, &now);
                if changes.is_empty() {
                    words.push("values that are not shown are others".to_owned());
                }
                words.extend(changes);
            }
            Difference::State => words.push("the state is another one".to_owned()),
            Difference::Inputs => words
                .push("variables, versions, credentials or backend settings are others".to_owned()),
            Difference::Commit => {
                if let Some(moved) = moved(attempt, &asked.binding, present).await {
                    words.push(moved);
                }
            }
        }
    }
    words
}

async fn moved(attempt: &Attempt<'_>, asked: &Binding, present: &Binding) -> Option<String> {
    let (Some(before), Some(now)) = (&asked.commit, &present.commit) else {
        return Some("the code is not known".to_owned());
    };
    if is_same(attempt.context, attempt.tracked, before, now).await {
        return None;
    }
    let (before, now) = (before.short(), now.short());
    Some(format!("Git moved from {before} to {now}"))
}

/// Who wrote what is applied: all that came since the stack was last in sync; none if that is not
/// known.
async fn authors(attempt: &Attempt<'_>, record: &StackRecord) -> Option<BTreeSet<String>> {
    let Attempt {
        context,
        tracked,
        commit,
        ..
    } = attempt;
    let mirror = mirror(context, &tracked.source).ok()?;
    let (commit, since) = ((*commit).clone(), record.in_sync_commit.clone());
    let asked = tokio::task::spawn_blocking(move || mirror.authors(&commit, since.as_ref()));
    match asked.await {
        Ok(Ok(authors)) => Some(authors),
        Ok(Err(failure)) => {
            tracing::warn!("who wrote the commit is not known: {failure}");
            None
        }
        Err(error) => {
            tracing::warn!("who wrote the commit is not known: {error}");
            None
        }
    }
}
