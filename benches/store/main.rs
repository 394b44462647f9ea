//! What it takes to list and filter a large fleet with a year of history behind it.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures are for whoever runs it"
)]

use std::io;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mooring::domain::glance::Glance;
use mooring::domain::ids::{SourceName, StackId};
use mooring::domain::pattern::NamePattern;
use mooring::domain::selection::Selection;
use mooring::domain::stack::StackRecord;
use mooring::plan_json::Schema;
use mooring::reconcile::explain::{Explaining, from_stream};
use mooring::reconcile::replay::Judging;
use mooring::store::Store;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

const STACKS: usize = 5000;
const FINDINGS: usize = 1_000_000;
const ROUNDS: usize = 7;

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(measure()).map_err(io::Error::other)
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

async fn measure() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("mooring.db");
    let store = Store::open(&path).await?;
    let began = Instant::now();
    fill(&store, &path).await?;
    println!(
        "{STACKS} stacks, {FINDINGS} findings in a year of decisions, {} MB, made in {:.0?}",
        std::fs::metadata(&path)?.len() / 1_000_000,
        began.elapsed()
    );
    let stacks = timed("every stack", ROUNDS, async || {
        Ok(store.stacks().await?.len())
    })
    .await?;
    assert_eq!(stacks, STACKS);
    timed("every one at a glance", ROUNDS, async || {
        let verdict = |stack: Glance| Some((stack.verdict(now()), stack.id));
        Ok(store.each_glance(verdict).await?.len())
    })
    .await?;
    let which = Selection {
        labels: [("team".to_owned(), NamePattern::parse("team-7")?)].into(),
        ..Selection::default()
    };
    let narrow = async || Ok(store.choose(|stack| stack.is_in(&which)).await?.len());
    timed("one team's", ROUNDS, narrow).await?;
    let stack = StackId::new("infra/live/s00042");
    timed("one stack", ROUNDS, async || {
        Ok(usize::from(store.stack(&stack).await?.is_some()))
    })
    .await?;
    timed("its runs", ROUNDS, async || {
        Ok(store.runs(Some(&stack), 20).await?.len())
    })
    .await?;
    timed("the newest runs", ROUNDS, async || {
        Ok(store.runs(None, 50).await?.len())
    })
    .await?;
    Ok(())
}

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap_or_default()
}

/// The median of several rounds, printed.
async fn timed(
    what: &str,
    rounds: usize,
    work: impl AsyncFn() -> Result<usize, Failed>,
) -> Result<usize, Failed> {
    let mut count = work().await?;
    let mut took: Vec<Duration> = Vec::new();
    for _ in 0..rounds {
        let began = Instant::now();
        count = work().await?;
        took.push(began.elapsed());
    }
    took.sort();
    let median = took.get(rounds / 2).copied().unwrap_or_default();
    println!("{what:20} {count:>6} rows {median:>12.2?}");
    Ok(count)
}

/// Stacks of which each has drifted as in a real plan, and their decisions over a year.
async fn fill(store: &Store, path: &std::path::Path) -> Result<(), Failed> {
    let plan = std::fs::read("tests/golden/plans/drift_attr.plan.json")?;
    let how = Explaining {
        schema: Schema::default(),
        judging: Judging::default(),
    };
    let check = from_stream(plan.as_slice(), &how)?;
    let records: Vec<StackRecord> = (0..STACKS)
        .map(|number| {
            let id = StackId::new(format!("infra/live/s{number:05}"));
            let labels = [("team".to_owned(), format!("team-{}", number % 50))];
            let mut record = StackRecord::new(
                id.clone(),
                SourceName::new("infra"),
                format!("live/s{number:05}"),
                "default".to_owned(),
                labels.into(),
                now(),
            );
            let mut check = check.clone();
            check.stack = Some(id);
            record.observe(check, now());
            record
        })
        .collect();
    store.add_stacks(&records).await?;
    let each = check.findings.resources.len().max(1);
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await?;
    let mut transaction = pool.begin().await?;
    let inputs = serde_json::json!({"verdict": "drifted", "findings": serde_json::to_value(&check.findings)?});
    for number in 0..FINDINGS / each {
        let run = uuid::Uuid::now_v7().to_string();
        let stack = format!("infra/live/s{:05}", number % STACKS);
        // Over the year before now, evenly.
        let back = (FINDINGS / each - number) as i64 * (365 * 86_400 / (FINDINGS / each) as i64);
        let at = now().as_microsecond() - back * 1_000_000;
        sqlx::query(
            "INSERT INTO runs (id, stack, trigger_reason, state, queued_at, ended_at, outcome) \
             VALUES ($1, $2, 'schedule', 'finished', $3, $3, '{\"kind\":\"checked\",\"verdict\":\"drifted\"}')",
        )
        .bind(&run)
        .bind(&stack)
        .bind(at)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "INSERT INTO decisions (run, stack, decided_at, decision, inputs) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&run)
        .bind(&stack)
        .bind(at)
        .bind(serde_json::to_string(&check.decision)?)
        .bind(inputs.to_string())
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    pool.close().await;
    Ok(())
}
