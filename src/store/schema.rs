//! The schema, step by step. The files are the common ground of both engines; what PostgreSQL says
//! differently stands in a file of the same number below `postgres`.

use std::borrow::Cow;
use std::sync::LazyLock;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, Migrator};

use super::StoreError;

static SQLITE: Migrator = sqlx::migrate!("./src/store/migrations");
static DIFFERENT: Migrator = sqlx::migrate!("./src/store/migrations/postgres");
static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| {
    let common = SQLITE.iter().map(|common| {
        let other = DIFFERENT.iter().find(|m| m.version == common.version);
        let step = other.unwrap_or(common);
        Migration::new(
            step.version,
            step.description.clone(),
            step.migration_type,
            sqlx::AssertSqlSafe(by_bytes(step.sql.as_str())).into_sql_str(),
            step.no_tx,
        )
    });
    Migrator::with_migrations(common.collect())
});

/// Text is ordered by its bytes, as SQLite does it, whatever the database was made with: lists come
/// in the same order, and pages go on where the one before ended.
fn by_bytes(sql: &str) -> String {
    let lines = sql.lines().map(|line| match line.split_once(" TEXT") {
        Some((name, rest)) if !line.trim_start().starts_with("--") => {
            Cow::Owned(format!("{name} TEXT COLLATE \"C\"{rest}"))
        }
        _ => Cow::Borrowed(line),
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// The newest version that this program knows.
pub(super) fn known() -> i64 {
    SQLITE.iter().map(|step| step.version).max().unwrap_or(0)
}

/// Which engine a connection leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

/// Brings the schema up to date. The connection is in a transaction that no other process migrates
/// beside.
pub(super) async fn migrate(
    engine: Engine,
    connection: &mut sqlx::AnyConnection,
) -> Result<(), StoreError> {
    let steps = match engine {
        Engine::Sqlite => &SQLITE,
        Engine::Postgres => &*POSTGRES,
    };
    let done = steps.run_direct(None, connection, false).await;
    done.map_err(|error| StoreError::migration(error, known()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn postgres_has_every_step_and_orders_every_text_by_its_bytes() {
        let versions = |steps: &Migrator| steps.iter().map(|m| m.version).collect::<Vec<_>>();
        assert_eq!(versions(&POSTGRES), versions(&SQLITE));
        for step in POSTGRES.iter() {
            let sql = step.sql.as_str();
            assert_eq!(sql.matches(" TEXT").count(), sql.matches("COLLATE").count());
        }
        for different in DIFFERENT.iter() {
            let common = SQLITE.iter().find(|m| m.version == different.version);
            assert_eq!(common.unwrap().description, different.description);
        }
    }
}
