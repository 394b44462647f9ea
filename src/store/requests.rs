//! Requests for approval.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::row::{Columns, json, micros};
use super::{Store, StoreError};
use crate::domain::ids::{RequestId, StackId};
use crate::domain::request::Request;

const TABLE: &str = "requests";

impl Store {
    /// One request.
    pub async fn request(&self, id: &RequestId) -> Result<Option<Request>, StoreError> {
        let row = sqlx::query("SELECT request FROM requests WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The request of a stack that is not over, else the one that was stored last. Older programs let the
    /// clock decide, so others may seem newer than the one that is not over.
    pub async fn last_request(&self, stack: &StackId) -> Result<Option<Request>, StoreError> {
        let row = sqlx::query(
            "SELECT request FROM requests WHERE stack = $1 \
             ORDER BY CASE WHEN due_at IS NULL THEN 1 ELSE 0 END, asked_at DESC, id DESC LIMIT 1",
        )
        .bind(stack.as_str())
        .fetch_optional(&self.reader)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// Every request that is not over, oldest first.
    pub async fn live_requests(&self) -> Result<Vec<Request>, StoreError> {
        let rows = sqlx::query(
            "SELECT request FROM requests WHERE due_at IS NOT NULL ORDER BY asked_at, id",
        )
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read).collect()
    }

    /// The newest requests, of one stack or of all, newest first.
    pub async fn requests(
        &self,
        stack: Option<&StackId>,
        limit: u32,
    ) -> Result<Vec<Request>, StoreError> {
        let query = match stack {
            Some(stack) => sqlx::query(
                "SELECT request FROM requests WHERE stack = $1 \
                 ORDER BY asked_at DESC, id DESC LIMIT $2",
            )
            .bind(stack.as_str()),
            None => {
                sqlx::query("SELECT request FROM requests ORDER BY asked_at DESC, id DESC LIMIT $1")
            }
        };
        let rows = query.bind(i64::from(limit)).fetch_all(&self.reader).await?;
        rows.iter().map(read).collect()
    }

    /// The requests that time alone changes by now.
    pub async fn due_requests(&self, now: Timestamp) -> Result<Vec<Request>, StoreError> {
        let rows =
            sqlx::query("SELECT request FROM requests WHERE due_at <= $1 ORDER BY due_at, id")
                .bind(now.as_microsecond())
                .fetch_all(&self.reader)
                .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<Request, StoreError> {
    Columns { table: TABLE, row }.json("request")
}

/// Stores a new request, or the next revision of one. It fails with [`StoreError::Moved`] if another
/// revision has come in between.
pub(super) async fn put_request(
    connection: &mut AnyConnection,
    request: &Request,
) -> Result<(), StoreError> {
    let due = request.due_at();
    let text = json(TABLE, request)?;
    let Some(before) = request.revision.checked_sub(1) else {
        // The column only orders: behind what the stack was asked before, by whatever clock. The record
        // keeps the time by which it expires.
        let last: Option<i64> = sqlx::query_scalar(
            "SELECT asked_at FROM requests WHERE stack = $1 ORDER BY asked_at DESC LIMIT 1",
        )
        .bind(request.stack.as_str())
        .fetch_optional(&mut *connection)
        .await?;
        let asked_at = request.asked_at.as_microsecond();
        let asked_at = last.map_or(asked_at, |last| asked_at.max(last.saturating_add(1)));
        sqlx::query(
            "INSERT INTO requests (id, stack, state, revision, asked_at, due_at, request) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(request.id.to_string())
        .bind(request.stack.as_str())
        .bind(request.state.as_str())
        .bind(0_i64)
        .bind(asked_at)
        .bind(micros(due))
        .bind(text)
        .execute(connection)
        .await?;
        return Ok(());
    };
    let changed = sqlx::query(
        "UPDATE requests SET state = $1, revision = $2, due_at = $3, request = $4 \
         WHERE id = $5 AND revision = $6",
    )
    .bind(request.state.as_str())
    .bind(i64::from(request.revision))
    .bind(micros(due))
    .bind(text)
    .bind(request.id.to_string())
    .bind(i64::from(before))
    .execute(connection)
    .await?;
    if changed.rows_affected() == 1 {
        return Ok(());
    }
    Err(StoreError::Moved(request.id))
}
