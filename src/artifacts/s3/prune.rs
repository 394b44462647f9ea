//! Objects of old runs are deleted in batches.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::Bucket;
use crate::artifacts::{ArtifactError, ArtifactId, ArtifactName, Retention, Shelf};

/// S3 takes this many keys at once.
const BATCH: usize = 1000;
const ACTION: &str = "delete old artifacts";

impl Bucket {
    /// Deletes the artifacts of runs and reports that have had their time, and nothing else under the
    /// prefix; says of how many runs and reports.
    pub(in crate::artifacts) async fn prune(
        &self,
        retention: &Retention,
    ) -> Result<u64, ArtifactError> {
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(&self.prefix)
            .into_paginator()
            .send();
        let mut past: BTreeMap<Shelf, Vec<ArtifactName>> = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.refused(ACTION, &error))?;
            let artifacts = page.contents().iter();
            for artifact in artifacts.filter_map(|object| self.artifact(object.key()?)) {
                if retention.is_past(&artifact.shelf) {
                    past.entry(artifact.shelf).or_default().push(artifact.name);
                }
            }
        }
        past.retain(|shelf, names| retention.ends(shelf, names.iter()));
        let shelves = past.len() as u64;
        let doomed = past.into_iter().flat_map(|(shelf, names)| {
            let artifacts = names.into_iter();
            artifacts.map(move |name| ArtifactId::new(shelf.clone(), name))
        });
        let doomed: Vec<ArtifactId> = doomed.collect();
        for batch in doomed.chunks(BATCH) {
            self.delete(batch).await?;
        }
        Ok(shelves)
    }

    /// Deletes up to a thousand objects at once; those that are not there are no error.
    pub(in crate::artifacts) async fn delete(
        &self,
        batch: &[ArtifactId],
    ) -> Result<(), ArtifactError> {
        let objects: Result<Vec<ObjectIdentifier>, _> = batch
            .iter()
            .map(|artifact| ObjectIdentifier::builder().key(self.key(artifact)).build())
            .collect();
        let delete = objects.and_then(|objects| {
            let delete = Delete::builder().set_objects(Some(objects));
            delete.quiet(true).build()
        });
        let delete = delete.map_err(|error| self.error(ACTION, None, &error.to_string()))?;
        let answer = self
            .client
            .delete_objects()
            .bucket(&self.name)
            .delete(delete)
            .send()
            .await
            .map_err(|error| self.refused(ACTION, &error))?;
        match answer.errors().first() {
            Some(error) => Err(self.error(
                ACTION,
                error.code(),
                error.message().or(error.code()).unwrap_or("not deleted"),
            )),
            None => Ok(()),
        }
    }
}
