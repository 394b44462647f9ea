//! Stacks and their ledgers.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::row::{Columns, json};
use super::states::release;
use super::{Store, StoreError};
use crate::domain::glance::Glance;
use crate::domain::ids::StackId;
use crate::domain::ledger::LedgerEntry;
use crate::domain::stack::StackRecord;

const TABLE: &str = "stacks";
const LEDGER: &str = "ledger";
/// So many records are read at once when all are gone over.
const PAGE: i64 = 100;

impl Store {
    /// Every stack ever seen, by id.
    pub async fn stacks(&self) -> Result<Vec<StackRecord>, StoreError> {
        let rows = sqlx::query("SELECT record FROM stacks ORDER BY id")
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Goes over every stack ever seen, by id, and keeps what `take` makes of it: only a few records
    /// are in memory at once.
    pub async fn each_stack<T>(
        &self,
        mut take: impl FnMut(StackRecord) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.each_row(|row| Ok(take(read(row)?))).await
    }

    /// The same, of what can be seen at a glance, which takes a fraction of the time.
    pub async fn each_glance<T>(
        &self,
        mut take: impl FnMut(Glance) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.each_row(|row| Ok(take(glance(row)?))).await
    }

    /// The stacks that are chosen at a glance, by id.
    pub async fn choose(
        &self,
        mut is_chosen: impl FnMut(&Glance) -> bool,
    ) -> Result<Vec<StackRecord>, StoreError> {
        let choose = |row: &AnyRow| match is_chosen(&glance(row)?) {
            true => read(row).map(Some),
            false => Ok(None),
        };
        self.each_row(choose).await
    }

    async fn each_row<T>(
        &self,
        mut take: impl FnMut(&AnyRow) -> Result<Option<T>, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut taken = Vec::new();
        let mut last = String::new();
        loop {
            let rows =
                sqlx::query("SELECT id, record FROM stacks WHERE id > $1 ORDER BY id LIMIT $2")
                    .bind(last)
                    .bind(PAGE)
                    .fetch_all(&self.reader)
                    .await?;
            let Some(end) = rows.last() else {
                return Ok(taken);
            };
            last = Columns {
                table: TABLE,
                row: end,
            }
            .text("id")?;
            for row in &rows {
                taken.extend(take(row)?);
            }
        }
    }

    /// One stack.
    pub async fn stack(&self, id: &StackId) -> Result<Option<StackRecord>, StoreError> {
        let row = sqlx::query("SELECT record FROM stacks WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Stores what is known of a stack.
    pub async fn save_stack(&self, stack: &StackRecord) -> Result<(), StoreError> {
        put_stack(&mut *self.write().await?, stack).await
    }

    /// Stores what is known of stacks that are not stored yet, all at once.
    pub async fn add_stacks(&self, stacks: &[StackRecord]) -> Result<(), StoreError> {
        if stacks.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        for stack in stacks {
            sqlx::query(
                "INSERT INTO stacks (id, record) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            )
            .bind(stack.id.as_str())
            .bind(json(TABLE, stack)?)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The unenforced changes of a stack that are remembered, in the order they were stored.
    pub async fn ledger(&self, stack: &StackId) -> Result<Vec<LedgerEntry>, StoreError> {
        let rows = sqlx::query("SELECT entry FROM ledger WHERE stack = $1 ORDER BY position")
            .bind(stack.as_str())
            .fetch_all(&self.reader)
            .await?;
        rows.iter()
            .map(|row| Columns { table: LEDGER, row }.json("entry"))
            .collect()
    }
}

fn read(row: &AnyRow) -> Result<StackRecord, StoreError> {
    Columns { table: TABLE, row }.json("record")
}

fn glance(row: &AnyRow) -> Result<Glance, StoreError> {
    Columns { table: TABLE, row }.json("record")
}

pub(super) async fn put_stack(
    connection: &mut AnyConnection,
    stack: &StackRecord,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO stacks (id, record) VALUES ($1, $2) \
         ON CONFLICT (id) DO UPDATE SET record = excluded.record",
    )
    .bind(stack.id.as_str())
    .bind(json(TABLE, stack)?)
    .execute(&mut *connection)
    .await?;
    if !stack.tracked {
        release(connection, &stack.id).await?;
    }
    Ok(())
}

pub(super) async fn replace_ledger(
    connection: &mut AnyConnection,
    stack: &StackId,
    entries: &[LedgerEntry],
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM ledger WHERE stack = $1")
        .bind(stack.as_str())
        .execute(&mut *connection)
        .await?;
    for (position, entry) in (0_i64..).zip(entries) {
        sqlx::query("INSERT INTO ledger (stack, position, entry) VALUES ($1, $2, $3)")
            .bind(stack.as_str())
            .bind(position)
            .bind(json(LEDGER, entry)?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
