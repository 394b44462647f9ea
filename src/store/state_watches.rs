//! What is remembered of the objects that hold the states of stacks.

use super::row::{Columns, json};
use super::{Store, StoreError};
use crate::domain::ids::StackId;
use crate::domain::state_watch::StateWatch;

const TABLE: &str = "state_watches";

impl Store {
    /// What is remembered of the object that holds a stack's state.
    pub async fn state_watch(&self, stack: &StackId) -> Result<Option<StateWatch>, StoreError> {
        let row = sqlx::query("SELECT watch FROM state_watches WHERE stack = $1")
            .bind(stack.as_str())
            .fetch_optional(&self.reader)
            .await?;
        let watch = |row| Columns { table: TABLE, row }.json("watch");
        row.as_ref().map(watch).transpose()
    }

    /// Remembers it.
    pub async fn save_state_watch(
        &self,
        stack: &StackId,
        watch: &StateWatch,
    ) -> Result<(), StoreError> {
        let save = sqlx::query(
            "INSERT INTO state_watches (stack, watch) VALUES ($1, $2) \
             ON CONFLICT (stack) DO UPDATE SET watch = excluded.watch",
        )
        .bind(stack.as_str())
        .bind(json(TABLE, watch)?);
        self.execute(save).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::state_watch::Glance;

    #[tokio::test]
    async fn what_is_remembered_of_a_state_survives_and_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mooring.db");
        let store = Store::open(&path).await.unwrap();
        let stack = StackId::new("infra/a");
        assert_eq!(store.state_watch(&stack).await.unwrap(), None);
        let mut watch = StateWatch {
            unwatched: Some("denied".to_owned()),
            ..StateWatch::default()
        };
        store.save_state_watch(&stack, &watch).await.unwrap();
        watch.remember("here", Glance::Absent);
        store.save_state_watch(&stack, &watch).await.unwrap();
        store.close().await;
        let store = Store::open(&path).await.unwrap();
        assert_eq!(store.state_watch(&stack).await.unwrap(), Some(watch));
        let other = StackId::new("infra/b");
        assert_eq!(store.state_watch(&other).await.unwrap(), None);
    }
}
