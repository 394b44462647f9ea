//! The schema, step by step. The files are the common ground of both engines; what PostgreSQL says
//! differently stands in a file of the same number below `postgres`.

use std::borrow::Cow;
use std::sync::LazyLock;

use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::{AnyConnection, SqlSafeStr};

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

/// The steps that are more than additions, each with the oldest version whose programs can work with what
/// it leaves. A step that does not stand here leaves all that there was as it was.
const NOT_ADDITIVE: &[(i64, i64)] = &[(13, 13), (14, 14)];

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

/// Brings the schema up to date. A newer one is left as it is, if it is within reach. The connection is in
/// a transaction that no other process migrates beside, and that is undone after an error.
pub(super) async fn migrate(
    engine: Engine,
    connection: &mut AnyConnection,
) -> Result<(), StoreError> {
    Program::this(engine).migrate(connection).await
}

/// Fails if a newer program has left a schema that this one cannot work with.
pub(super) async fn is_within_reach(connection: &mut AnyConnection) -> Result<(), StoreError> {
    within_reach(connection, known()).await
}

async fn within_reach(connection: &mut AnyConnection, known: i64) -> Result<(), StoreError> {
    let oldest: i64 = sqlx::query_scalar("SELECT oldest FROM reach")
        .fetch_one(&mut *connection)
        .await?;
    if oldest <= known {
        return Ok(());
    }
    let found: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await?;
    Err(StoreError::NewerSchema { found, known })
}

/// What a program knows of the schema.
struct Program {
    engine: Engine,
    steps: Vec<Migration>,
    not_additive: &'static [(i64, i64)],
}

impl Program {
    fn this(engine: Engine) -> Self {
        let steps = match engine {
            Engine::Sqlite => &SQLITE,
            Engine::Postgres => &*POSTGRES,
        };
        Self {
            engine,
            steps: steps.iter().cloned().collect(),
            not_additive: NOT_ADDITIVE,
        }
    }

    fn known(&self) -> i64 {
        self.steps
            .iter()
            .map(|step| step.version)
            .max()
            .unwrap_or(0)
    }

    async fn migrate(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let mut steps = Migrator::with_migrations(self.steps.clone());
        // Its lock would outlive an error, and nobody else migrates at the same time.
        steps.set_locking(false);
        let mut done = steps.run_direct(None, connection, false).await;
        // They are looked at in their order, so with this one all that are missing are newer.
        if let Err(MigrateError::VersionMissing(found)) = done
            && found > self.known()
        {
            within_reach(connection, self.known()).await?;
            steps.set_ignore_missing(true);
            done = steps.run_direct(None, connection, false).await;
        }
        done.map_err(|error| StoreError::migration(error, self.known()))?;
        self.leave_behind(connection).await
    }

    /// Takes down which programs cannot work with this any more. None of them may be at work.
    async fn leave_behind(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let oldest = self.not_additive.iter().map(|(_, oldest)| *oldest).max();
        let changed = sqlx::query("UPDATE reach SET oldest = $1 WHERE oldest < $1")
            .bind(oldest.unwrap_or(0))
            .execute(&mut *connection)
            .await?;
        if changed.rows_affected() == 0 || self.engine == Engine::Sqlite {
            return Ok(());
        }
        let others: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database \
             WHERE locktype = 'advisory' AND granted AND datname = current_database() \
             AND pid <> pg_backend_pid()",
        )
        .fetch_one(connection)
        .await?;
        match others {
            0 => Ok(()),
            _ => Err(StoreError::OlderAtWork),
        }
    }
}

#[cfg(test)]
mod rolling_tests;

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

    #[test]
    fn what_is_said_of_a_step_is_said_of_one_that_is_there() {
        for (step, oldest) in NOT_ADDITIVE {
            assert!(SQLITE.version_exists(*step) && oldest <= step);
        }
    }
}
