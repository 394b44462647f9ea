//! What the audit log tells of.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::domain::approval::Intent;
use crate::domain::ids::{
    AlertId, ChangeDigest, MessageId, RequestId, RestoreDigest, RunId, SnapshotId, StackId, TokenId,
};
use crate::domain::notice::Lapse;
use crate::domain::pause::{Pause, Scope as PauseScope};
use crate::domain::policy::Reason;
use crate::domain::run::Outcome;
use crate::domain::token::Grant;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The daemon started.
    DaemonStarted {
        /// Mooring's version.
        version: String,
        /// SHA-256 of the configuration file, as hexadecimal digits.
        configuration: String,
    },
    /// Somebody asked for a plan.
    PlanRequested {
        /// Of this stack.
        stack: StackId,
        /// The run that makes it.
        run: RunId,
    },
    /// Somebody said that a stack has been looked at and its repairs may go on.
    StackResumed {
        /// The stack.
        stack: StackId,
        /// Why it was held, if it was.
        held: Option<String>,
    },
    /// Somebody wants to go back to an earlier commit.
    RollbackWanted {
        /// The stack.
        stack: StackId,
        /// The run that plans it.
        run: RunId,
        /// The commit.
        to: String,
        /// Why, as they said it.
        reason: Option<String>,
    },
    /// Somebody answered a request.
    RequestAnswered {
        /// The stack.
        stack: StackId,
        /// The request.
        request: RequestId,
        /// `approved`, `rejected` or `revoked`.
        answer: &'static str,
        /// Where the request is since.
        state: &'static str,
        /// The digest of the plan that it is about.
        digest: ChangeDigest,
        /// Why, as they said it.
        reason: Option<String>,
    },
    /// Approvals of a request no longer count.
    ApprovalLapsed {
        /// The stack.
        stack: StackId,
        /// The request.
        request: RequestId,
        /// Whose they were.
        of: Vec<String>,
        /// What became of the token that they were given with.
        token: Lapse,
        /// Where the request is since.
        state: &'static str,
    },
    /// Somebody paused something.
    Paused(Pause),
    /// Somebody ended a pause.
    Unpaused {
        /// What of.
        scope: PauseScope,
    },
    /// Somebody was shown a snapshot of a state, with every secret in it.
    SnapshotOpened {
        /// Of this stack.
        stack: StackId,
        /// The snapshot.
        snapshot: SnapshotId,
    },
    /// Somebody has a snapshot of a state put back.
    RestoreStarted {
        /// Of this stack.
        stack: StackId,
        /// The snapshot.
        snapshot: SnapshotId,
        /// What exactly was confirmed.
        confirmed: RestoreDigest,
    },
    /// Somebody took a trouble on.
    AlertAcknowledged {
        /// Of this stack.
        stack: StackId,
        /// The alert.
        alert: AlertId,
        /// The cause that several alerts had in common, if that was acknowledged.
        cause: Option<String>,
        /// Until when.
        until: Option<Timestamp>,
        /// Why, as they said it.
        reason: Option<String>,
    },
    /// Somebody had a message sent again.
    MessageRetried {
        /// The message.
        message: MessageId,
        /// Its receiver.
        notifier: String,
    },
    /// Somebody had everything that a receiver did not get sent again.
    MessagesRetried {
        /// The receiver.
        notifier: String,
        /// How many messages.
        messages: usize,
    },
    /// Somebody made a token.
    TokenCreated {
        /// The token.
        token: TokenId,
        /// Whose it is and what it opens.
        grant: Grant,
    },
    /// Somebody took a token back.
    TokenRevoked {
        /// The token.
        token: TokenId,
        /// Whose it was.
        name: String,
    },
    /// An apply is about to start.
    ApplyStarted(Box<Intent>),
    /// An apply ended, and another plan was made.
    ApplyEnded {
        /// Of this stack.
        stack: StackId,
        /// The run.
        run: RunId,
        /// How.
        outcome: Outcome,
    },
    /// An apply was cut off.
    ApplyInterrupted {
        /// Of this stack.
        stack: StackId,
        /// The run.
        run: RunId,
        /// By what.
        why: String,
    },
    /// An apply ended after other replicas had gone on without the one that had it: they took it for cut
    /// off, and its stack is on hold.
    ApplyEndedLate {
        /// Of this stack.
        stack: StackId,
        /// The run.
        run: RunId,
        /// How.
        how: String,
    },
}

