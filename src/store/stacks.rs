//! Stacks and their ledgers.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::row::{Columns, json};
use super::states::{claim, release};
use super::{Store, StoreError};
use crate::domain::glance::Glance;
use crate::domain::ids::StackId;
use crate::domain::ledger::LedgerEntry;
use crate::domain::stack::StackRecord;

const TABLE: &str = "stacks";
const LEDGER: &str = "ledger";
const GLANCES: &str = "glances";
/// So many records are read at once when all are gone over.
const PAGE: i64 = 100;
/// So many of what is seen at a glance.
const GLANCES_PAGE: i64 = 1000;
/// So many chosen records.
const CHOSEN: usize = 100;

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
        let mut taken = Vec::new();
        let mut last = String::new();
        loop {
            let rows = sqlx::query("SELECT record FROM stacks WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(last)
                .bind(PAGE)
                .fetch_all(&self.reader)
                .await?;
            let Some(end) = rows.last() else {
                return Ok(taken);
            };
            last = read(end)?.id.to_string();
            for row in &rows {
                taken.extend(take(read(row)?));
            }
        }
    }

    /// The same, of what can be seen at a glance, which takes a fraction of the time.
    pub async fn each_glance<T>(
        &self,
        mut take: impl FnMut(Glance) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut taken = Vec::new();
        let mut last = String::new();
        loop {
            let page = self.glances(&last).await?;
            let Some(end) = page.last() else {
                return Ok(taken);
            };
            last = end.id.to_string();
            taken.extend(page.into_iter().filter_map(&mut take));
        }
    }

    /// The stacks that are chosen at a glance, by id.
    pub async fn choose(
        &self,
        mut is_chosen: impl FnMut(&Glance) -> bool,
    ) -> Result<Vec<StackRecord>, StoreError> {
        let choose = |glance: Glance| is_chosen(&glance).then_some(glance.id);
        let chosen = self.each_glance(choose).await?;
        let mut taken = Vec::with_capacity(chosen.len());
        for some in chosen.chunks(CHOSEN) {
            taken.extend(self.some_stacks(some).await?);
        }
        Ok(taken)
    }

    async fn glances(&self, after: &str) -> Result<Vec<Glance>, StoreError> {
        let rows =
            sqlx::query("SELECT glance FROM glances WHERE stack > $1 ORDER BY stack LIMIT $2")
                .bind(after)
                .bind(GLANCES_PAGE)
                .fetch_all(&self.reader)
                .await?;
        let glance = |row| {
            Columns {
                table: GLANCES,
                row,
            }
            .json("glance")
        };
        rows.iter().map(glance).collect()
    }

    /// Those with these ids, by id.
    async fn some_stacks(&self, ids: &[StackId]) -> Result<Vec<StackRecord>, StoreError> {
        let places: Vec<String> = (1..=ids.len()).map(|place| format!("${place}")).collect();
        let query = format!(
            "SELECT record FROM stacks WHERE id IN ({}) ORDER BY id",
            places.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(query));
        for id in ids {
            query = query.bind(id.as_str());
        }
        let rows = query.fetch_all(&self.reader).await?;
        rows.iter().map(read).collect()
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
        let mut transaction = self.begin().await?;
        put_stack(&mut transaction, stack).await?;
        transaction.commit().await
    }

    /// Stores what is known of stacks that are not stored yet, all at once.
    pub async fn add_stacks(&self, stacks: &[StackRecord]) -> Result<(), StoreError> {
        if stacks.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        for stack in stacks {
            let added = sqlx::query(
                "INSERT INTO stacks (id, record) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            )
            .bind(stack.id.as_str())
            .bind(json(TABLE, stack)?)
            .execute(&mut *transaction)
            .await?;
            if added.rows_affected() == 1 {
                put_glance(&mut transaction, stack).await?;
            }
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
    put_glance(connection, stack).await
}

async fn put_glance(connection: &mut AnyConnection, stack: &StackRecord) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO glances (stack, glance) VALUES ($1, $2) \
         ON CONFLICT (stack) DO UPDATE SET glance = excluded.glance",
    )
    .bind(stack.id.as_str())
    .bind(json(GLANCES, &Glance::from(stack))?)
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores what is seen at a glance of stacks that an earlier version stored, and where their states are.
pub(super) async fn complete(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "SELECT record FROM stacks WHERE NOT EXISTS \
         (SELECT 1 FROM glances WHERE glances.stack = stacks.id)",
    )
    .fetch_all(&mut *connection)
    .await?;
    for row in &rows {
        let stack = read(row)?;
        put_glance(connection, &stack).await?;
        if let (true, Some(state)) = (stack.tracked, &stack.backend) {
            claim(connection, state, &stack.id).await?;
        }
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
