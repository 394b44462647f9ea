//! The state as the backend has it.

use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio_util::sync::CancellationToken;

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::stack::StateIdentity;

use super::argv;
use super::failures::plain;
use super::output::Capture;
use super::plan_file::Base;
use super::workdir::Workdir;

/// A state larger than this is refused.
const LARGEST_STATE: usize = 1 << 30;

/// A state as pulled: everything in it may be secret, so `Debug` shows its size only.
#[derive(Clone)]
pub struct State {
    /// The exact bytes; empty if there is no state yet.
    pub bytes: Vec<u8>,
    /// Lineage and serial; none if there is no state yet.
    pub identity: Option<StateIdentity>,
    /// How many managed resource instances it lists.
    pub resources: usize,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("bytes", &self.bytes.len())
            .field("identity", &self.identity)
            .field("resources", &self.resources)
            .finish()
    }
}

/// What is read of a state.
#[derive(Deserialize)]
pub(super) struct Wire {
    #[serde(default)]
    lineage: String,
    #[serde(default)]
    serial: u64,
    #[serde(default)]
    resources: Vec<WireResource>,
}

#[derive(Deserialize)]
struct WireResource {
    mode: String,
    #[serde(default)]
    instances: Vec<IgnoredAny>,
}

impl Wire {
    /// How many managed resource instances it lists.
    pub(super) fn objects(&self) -> usize {
        let managed = self.resources.iter().filter(|r| r.mode == "managed");
        managed.map(|resource| resource.instances.len()).sum()
    }

    /// Which state it is; an engine writes an empty lineage where there is none.
    pub(super) fn identity(self) -> Option<StateIdentity> {
        (!self.lineage.is_empty()).then_some(StateIdentity {
            lineage: self.lineage,
            serial: self.serial,
        })
    }
}

impl State {
    /// Reads what `state pull` printed.
    pub fn read(bytes: Vec<u8>) -> Result<Self, Failure> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self {
                bytes: Vec::new(),
                identity: None,
                resources: 0,
            });
        }
        let wire: Wire = serde_json::from_slice(&bytes).map_err(|cause| {
            // The cause of a mismatch may quote a value.
            let place = (cause.line(), cause.column());
            plain(
                FailureKind::TerraformError,
                format!(
                    "the state is not readable at line {}, column {}",
                    place.0, place.1
                ),
            )
        })?;
        Ok(Self {
            resources: wire.objects(),
            identity: wire.identity(),
            bytes,
        })
    }
}

impl State {
    /// What a plan that was made from it would name.
    pub fn base(&self) -> Base {
        Base {
            state: self.identity.clone(),
            objects: self.resources,
        }
    }
}

impl Workdir {
    /// Pulls the state from the backend. It holds secrets in clear.
    pub async fn state_pull(&self, cancel: &CancellationToken) -> Result<State, Failure> {
        self.require_workspace(cancel).await?;
        let mut out = Capture::new(LARGEST_STATE);
        let command = self.command(argv::state_pull());
        self.quiet(
            "state pull",
            command,
            self.reading_stops(),
            cancel,
            &mut |b| out.take(b),
        )
        .await?;
        if out.overflowed() {
            return Err(plain(
                FailureKind::OutputTooLarge,
                format!("the state is larger than {} MiB", LARGEST_STATE >> 20),
            ));
        }
        State::read(out.into_bytes())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn managed_instances_count_and_debug_shows_none_of_them() {
        let state = State::read(
            br#"{"version":4,"serial":7,"lineage":"l","outputs":{"o":{"value":"hunter2"}},"resources":[
              {"mode":"managed","type":"a","name":"b","instances":[{"attributes":{"p":"hunter2"}},{}]},
              {"mode":"data","type":"a","name":"b","instances":[{}]}]}"#
                .to_vec(),
        )
        .unwrap();
        assert_eq!(state.resources, 2);
        assert_eq!(state.identity.as_ref().unwrap().serial, 7);
        assert!(!format!("{state:?}").contains("hunter2"));
    }

    #[test]
    fn no_state_is_no_identity() {
        let none = State::read(b"\n".to_vec()).unwrap();
        assert_eq!((none.identity, none.resources), (None, 0));
        let fresh = State::read(br#"{"version":4,"serial":0,"lineage":""}"#.to_vec()).unwrap();
        assert_eq!(fresh.identity, None);
    }

    proptest! {
        #[test]
        fn a_broken_state_never_shows_in_the_failure(junk in "[a-z]{12}") {
            let text = format!(r#"{{"serial":"{junk}"}}"#);
            let failure = State::read(text.into_bytes()).unwrap_err();
            prop_assert!(!failure.message.contains(&junk));
        }
    }
}
