//! Where kept copies go, and for how long.

use std::time::Duration;

use super::super::at::At;
use super::super::written::{Artifacts, S3, Sse};
use super::Checks;
use crate::artifacts::settings::{ArtifactPlace, ArtifactSettings, Encryption, Keep, S3Settings};

pub(super) const DEFAULT_KEEP: Keep = Keep::For(Duration::from_hours(90 * 24));
const SHORTEST_KEEP: Duration = Duration::from_hours(24);
const DEFAULT_ATTEMPTS: u32 = 3;
const MOST_ATTEMPTS: u32 = 10;
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

impl Checks<'_> {
    pub(super) fn artifacts(&mut self, written: Option<&Artifacts>) -> ArtifactSettings {
        let s3 = written.and_then(|artifacts| artifacts.s3.as_ref());
        let keep = written.and_then(|artifacts| artifacts.keep.as_ref());
        ArtifactSettings {
            place: s3.map_or(ArtifactPlace::Local, |s3| ArtifactPlace::S3(self.s3(s3))),
            keep: self.keep(keep).unwrap_or(DEFAULT_KEEP),
        }
    }

    pub(super) fn keep(&mut self, written: Option<&At<String>>) -> Option<Keep> {
        let written = written?;
        if written.as_str() == "forever" {
            return Some(Keep::Forever);
        }
        let keep = self.duration(written)?;
        if keep < SHORTEST_KEEP {
            self.problem(
                written,
                "copies would be gone before anybody reads them",
                "write a day or more, for example `90d`, or `forever`",
            );
        }
        Some(Keep::For(keep))
    }

    fn s3(&mut self, s3: &S3) -> S3Settings {
        if s3.bucket.is_empty() || s3.bucket.contains(['/', ':', ' ']) {
            self.problem(
                &s3.bucket,
                "this is no bucket name",
                "write the name alone; what comes before keys is `prefix`",
            );
        }
        if let Some(endpoint) = &s3.endpoint {
            self.https_or_http(endpoint);
        }
        S3Settings {
            bucket: s3.bucket.to_string(),
            prefix: s3.prefix.clone().unwrap_or_default(),
            region: s3.region.clone(),
            profile: s3.profile.as_ref().map(|profile| self.text(profile)),
            endpoint: s3.endpoint.as_ref().map(|at| at.to_string()),
            path_style: s3.path_style,
            encryption: self.encryption(s3),
            attempts: self.attempts(s3.attempts.as_ref()),
            timeout: self
                .positive(s3.timeout.as_ref())
                .unwrap_or(DEFAULT_TIMEOUT),
        }
    }

    fn encryption(&mut self, s3: &S3) -> Encryption {
        let key = s3.kms_key_id.as_ref();
        if let (Some(key), Sse::None | Sse::Aes256) = (key, s3.sse) {
            self.problem(
                key,
                "this key would not be used",
                "write `sse: kms` as well, or take the key away",
            );
        }
        match s3.sse {
            Sse::None => Encryption::Bucket,
            Sse::Aes256 => Encryption::Aes256,
            Sse::Kms => Encryption::Kms {
                key: key.map(|key| self.text(key)),
            },
        }
    }

    fn attempts(&mut self, written: Option<&At<u32>>) -> u32 {
        let Some(attempts) = written else {
            return DEFAULT_ATTEMPTS;
        };
        if **attempts == 0 || **attempts > MOST_ATTEMPTS {
            self.problem(
                attempts,
                "this many attempts cannot be",
                format!("choose between 1 and {MOST_ATTEMPTS}"),
            );
        }
        **attempts
    }
}
