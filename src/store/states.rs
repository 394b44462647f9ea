//! Which stacks have been seen on which state, by whichever process.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::row::Columns;
use super::{Store, StoreError};
use crate::domain::ids::StackId;

const TABLE: &str = "states";
const ON: &str = "SELECT stack FROM states WHERE state = $1 ORDER BY stack";

impl Store {
    /// Takes note of which state a stack is on; gives the other stacks that are on it too.
    pub async fn claim_state(
        &self,
        state: &str,
        stack: &StackId,
    ) -> Result<Vec<StackId>, StoreError> {
        let rows = sqlx::query(ON).bind(state).fetch_all(&self.reader).await?;
        let others = others(&rows, stack)?;
        if others.len() < rows.len() {
            return Ok(others);
        }
        let mut transaction = self.begin().await?;
        let others = claim(&mut transaction, state, stack).await?;
        transaction.commit().await?;
        Ok(others)
    }
}

/// The same as a part of something larger.
pub(super) async fn claim(
    connection: &mut AnyConnection,
    state: &str,
    stack: &StackId,
) -> Result<Vec<StackId>, StoreError> {
    sqlx::query(
        "INSERT INTO states (stack, state) VALUES ($1, $2) \
         ON CONFLICT (stack) DO UPDATE SET state = excluded.state",
    )
    .bind(stack.as_str())
    .bind(state)
    .execute(&mut *connection)
    .await?;
    let rows = sqlx::query(ON).bind(state).fetch_all(connection).await?;
    others(&rows, stack)
}

/// Forgets where a stack was that is no longer tracked.
pub(super) async fn release(
    connection: &mut AnyConnection,
    stack: &StackId,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM states WHERE stack = $1")
        .bind(stack.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

fn others(rows: &[AnyRow], stack: &StackId) -> Result<Vec<StackId>, StoreError> {
    let stacks = rows
        .iter()
        .map(|row| Columns { table: TABLE, row }.text("stack"));
    let mut others = stacks.collect::<Result<Vec<_>, _>>()?;
    others.retain(|other| other != stack.as_str());
    Ok(others.into_iter().map(StackId::new).collect())
}
