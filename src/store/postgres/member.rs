//! What a process is among those that share the database: the locks that its session holds, and its
//! row, which says that they may be taken again if the session is lost.
//!
//! The server ends a session from which it hears nothing, and the locks with it, by its own clock. So a
//! process that is stopped or cut off writes nothing any more, whatever it believes.

use jiff::SignedDuration;
use sqlx::{AnyConnection, Executor};

use super::super::replicas::{Area, Joining};
use super::super::row::json;
use super::super::trouble::ServerTrouble;
use super::super::{Leading, StoreError};
use crate::domain::replica::{self, Before, Found, Lead, TakenUp};

/// Held by whoever leads.
const LEADER: i64 = 0x6d6f_6f72_696e_6721;
/// With its number, held by each replica.
const MEMBERS: i32 = 0x6d6f_6f72;
/// With nought, held through each transaction that writes; with the number of an area, by whoever is
/// alone there.
const TURNS: i32 = 0x6d6f_6f73;

/// What was handed to somebody who is not there any more, and has not come back.
const FORGOTTEN: &str = "DELETE FROM handed WHERE ended IS NULL \
     AND NOT EXISTS (SELECT 1 FROM replicas WHERE replicas.number = handed.replica)";

const NOW: &str = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";

/// A replica: its number, and whether it led when its session was last there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Member {
    pub(in super::super) number: i64,
    pub(in super::super) leads: bool,
}

/// Waits in a transaction until nobody else writes; nobody does until its end.
pub(super) async fn wait_to_write(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let sql = format!("SELECT pg_advisory_xact_lock({TURNS}, 0) IS NULL");
    connection.execute(sqlx::AssertSqlSafe(sql)).await?;
    Ok(())
}

/// Begins a transaction in which nobody else writes.
pub(super) async fn begin(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    connection.execute("BEGIN").await?;
    wait_to_write(connection).await
}

/// Undoes a transaction. The lock of whoever leads outlives that: nobody has it who was interrupted in
/// trying to lead.
pub(super) async fn undo(connection: &mut AnyConnection, leads: bool) -> Result<(), sqlx::Error> {
    connection.execute("ROLLBACK").await?;
    if !leads {
        let unlock = format!(
            "SELECT pg_advisory_unlock({LEADER}) WHERE EXISTS (SELECT 1 FROM pg_locks \
             WHERE locktype = 'advisory' AND objsubid = 1 AND pid = pg_backend_pid())"
        );
        connection.execute(sqlx::AssertSqlSafe(unlock)).await?;
    }
    Ok(())
}

/// Joins those who share the database. Whoever was here before from the same home is gone: only one
/// process at a time has a home.
pub(super) async fn join(
    connection: &mut AnyConnection,
    joining: &Joining,
) -> Result<Member, StoreError> {
    let about = json("replicas", &joining.about)?;
    begin(connection).await?;
    let number: i64 = sqlx::query_scalar(
        "UPDATE leadership SET last_number = last_number + 1 RETURNING last_number",
    )
    .fetch_one(&mut *connection)
    .await?;
    hold(connection, number).await?;
    sqlx::query("DELETE FROM replicas WHERE home = $1")
        .bind(joining.home.as_str())
        .execute(&mut *connection)
        .await?;
    let insert =
        format!("INSERT INTO replicas (number, home, joined_at, about) VALUES ($1, $2, {NOW}, $3)");
    sqlx::query(sqlx::AssertSqlSafe(insert))
        .bind(number)
        .bind(joining.home.as_str())
        .bind(about)
        .execute(&mut *connection)
        .await?;
    connection.execute("COMMIT").await?;
    Ok(Member {
        number,
        leads: false,
    })
}

/// Takes up again what a lost session held. That is refused for good once others have gone on
/// without it.
pub(super) async fn take_up(
    connection: &mut AnyConnection,
    member: Member,
) -> Result<(), StoreError> {
    // First: in a transaction of its own it would keep everybody waiting, this one too.
    end_own_session(connection, member.number).await?;
    begin(connection).await?;
    let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM replicas WHERE number = $1")
        .bind(member.number)
        .fetch_one(&mut *connection)
        .await?;
    let found = Found {
        is_known: known > 0,
        leader: leader(connection).await?,
    };
    match replica::take_up(member.number, member.leads, found) {
        TakenUp::AsBefore => {}
        TakenUp::Fenced => return Err(StoreError::Fenced),
    }
    hold(connection, member.number).await?;
    if member.leads && !try_to_lead(connection).await? {
        return Err(StoreError::Server(ServerTrouble::InUse));
    }
    sqlx::query("UPDATE replicas SET missing_since = NULL WHERE number = $1")
        .bind(member.number)
        .execute(&mut *connection)
        .await?;
    connection.execute("COMMIT").await?;
    Ok(())
}

/// Tries to lead, having waited for so long for whoever led until now and left no word. They may come
/// back in a moment; once another one leads they are out: nothing they still believe is written.
pub(super) async fn lead(
    connection: &mut AnyConnection,
    member: Member,
    waited: SignedDuration,
) -> Result<Leading, StoreError> {
    if !try_to_lead(connection).await? {
        return Ok(Leading::Elsewhere(leader(connection).await?));
    }
    match replica::lead(before(connection, member).await?, waited) {
        Lead::Here => {}
        Lead::Without(number) => {
            sqlx::query("DELETE FROM replicas WHERE number = $1")
                .bind(number)
                .execute(&mut *connection)
                .await?;
        }
        Lead::NotYet => {
            let unlock = format!("SELECT pg_advisory_unlock({LEADER})");
            connection.execute(sqlx::AssertSqlSafe(unlock)).await?;
            return Ok(Leading::Vacant);
        }
    }
    sqlx::query("UPDATE leadership SET replica = $1")
        .bind(member.number)
        .execute(&mut *connection)
        .await?;
    Ok(Leading::Here)
}

