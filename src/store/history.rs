//! What happened in a time: alerts that were open in it, runs that applied in it, and the looks
//! that lead up to a moment.

use jiff::Timestamp;

use super::{Store, StoreError, alerts, runs};
use crate::domain::alert::Alert;
use crate::domain::ids::StackId;
use crate::domain::run::Run;

impl Store {
    /// Every alert that people were told of and that was open at some moment from `from` until just before `to`, and every one
    /// that is open now, oldest first. Those that were forgotten are missing.
    pub async fn alerts_between(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Alert>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM alerts WHERE told = 1 AND (resolved_at IS NULL \
             OR (opened_at < $1 AND resolved_at >= $2)) ORDER BY opened_at, id",
        )
        .bind(to.as_microsecond())
        .bind(from.as_microsecond())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(alerts::read).collect()
    }

    /// Every run that ended from `from` until just before `to` and had stored the intent to apply,
    /// in the order they ended.
    pub async fn applies_between(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Run>, StoreError> {
        let rows = sqlx::query(
            "SELECT runs.* FROM runs JOIN intents ON intents.run = runs.id \
             WHERE runs.ended_at >= $1 AND runs.ended_at < $2 ORDER BY runs.ended_at, runs.id",
        )
        .bind(from.as_microsecond())
        .bind(to.as_microsecond())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(runs::read).collect()
    }

    /// The last runs of a stack that were queued no later than a moment, newest first.
    pub async fn runs_until(
        &self,
        stack: &StackId,
        moment: Timestamp,
        limit: u32,
    ) -> Result<Vec<Run>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM runs WHERE stack = $1 AND queued_at <= $2 \
             ORDER BY queued_at DESC, id DESC LIMIT $3",
        )
        .bind(stack.as_str())
        .bind(moment.as_microsecond())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(runs::read).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::Conclusion;
    use super::super::samples::{alert, at, intent, run, run_id, stack_id};
    use super::super::tests::{finished, fresh};
    use crate::domain::alert::{Alert, AlertKind, Resolution};

    #[tokio::test]
    async fn what_happened_in_a_time_is_found_again() {
        let (_directory, store) = fresh().await;
        let over = |n: u128, opened: i64, resolved: i64| Alert {
            opened_at: Some(at(opened)),
            resolved: Some((at(resolved), Resolution::PutBack)),
            ..alert(n, &format!("s{n}"), AlertKind::Drift)
        };
        let open = alert(9, "open", AlertKind::Drift);
        let alerts = [
            over(1, 0, 100),
            over(2, 0, 101),
            over(3, 150, 300),
            over(4, 199, 200),
            over(5, 200, 210),
            open,
        ];
        let conclusion = Conclusion {
            alerts: &alerts.clone().map(Into::into),
            ..Conclusion::default()
        };
        store.conclude(&conclusion).await.unwrap();
        let found = store.alerts_between(at(101), at(200)).await.unwrap();
        let ids: Vec<_> = found.iter().map(|alert| alert.stack.to_string()).collect();
        assert_eq!(ids, ["infra/s2", "infra/open", "infra/s3", "infra/s4"]);

        for n in 1..=4_u32 {
            let seconds = i64::from(n) * 10;
            let one = run(u128::from(n), "a", seconds);
            if n != 2 {
                store
                    .intend(&one, &intent(run_id(u128::from(n))), None)
                    .await
                    .unwrap();
            }
            store.save_run(&finished(one, seconds + 5)).await.unwrap();
        }
        let applied = store.applies_between(at(15), at(45)).await.unwrap();
        let applied: Vec<_> = applied.iter().map(|run| run.id).collect();
        assert_eq!(
            applied,
            [run_id(1), run_id(3)],
            "the second one applied nothing"
        );
        let looks = store.runs_until(&stack_id("a"), at(30), 2).await.unwrap();
        let looks: Vec<_> = looks.iter().map(|run| run.id).collect();
        assert_eq!(looks, [run_id(3), run_id(2)]);
        assert_eq!(
            store.runs_until(&stack_id("b"), at(99), 5).await.unwrap(),
            []
        );
    }
}