impl Action {
    /// The stable word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::DaemonStarted { .. } => "daemon_started",
            Self::PlanRequested { .. } => "plan_requested",
            Self::StackResumed { .. } => "stack_resumed",
            Self::RollbackWanted { .. } => "rollback_wanted",
            Self::RequestAnswered { .. } => "request_answered",
            Self::ApprovalLapsed { .. } => "approval_lapsed",
            Self::Paused(_) => "paused",
            Self::Unpaused { .. } => "unpaused",
            Self::SnapshotOpened { .. } => "snapshot_opened",
            Self::RestoreStarted { .. } => "restore_started",
            Self::AlertAcknowledged { .. } => "alert_acknowledged",
            Self::MessageRetried { .. } => "message_retried",
            Self::MessagesRetried { .. } => "messages_retried",
            Self::TokenCreated { .. } => "token_created",
            Self::TokenRevoked { .. } => "token_revoked",
            Self::ApplyStarted(_) => "apply_started",
            Self::ApplyEnded { .. } => "apply_ended",
            Self::ApplyInterrupted { .. } => "apply_interrupted",
            Self::ApplyEndedLate { .. } => "apply_ended_late",
        }
    }

    /// What it was done to: an object of ids.
    pub(super) fn subject(&self) -> Value {
        match self {
            Self::DaemonStarted { .. } => json!({}),
            Self::PlanRequested { stack, run }
            | Self::RollbackWanted { stack, run, .. }
            | Self::ApplyEnded { stack, run, .. }
            | Self::ApplyInterrupted { stack, run, .. }
            | Self::ApplyEndedLate { stack, run, .. } => json!({"stack": stack, "run": run}),
            Self::StackResumed { stack, .. } => json!({"stack": stack}),
            Self::SnapshotOpened { stack, snapshot }
            | Self::RestoreStarted {
                stack, snapshot, ..
            } => json!({"stack": stack, "snapshot": snapshot}),
            Self::RequestAnswered { stack, request, .. }
            | Self::ApprovalLapsed { stack, request, .. } => {
                json!({"stack": stack, "request": request})
            }
            Self::Paused(Pause { scope, .. }) | Self::Unpaused { scope } => match scope {
                PauseScope::All => json!({}),
                PauseScope::Source(source) => json!({"source": source}),
                PauseScope::Stack(stack) => json!({"stack": stack}),
            },
            Self::AlertAcknowledged {
                stack,
                alert,
                cause,
                ..
            } => present([
                ("stack", json!(stack)),
                ("alert", json!(alert)),
                ("cause", json!(cause)),
            ]),
            Self::MessageRetried { message, notifier } => {
                json!({"message": message, "notifier": notifier})
            }
            Self::MessagesRetried { notifier, .. } => json!({"notifier": notifier}),
            Self::TokenCreated { token, .. } | Self::TokenRevoked { token, .. } => {
                json!({"token": token})
            }
            Self::ApplyStarted(intent) => {
                json!({"stack": intent.binding.stack, "run": intent.run})
            }
        }
    }

    /// What else is to be known of it: an object of values, none of them secret.
    pub(super) fn details(&self) -> Value {
        match self {
            Self::DaemonStarted {
                version,
                configuration,
            } => json!({"version": version, "configuration": configuration}),
            Self::PlanRequested { .. } | Self::MessageRetried { .. } => json!({}),
            Self::StackResumed { held, .. } => present([("held", json!(held))]),
            Self::RollbackWanted { to, reason, .. } => {
                present([("to", json!(to)), ("reason", json!(reason))])
            }
            Self::RequestAnswered {
                answer,
                state,
                digest,
                reason,
                ..
            } => present([
                ("answer", json!(answer)),
                ("state", json!(state)),
                ("digest", json!(digest)),
                ("reason", json!(reason)),
            ]),
            Self::ApprovalLapsed {
                of, token, state, ..
            } => json!({"of": of, "token": token.as_str(), "state": state}),
            Self::Paused(pause) => present([
                ("until", json!(pause.until)),
                ("reason", json!(pause.reason)),
            ]),
            Self::Unpaused { .. } | Self::SnapshotOpened { .. } => json!({}),
            Self::RestoreStarted { confirmed, .. } => json!({"confirmed": confirmed}),
            Self::AlertAcknowledged { until, reason, .. } => {
                present([("until", json!(until)), ("reason", json!(reason))])
            }
            Self::MessagesRetried { messages, .. } => json!({"messages": messages}),
            Self::TokenCreated { grant, .. } => json!(grant),
            Self::TokenRevoked { name, .. } => json!({"name": name}),
            Self::ApplyStarted(intent) => json!({
                "approver": intent.approver,
                "reasons": texts(&intent.decision.reasons),
                "digest": intent.binding.digest,
                "commit": intent.binding.commit,
                "inputs": intent.binding.inputs,
                "lineage": intent.binding.lineage,
                "serial": intent.binding.serial,
                "snapshot": intent.snapshot,
            }),
            Self::ApplyEnded { outcome, .. } => json!({"outcome": outcome}),
            Self::ApplyInterrupted { why, .. } => json!({"why": why}),
            Self::ApplyEndedLate { how, .. } => json!({"how": how}),
        }
    }
}

/// The fields that have a value.
fn present<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
    let fields: Map<String, Value> = fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Value::Object(fields)
}

fn texts(reasons: &[Reason]) -> Vec<&str> {
    reasons.iter().map(|reason| reason.text.as_str()).collect()
}
