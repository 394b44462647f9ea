//! The dead man's switch.

use std::time::Duration;

use super::super::error::Problem;
use super::super::written::Heartbeat;
use super::Checks;
use crate::reconcile::settings::HeartbeatSettings;

const DEFAULT_EVERY: Duration = Duration::from_mins(1);
/// More often is a burden to the service and to the disk.
const SHORTEST_EVERY: Duration = Duration::from_secs(10);

impl Checks<'_> {
    pub(super) fn heartbeat(&mut self, written: &Heartbeat) -> Option<HeartbeatSettings> {
        let every = self.optional(written.every.as_ref());
        if let (Some(at), Some(every)) = (&written.every, every)
            && every < SHORTEST_EVERY
        {
            self.problem(
                at,
                "the heart would beat too often",
                "write ten seconds or more, for example `1m`",
            );
        }
        let url = self.secret(written.url_file.as_ref(), written.url_env.as_ref());
        if url.is_none() && written.url_file.is_none() && written.url_env.is_none() {
            let cause = "the URL of the dead man's switch (`heartbeat`) is nowhere";
            let remedy = "the URL is a secret: put it in a file and name that with `url_file`, or \
                          name an environment variable with `url_env`";
            self.problems.push(match &written.every {
                Some(every) => Problem::at(every.place(), cause, remedy),
                None => Problem::general(cause, remedy),
            });
        }
        Some(HeartbeatSettings {
            url: url?,
            every: every.unwrap_or(DEFAULT_EVERY),
        })
    }
}
