//! The audit log. It is only ever appended to, in the transaction that stores what it tells of; the
//! database itself refuses everything else.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::row::Columns;
use super::{Store, StoreError};
use crate::domain::audit::{Entry, Head, NewAudit};
use crate::domain::ids::StackId;

const TABLE: &str = "audit";

/// Which way a page goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// From the entry after this number on, oldest first.
    After(u64),
    /// From the entry before this number back, newest first; without one from the newest.
    Before(Option<u64>),
}

/// What a page of the log may be narrowed to.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only about this stack.
    pub stack: Option<StackId>,
    /// Only from this time on.
    pub since: Option<Timestamp>,
}

impl Store {
    /// Appends what belongs to nothing else that is stored.
    pub async fn record(&self, new: &[NewAudit]) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        append(&mut transaction, new).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// A page of the log, of at most `limit` entries.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        paging: Paging,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let (query, seq) = match paging {
            Paging::After(seq) => (
                "SELECT * FROM audit WHERE seq > $1 AND at >= $2 \
                 AND (stack = $3 OR $3 IS NULL) ORDER BY seq LIMIT $4",
                bounded(seq),
            ),
            Paging::Before(seq) => (
                "SELECT * FROM audit WHERE seq < $1 AND at >= $2 \
                 AND (stack = $3 OR $3 IS NULL) ORDER BY seq DESC LIMIT $4",
                seq.map_or(i64::MAX, bounded),
            ),
        };
        let since = filter.since.unwrap_or(Timestamp::MIN);
        let rows = sqlx::query(query)
            .bind(seq)
            .bind(since.as_microsecond())
            .bind(filter.stack.as_ref().map(|stack| stack.as_str().to_owned()))
            .bind(i64::from(limit))
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(read).collect()
    }

    /// The last entry.
    pub async fn audit_head(&self) -> Result<Head, StoreError> {
        let row = sqlx::query(HEAD).fetch_optional(&self.reader).await?;
        row.as_ref().map_or_else(|| Ok(Head::none()), read_head)
    }
}

const HEAD: &str = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";

/// Appends to the chain. The transaction has to have the right to write already: what it reads here
/// must still be the end when it writes.
pub(super) async fn append(
    connection: &mut AnyConnection,
    new: &[NewAudit],
) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    let row = sqlx::query(HEAD).fetch_optional(&mut *connection).await?;
    let mut head = row.as_ref().map_or_else(|| Ok(Head::none()), read_head)?;
    for new in new {
        let entry = new.after(&head);
        let [actor, subject, details] = entry.texts();
        let stack = entry.stack();
        sqlx::query(
            "INSERT INTO audit (seq, at, actor, action, subject, stack, details, previous, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(bounded(entry.seq))
        .bind(entry.at.as_microsecond())
        .bind(actor)
        .bind(entry.action)
        .bind(subject)
        .bind(stack.map(|stack| stack.as_str().to_owned()))
        .bind(details)
        .bind(entry.prev.as_str().to_owned())
        .bind(entry.hash.as_str().to_owned())
        .execute(&mut *connection)
        .await?;
        head = Head {
            seq: entry.seq,
            hash: entry.hash,
        };
    }
    Ok(())
}

fn bounded(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn read_head(row: &AnyRow) -> Result<Head, StoreError> {
    let columns = Columns { table: TABLE, row };
    Ok(Head {
        seq: columns.number("seq")?,
        hash: columns.word("hash")?,
    })
}

fn read(row: &AnyRow) -> Result<Entry, StoreError> {
    let columns = Columns { table: TABLE, row };
    let entry = Entry {
        action: columns.text("action")?,
        actor: columns.json("actor")?,
        at: columns.time("at")?,
        details: columns.json("details")?,
        hash: columns.word("hash")?,
        prev: columns.word("previous")?,
        seq: columns.number("seq")?,
        subject: columns.json("subject")?,
    };
    // Lists go by the column, which no hash covers.
    let stack = columns.optional_text("stack")?.map(StackId::new);
    if stack == entry.stack() {
        Ok(entry)
    } else {
        let cause = format!("stack: not the one that entry {} is about", entry.seq);
        Err(StoreError::record(TABLE, cause))
    }
}
