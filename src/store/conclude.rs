//! The end of a look, in one piece.

use sqlx::AnyConnection;

use super::alerts::{AlertEntry, put_alert};
use super::audit::append;
use super::bell::{Topic, ring};
use super::envelopes::{Addressed, put_news};
use super::memory::put_memory;
use super::requests::put_request;
use super::runs::put_run;
use super::stacks::{put_stack, replace_ledger};
use super::{Store, StoreError};
use crate::domain::audit::NewAudit;
use crate::domain::ids::StackId;
use crate::domain::ledger::LedgerEntry;
use crate::domain::request::Request;
use crate::domain::run::Run;
use crate::domain::stack::StackRecord;

/// Everything that a look at a stack changes in what Mooring remembers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Conclusion<'a> {
    /// The run that looked, if a run it was.
    pub run: Option<&'a Run>,
    /// The stack, if what is known of it changed.
    pub stack: Option<&'a StackRecord>,
    /// A stack with all its ledger entries, in place of those before; none leaves them.
    pub ledger: Option<(&'a StackId, &'a [LedgerEntry])>,
    /// Alerts that opened, changed or ended.
    pub alerts: &'a [AlertEntry],
    /// What people are to be told.
    pub news: &'a [Addressed],
    /// Requests for approval that were made or changed, those that are over first.
    pub requests: &'a [Request],
    /// Something to remember: key and value.
    pub memory: Option<(&'a str, &'a str)>,
    /// What the audit log tells of it.
    pub audit: &'a [NewAudit],
}

impl Store {
    /// Stores the end of a look: all of it or, on an error, nothing of it. So nobody is told what
    /// is not remembered, and nothing is remembered that people ought to hear and do not.
    pub async fn conclude(&self, conclusion: &Conclusion<'_>) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        put_conclusion(&mut transaction, conclusion).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Stores the end of a look as part of something larger.
pub(super) async fn put_conclusion(
    connection: &mut AnyConnection,
    conclusion: &Conclusion<'_>,
) -> Result<(), StoreError> {
    if let Some(run) = conclusion.run {
        put_run(connection, run).await?;
    }
    if let Some(stack) = conclusion.stack {
        put_stack(connection, stack).await?;
    }
    if let Some((stack, entries)) = conclusion.ledger {
        replace_ledger(connection, stack, entries).await?;
    }
    // Ended ones first: a trouble may end and another of its kind begin in one look.
    let (ended, open): (Vec<_>, Vec<_>) = conclusion
        .alerts
        .iter()
        .partition(|entry| entry.alert.is_over());
    for entry in ended.into_iter().chain(open) {
        put_alert(connection, entry).await?;
    }
    for news in conclusion.news {
        put_news(connection, news).await?;
    }
    if !conclusion.news.is_empty() {
        ring(connection, Topic::News).await?;
    }
    for request in conclusion.requests {
        put_request(connection, request).await?;
    }
    if let Some((key, value)) = conclusion.memory {
        put_memory(connection, key, value).await?;
    }
    append(connection, conclusion.audit).await
}
