//! Runs, and the intents of those that apply.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection};

use super::audit::append;
use super::requests::put_request;
use super::row::{Columns, json, micros, word};
use super::starting::{Grounds, clear};
use super::{Store, StoreError};
use crate::domain::approval::Intent;
use crate::domain::audit::{Action, NewAudit};
use crate::domain::ids::{CommitId, RunId, StackId};
use crate::domain::lease::Lease;
use crate::domain::request::Request;
use crate::domain::run::Run;

const TABLE: &str = "runs";
const INTENTS: &str = "intents";
const ENQUEUE: &str = "INSERT INTO runs (id, stack, trigger_reason, state, commit_id, queued_at, \
     started_at, ended_at, outcome, state_moved, lease) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
     ON CONFLICT (stack) WHERE state = 'queued' DO NOTHING";

impl Store {
    /// Stores a new queued run, and who asked for it if somebody did. False, and nothing is stored,
    /// if a run of the stack is queued already; one that is under way does not count.
    pub async fn enqueue(&self, run: &Run, asked: Option<&NewAudit>) -> Result<bool, StoreError> {
        let insert = bound(sqlx::query(ENQUEUE), run)?;
        let mut transaction = self.begin().await?;
        let result = insert.execute(&mut *transaction).await?;
        let stored = result.rows_affected() == 1;
        if stored {
            append(&mut transaction, asked.map_or(&[], std::slice::from_ref)).await?;
        }
        transaction.commit().await?;
        Ok(stored)
    }

    /// Stores new queued runs, and others as they are now, all at once. A run of a stack that has one
    /// queued already is not stored; gives the ids of those that were.
    pub async fn enqueue_all(
        &self,
        new: &[Run],
        changed: &[Run],
    ) -> Result<BTreeSet<RunId>, StoreError> {
        let mut stored = BTreeSet::new();
        if new.is_empty() && changed.is_empty() {
            return Ok(stored);
        }
        let mut transaction = self.begin().await?;
        for run in new {
            let insert = bound(sqlx::query(ENQUEUE), run)?;
            if insert.execute(&mut *transaction).await?.rows_affected() == 1 {
                stored.insert(run.id);
            }
        }
        for run in changed {
            put_run(&mut transaction, run).await?;
        }
        transaction.commit().await?;
        Ok(stored)
    }

