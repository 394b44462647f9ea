//! What people say to a request, and what they are told of it.

use jiff::Timestamp;

use crate::domain::alert::AlertKind;
use crate::domain::audit::{Action, NewAudit};
use crate::domain::finding::Severity;
use crate::domain::identity::Identity;
use crate::domain::ids::{AlertId, RequestId};
use crate::domain::notice::{Notice, RequestLine, RequestNews, RequestNotice};
use crate::domain::request::{Event, Request, RequestState, Vote};
use crate::domain::requirement::Voter;
use crate::store::{Conclusion, StoreError};

use super::command::Refusal;
use super::context::Context;
use super::news;

/// What somebody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Exactly this plan may be applied.
    Approve,
    /// It may not.
    Reject,
    /// Their yes no longer holds.
    Revoke,
}

/// Takes in what somebody says to a request.
pub(super) async fn vote(
    context: &Context,
    id: &RequestId,
    answer: Answer,
    by: &Identity,
    reason: Option<String>,
) -> Result<Request, Refusal> {
    let request = context.store.request(id).await?;
    let request = request.ok_or(Refusal::UnknownRequest(id.to_string()))?;
    let now = context.now();
    let voter = Voter::from(by);
    let (identity, by) = (by, voter.name.clone());
    let said = Vote {
        voter: voter.clone(),
        at: now,
        reason: reason.clone(),
    };
    let why = reason.clone();
    let (event, told) = match answer {
        Answer::Approve => (Event::Approve(said), RequestNews::Approved { by, reason }),
        Answer::Reject => (Event::Reject(said), RequestNews::Rejected { by, reason }),
        Answer::Revoke => (Event::Revoke(voter.clone()), RequestNews::Revoked { by }),
    };
    let after = request.after(event, now)?;
    let action = Action::RequestAnswered {
        stack: after.stack.clone(),
        request: *id,
        answer: told.as_str(),
        state: after.state.as_str(),
        digest: after.asked.binding.digest.clone(),
        reason: why,
    };
    let entry = NewAudit::asked(now, identity, action);
    tracing::info!(
        request = %id,
        stack = after.stack.as_str(),
        by = voter.name,
        state = after.state.as_str(),
        "answered: {}",
        told.as_str()
    );
    tell(context, &after, told, &[entry], now).await?;
    Ok(after)
}

/// Ends every request whose time is up. Who had answered hears of it.
pub(super) async fn expire(context: &Context, now: Timestamp) -> Result<(), StoreError> {
    for request in context.store.due_requests(now).await? {
        match request.after(Event::Pass, now) {
            Ok(over) if over.votes.is_empty() => put(context, &over, &[], &[]).await?,
            Ok(over) => tell(context, &over, RequestNews::Expired, &[], now).await?,
            Err(unfit) => tracing::error!("{}: {unfit}", request.id),
        }
    }
    Ok(())
}

/// Ends the request about a stack that is no longer looked at.
pub(super) async fn forget(
    context: &Context,
    stack: &crate::domain::ids::StackId,
) -> Result<(), StoreError> {
    let last = context.store.last_request(stack).await?;
    let Some(request) = last.filter(|request| !request.state.is_over()) else {
        return Ok(());
    };
    let differs = vec!["the stack is no longer in its source".to_owned()];
    match request.after(Event::Void(differs), context.now()) {
        Ok(over) => put(context, &over, &[], &[]).await,
        Err(_) => Ok(()),
    }
}

async fn tell(
    context: &Context,
    request: &Request,
    told: RequestNews,
    audit: &[NewAudit],
    now: Timestamp,
) -> Result<(), StoreError> {
    let alert = alert_about(context, request).await?;
    let notice = notice(request, told, alert, now);
    put(context, request, &[notice], audit).await
}

async fn put(
    context: &Context,
    request: &Request,
    notices: &[Notice],
    audit: &[NewAudit],
) -> Result<(), StoreError> {
    let record = context.store.stack(&request.stack).await?;
    let audience = record.as_ref().map(news::audience).unwrap_or_default();
    let now = context.now();
    let notices = notices.iter();
    let news: Vec<_> = notices
        .flat_map(|notice| news::of_stack(context, notice, &audience, now))
        .collect();
    let conclusion = Conclusion {
        requests: std::slice::from_ref(request),
        news: &news,
        audit,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    if !news.is_empty() {
        context.news_bell.notify_one();
    }
    Ok(())
}

/// What the alert about the same as a request is about.
fn kind(request: &Request) -> AlertKind {
    match request.asked.check.findings.has_drift() {
        true => AlertKind::Drift,
        false => AlertKind::Pending,
    }
}

/// The open alert that people know of and that is about the same as a request.
pub(super) async fn alert_about(
    context: &Context,
    request: &Request,
) -> Result<Option<AlertId>, StoreError> {
    let open = context.store.open_alerts(Some(&request.stack)).await?;
    let mut open = open.into_iter();
    let same = open.find(|alert| alert.kind == kind(request) && alert.opened_at.is_some());
    Ok(same.map(|alert| alert.id))
}

/// What people are told of a request.
pub(super) fn notice(
    request: &Request,
    told: RequestNews,
    alert: Option<AlertId>,
    now: Timestamp,
) -> Notice {
    let check = request.asked.check.clone();
    let severities = check.findings.resources.iter().map(|f| f.severity);
    let is_over = request.state.is_over();
    Notice::Request(RequestNotice {
        request: RequestLine {
            id: request.id,
            missing: if is_over {
                Vec::new()
            } else {
                request.missing()
            },
            expires_at: request.expires_at,
        },
        alert,
        stack: request.stack.clone(),
        kind: kind(request),
        severity: severities.max().unwrap_or(Severity::Low),
        at: now,
        news: told,
        next: None,
        check,
    })
}

/// Whether enough people have said yes.
pub(super) const fn is_approved(request: &Request) -> bool {
    matches!(request.state, RequestState::Approved)
}
