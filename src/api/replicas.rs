//! `/api/v1/replicas`: the processes that share the database, which of them leads, and which answers.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};

use crate::reconcile::handle::{Handle, Replica, Replicas};
use crate::store::StoreError;

use super::Api;
use super::error::ApiError;

/// A replica.
#[derive(Debug, Serialize)]
struct ReplicaDto {
    replica: i64,
    name: String,
    version: String,
    /// A hash over its configuration file: all of them are to have the same.
    configuration: String,
    /// How many runs it has under way, and at most.
    runs: usize,
    jobs: usize,
    leads: bool,
}

impl ReplicaDto {
    fn new(replica: Replica, runs: &BTreeMap<i64, usize>) -> Self {
        Self {
            runs: runs.get(&replica.number).copied().unwrap_or(0),
            replica: replica.number,
            name: replica.about.name,
            version: replica.about.version,
            configuration: replica.about.configuration,
            jobs: replica.about.jobs,
            leads: replica.leads,
        }
    }
}

/// `GET /api/v1/replicas`: none of them if the database is a file, which one process has.
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    let known = api.handle.replicas().await?;
    let answered = known.as_ref().map(|known| known.answered);
    let all: Vec<ReplicaDto> = known.map_or_else(Vec::new, |known| {
        let all = known.all.into_iter();
        all.map(|replica| ReplicaDto::new(replica, &known.runs))
            .collect()
    });
    Ok(Json(
        json!({"schema_version": 1, "answered": answered, "replicas": all}),
    ))
}

/// Who leads and who answers, beside what only the one that leads knows; null if the database is a file.
pub(super) async fn summary(handle: &Handle) -> Result<Value, StoreError> {
    let Some(Replicas { answered, all, .. }) = handle.replicas().await? else {
        return Ok(Value::Null);
    };
    let leading = all.iter().find(|replica| replica.leads);
    let leading = leading.map(|replica| replica.number);
    Ok(json!({"answered": answered, "leading": leading}))
}