    /// Stores a run as it is now.
    pub async fn save_run(&self, run: &Run) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        put_run(&mut transaction, run).await?;
        transaction.commit().await
    }

    /// One run.
    pub async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        let row = sqlx::query("SELECT * FROM runs WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The newest runs, of one stack or of all, newest first.
    pub async fn runs(&self, stack: Option<&StackId>, limit: u32) -> Result<Vec<Run>, StoreError> {
        let query = match stack {
            Some(stack) => sqlx::query(
                "SELECT * FROM runs WHERE stack = $1 ORDER BY queued_at DESC, id DESC LIMIT $2",
            )
            .bind(stack.as_str()),
            None => sqlx::query("SELECT * FROM runs ORDER BY queued_at DESC, id DESC LIMIT $1"),
        };
        let rows = query.bind(i64::from(limit)).fetch_all(&self.reader).await?;
        rows.iter().map(read).collect()
    }

    /// How many runs each replica has under way.
    pub async fn runs_by_replica(&self) -> Result<BTreeMap<i64, usize>, StoreError> {
        let rows = sqlx::query(
            "SELECT lease FROM runs WHERE state NOT IN ('finished', 'interrupted') \
             AND state <> 'queued' AND lease IS NOT NULL",
        )
        .fetch_all(&self.reader)
        .await?;
        let mut runs = BTreeMap::new();
        for row in &rows {
            let lease: Lease = Columns { table: TABLE, row }.json("lease")?;
            *runs.entry(lease.replica).or_default() += 1;
        }
        Ok(runs)
    }

    /// Those of these stacks that are being applied now.
    pub async fn applying(&self, stacks: &[StackId]) -> Result<BTreeSet<StackId>, StoreError> {
        let rows = sqlx::query(
            "SELECT stack FROM runs WHERE state NOT IN ('finished', 'interrupted') \
             AND state IN ('applying', 'verifying')",
        )
        .fetch_all(&self.reader)
        .await?;
        let stack = |row| {
            Columns { table: TABLE, row }
                .text("stack")
                .map(StackId::new)
        };
        let applying: BTreeSet<StackId> = rows.iter().map(stack).collect::<Result<_, _>>()?;
        Ok(stacks
            .iter()
            .filter(|stack| applying.contains(*stack))
            .cloned()
            .collect())
    }

    /// Every run that is queued or under way, oldest first. An interrupted one is over.
    pub async fn unfinished_runs(&self) -> Result<Vec<Run>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM runs WHERE state NOT IN ('finished', 'interrupted') \
             ORDER BY queued_at, id",
        )
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Stores, before Terraform starts, that a run is about to apply and what. It is on the disk
    /// when this returns. A second intent of one run is an error: nothing is applied twice.
    /// The request that people approved, if they did, is used up with it. A stack that is paused or
    /// shares its state is barred, whichever process knows of that.
    pub async fn record_intent(
        &self,
        run: &Run,
        intent: &Intent,
        used: Option<&Request>,
        grounds: Grounds<'_>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        clear(&mut transaction, intent, grounds).await?;
        put_run(&mut transaction, run).await?;
        if let Some(request) = used {
            put_request(&mut transaction, request).await?;
        }
        sqlx::query(
            "INSERT INTO intents (run, binding, approver, decision, snapshot, decided_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(intent.run.to_string())
        .bind(json(INTENTS, &intent.binding)?)
        .bind(json(INTENTS, &intent.approver)?)
        .bind(json(INTENTS, &intent.decision)?)
        .bind(intent.snapshot.as_str())
        .bind(intent.at.as_microsecond())
        .execute(&mut *transaction)
        .await?;
        let started = Action::ApplyStarted(Box::new(intent.clone()));
        append(&mut transaction, &[NewAudit::own(intent.at, started)]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What a run was about to apply, if it got that far.
    pub async fn intent(&self, run: &RunId) -> Result<Option<Intent>, StoreError> {
        let row = sqlx::query("SELECT * FROM intents WHERE run = $1")
            .bind(run.to_string())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(read_intent).transpose()
    }

    /// When something was applied since a time, to one stack or to any: the newest, newest first.
    pub async fn applies(
        &self,
        stack: Option<&StackId>,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<Timestamp>, StoreError> {
        const ALL: &str = "SELECT intents.decided_at AS decided_at FROM intents \
             JOIN runs ON runs.id = intents.run WHERE intents.decided_at > $1 \
             ORDER BY intents.decided_at DESC LIMIT $2";
        const OF_STACK: &str = "SELECT intents.decided_at AS decided_at FROM intents \
             JOIN runs ON runs.id = intents.run WHERE intents.decided_at > $1 \
             AND runs.stack = $3 ORDER BY intents.decided_at DESC LIMIT $2";
        let query = sqlx::query(if stack.is_some() { OF_STACK } else { ALL })
            .bind(since.as_microsecond())
            .bind(i64::from(limit));
        let query = match stack {
            Some(stack) => query.bind(stack.as_str()),
            None => query,
        };
        let rows = query.fetch_all(&self.reader).await?;
        let at = |row| {
            Columns {
                table: INTENTS,
                row,
            }
            .time("decided_at")
        };
        rows.iter().map(at).collect()
    }

    /// Every run that applied or was about to.
    pub async fn applied_runs(&self) -> Result<BTreeSet<RunId>, StoreError> {
        let rows = sqlx::query("SELECT run FROM intents")
            .fetch_all(&self.reader)
            .await?;
        let run = |row| {
            Columns {
                table: INTENTS,
                row,
            }
            .id("run")
        };
        rows.iter().map(run).collect()
    }
}

pub(super) async fn put_run(connection: &mut AnyConnection, run: &Run) -> Result<(), StoreError> {
    bound(
        sqlx::query(
            "INSERT INTO runs (id, stack, trigger_reason, state, commit_id, queued_at, \
             started_at, ended_at, outcome, state_moved, lease) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (id) DO UPDATE SET \
             trigger_reason = excluded.trigger_reason, \
             state = excluded.state, commit_id = excluded.commit_id, \
             started_at = excluded.started_at, ended_at = excluded.ended_at, \
             outcome = excluded.outcome, state_moved = excluded.state_moved, \
             lease = excluded.lease",
        ),
        run,
    )?
    .execute(connection)
    .await?;
    Ok(())
}

type AnyQuery<'q> = Query<'q, Any, AnyArguments>;

fn bound<'q>(query: AnyQuery<'q>, run: &Run) -> Result<AnyQuery<'q>, StoreError> {
    let outcome = run
        .outcome
        .as_ref()
        .map(|outcome| json(TABLE, outcome))
        .transpose()?;
    let state_moved = run
        .state_moved
        .as_ref()
        .map(|moved| json(TABLE, moved))
        .transpose()?;
    let lease = run.lease.as_ref().map(|lease| json(TABLE, lease));
    let lease = lease.transpose()?;
    Ok(query
        .bind(run.id.to_string())
        .bind(run.stack.as_str().to_owned())
        .bind(word(TABLE, &run.trigger)?)
        .bind(word(TABLE, &run.state)?)
        .bind(run.commit.as_ref().map(|commit| commit.as_str().to_owned()))
        .bind(run.queued_at.as_microsecond())
        .bind(micros(run.started_at))
        .bind(micros(run.ended_at))
        .bind(outcome)
        .bind(state_moved)
        .bind(lease))
}

pub(super) fn read(row: &AnyRow) -> Result<Run, StoreError> {
    let columns = Columns { table: TABLE, row };
    Ok(Run {
        id: columns.id("id")?,
        stack: StackId::new(columns.text("stack")?),
        trigger: columns.word("trigger_reason")?,
        state: columns.word("state")?,
        commit: columns.optional_text("commit_id")?.map(CommitId::new),
        queued_at: columns.time("queued_at")?,
        started_at: columns.optional_time("started_at")?,
        ended_at: columns.optional_time("ended_at")?,
        outcome: columns.optional_json("outcome")?,
        state_moved: columns.optional_json("state_moved")?,
        lease: columns.optional_json("lease")?,
    })
}

fn read_intent(row: &AnyRow) -> Result<Intent, StoreError> {
    let columns = Columns {
        table: INTENTS,
        row,
    };
    Ok(Intent {
        run: columns.id("run")?,
        binding: columns.json("binding")?,
        approver: columns.json("approver")?,
        decision: columns.json("decision")?,
        snapshot: columns.text("snapshot")?,
        at: columns.time("decided_at")?,
    })
}