/// Who led last.
async fn leader(connection: &mut AnyConnection) -> Result<Option<i64>, StoreError> {
    let leader = sqlx::query_scalar("SELECT replica FROM leadership");
    Ok(leader.fetch_one(connection).await?)
}

async fn before(connection: &mut AnyConnection, member: Member) -> Result<Before, StoreError> {
    let sql = format!(
        "SELECT number, CASE WHEN {} THEN 1 ELSE 0 END FROM replicas \
         JOIN leadership ON leadership.replica = replicas.number WHERE number <> $1",
        without_session()
    );
    let found: Option<(i64, i32)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(member.number)
        .fetch_optional(connection)
        .await?;
    Ok(match found {
        None => Before::Nobody,
        Some((number, 1)) => Before::Absent(number),
        Some(_) => Before::Present,
    })
}

/// Takes away the rows of those whose session has been gone for too long; gives their numbers.
pub(super) async fn reap(connection: &mut AnyConnection) -> Result<Vec<i64>, StoreError> {
    let without = without_session();
    let back = format!(
        "UPDATE replicas SET missing_since = NULL WHERE missing_since IS NOT NULL AND NOT {without}"
    );
    let gone = format!(
        "UPDATE replicas SET missing_since = {NOW} WHERE missing_since IS NULL AND {without}"
    );
    for sql in [back, gone] {
        connection.execute(sqlx::AssertSqlSafe(sql)).await?;
    }
    let delete = format!(
        "DELETE FROM replicas WHERE missing_since < {NOW} - {} * 1000000 RETURNING number",
        replica::MISSING.as_secs()
    );
    let lost = sqlx::query_scalar(sqlx::AssertSqlSafe(delete));
    let lost = lost.fetch_all(&mut *connection).await?;
    connection.execute(FORGOTTEN).await?;
    Ok(lost)
}

/// Leaves for good, with a word: nobody waits for it to come back.
pub(super) async fn leave(
    connection: &mut AnyConnection,
    member: Member,
) -> Result<(), StoreError> {
    begin(connection).await?;
    sqlx::query("DELETE FROM replicas WHERE number = $1")
        .bind(member.number)
        .execute(&mut *connection)
        .await?;
    connection.execute("COMMIT").await?;
    connection
        .execute("SELECT pg_advisory_unlock_all() IS NULL")
        .await?;
    Ok(())
}

/// Whether other replicas are there. Rows of those that are not are taken away.
pub(super) async fn is_alone(
    connection: &mut AnyConnection,
    member: Member,
) -> Result<bool, StoreError> {
    let gone = format!("DELETE FROM replicas WHERE {}", without_session());
    connection.execute(sqlx::AssertSqlSafe(gone)).await?;
    let others: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM replicas WHERE number <> $1")
        .bind(member.number)
        .fetch_one(connection)
        .await?;
    Ok(others == 0)
}

/// The condition that a row of `replicas` has no session that holds its lock.
fn without_session() -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database \
         WHERE locktype = 'advisory' AND granted AND datname = current_database() \
         AND classid = {MEMBERS} AND objid = number AND objsubid = 2)"
    )
}

/// Whether nobody else is in an area; then this session is, until it leaves it.
pub(super) async fn enter(connection: &mut AnyConnection, area: Area) -> Result<bool, StoreError> {
    let sql = format!("SELECT pg_try_advisory_lock({TURNS}, {})", area.number());
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_one(connection)
        .await?)
}

/// Leaves an area.
pub(super) async fn exit(connection: &mut AnyConnection, area: Area) -> Result<(), StoreError> {
    let sql = format!("SELECT pg_advisory_unlock({TURNS}, {})", area.number());
    connection.execute(sqlx::AssertSqlSafe(sql)).await?;
    Ok(())
}

async fn try_to_lead(connection: &mut AnyConnection) -> Result<bool, StoreError> {
    let sql = format!("SELECT pg_try_advisory_lock({LEADER})");
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_one(connection)
        .await?)
}

async fn hold(connection: &mut AnyConnection, number: i64) -> Result<(), StoreError> {
    let sql = format!("SELECT pg_try_advisory_lock({MEMBERS}, {number})");
    let held: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_one(connection)
        .await?;
    match held {
        true => Ok(()),
        false => Err(StoreError::Server(ServerTrouble::InUse)),
    }
}

/// The server may take the session that was lost for alive. Only a session of this replica holds its
/// lock, so no other one is ended.
async fn end_own_session(connection: &mut AnyConnection, number: i64) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT COUNT(pg_terminate_backend(pid, 2000)) FROM pg_locks \
         JOIN pg_database ON pg_database.oid = pg_locks.database \
         WHERE locktype = 'advisory' AND granted AND datname = current_database() \
         AND classid = {MEMBERS} AND objid = {number} AND objsubid = 2 AND pid <> pg_backend_pid()"
    );
    connection.execute(sqlx::AssertSqlSafe(sql)).await?;
    Ok(())
}
