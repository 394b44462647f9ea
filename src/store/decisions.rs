//! What was decided in runs, and from what.

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::row::{Columns, json};
use super::{Store, StoreError};
use crate::domain::ids::{RunId, StackId};
use crate::domain::policy::Decided;

const TABLE: &str = "decisions";

impl Store {
    /// Stores what was decided in a run, which is stored already; a second time replaces the first.
    pub async fn save_decision(&self, decided: &Decided) -> Result<(), StoreError> {
        let save = sqlx::query(
            "INSERT INTO decisions (run, stack, decided_at, inputs, decision) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (run) DO UPDATE SET \
             decided_at = excluded.decided_at, inputs = excluded.inputs, \
             decision = excluded.decision",
        )
        .bind(decided.run.to_string())
        .bind(decided.stack.as_str())
        .bind(decided.at.as_microsecond())
        .bind(json(TABLE, &decided.inputs)?)
        .bind(json(TABLE, &decided.decision)?);
        self.execute(save).await
    }

    /// What was decided in a run, if that was more than nothing.
    pub async fn decision(&self, run: &RunId) -> Result<Option<Decided>, StoreError> {
        let row = sqlx::query("SELECT * FROM decisions WHERE run = $1")
            .bind(run.to_string())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// What was decided since a time, oldest first. To go on, `after` is the time and the run of the
    /// last one seen.
    pub async fn decisions(
        &self,
        since: Timestamp,
        after: Option<(Timestamp, RunId)>,
        limit: u32,
    ) -> Result<Vec<Decided>, StoreError> {
        let (from, run) = match after {
            Some((at, run)) => (at.max(since), run.to_string()),
            None => (since, String::new()),
        };
        let rows = sqlx::query(
            "SELECT * FROM decisions WHERE (decided_at, run) > ($1, $2) \
             ORDER BY decided_at, run LIMIT $3",
        )
        .bind(from.as_microsecond())
        .bind(run)
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<Decided, StoreError> {
    let columns = Columns { table: TABLE, row };
    Ok(Decided {
        run: columns.id("run")?,
        stack: StackId::new(columns.text("stack")?),
        at: columns.time("decided_at")?,
        inputs: columns.json("inputs")?,
        decision: columns.json("decision")?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::samples::{at, check, run, run_id};
    use super::super::tests::{finished, fresh};
    use super::*;
    use crate::domain::policy::{Facts, Guard, Inputs};

    fn decided(number: u128, seconds: i64) -> Decided {
        let check = check("infra/a");
        Decided {
            run: run_id(number),
            stack: StackId::new("infra/a"),
            at: at(seconds),
            inputs: Inputs {
                verdict: check.verdict,
                findings: check.findings,
                facts: Facts {
                    now: at(seconds),
                    guards: vec![Guard::Held],
                    ..Facts::default()
                },
                repository: Vec::new(),
            },
            decision: check.decision,
        }
    }

    #[tokio::test]
    async fn decisions_come_back_page_by_page_and_go_with_their_runs() {
        let (_directory, store) = fresh().await;
        for number in 1..=3 {
            let run = run(number, "infra/a", 0);
            store.save_run(&finished(run, 1)).await.unwrap();
            let decided = decided(number, 10 + i64::try_from(number).unwrap() / 2);
            store.save_decision(&decided).await.unwrap();
            store.save_decision(&decided).await.unwrap();
            assert_eq!(store.decision(&decided.run).await.unwrap(), Some(decided));
        }
        assert_eq!(store.decision(&run_id(9)).await.unwrap(), None);
        let first = store.decisions(at(0), None, 2).await.unwrap();
        let runs = |all: &[Decided]| all.iter().map(|one| one.run).collect::<Vec<_>>();
        assert_eq!(runs(&first), [run_id(1), run_id(2)]);
        let after = first.last().map(|last| (last.at, last.run));
        let rest = store.decisions(at(0), after, 9).await.unwrap();
        assert_eq!(runs(&rest), [run_id(3)]);
        assert_eq!(
            runs(&store.decisions(at(11), None, 9).await.unwrap()),
            [run_id(2), run_id(3)]
        );
        store.prune(at(100)).await.unwrap();
        assert_eq!(store.decision(&run_id(1)).await.unwrap(), None);
        assert!(
            store.decision(&run_id(3)).await.unwrap().is_some(),
            "the newest run stays"
        );
    }
}
