//! A source that cannot be read is a trouble too: it alerts like a stack of the source's name.

use jiff::Timestamp;

use crate::domain::alert::{AlertKind, Resolution, Sight, Trouble, advance};
use crate::domain::check::StackCheck;
use crate::domain::finding::{Findings, Severity, Verdict};
use crate::domain::ids::StackId;
use crate::domain::notice::{AlertNotice, Notice};
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::source::SourceRecord;
use crate::domain::stack::DEFAULT_WORKSPACE;
use crate::store::{Conclusion, StoreError};

use super::address::messages;
use super::context::Context;
use super::fresh;

/// One failed poll is a hiccup of the network; this many in a row are told.
const FAILURES_TOLD_FROM: u32 = 2;

/// Opens, changes or ends the alert of a source.
pub(super) async fn tell(context: &Context, record: &SourceRecord) -> Result<(), StoreError> {
    let now = Timestamp::now();
    let id = StackId::new(record.name.as_str());
    let sight = match &record.failure {
        None => Sight::Absent(Resolution::PutBack),
        Some(_) if record.failures < FAILURES_TOLD_FROM => Sight::Unseen,
        Some(failure) => Sight::Present(Trouble {
            content: failure.kind.as_str().to_owned(),
            severity: Severity::High,
        }),
    };
    let open = context.store.open_alerts(Some(&id)).await?;
    let open = open
        .into_iter()
        .find(|alert| alert.kind == AlertKind::Failed);
    let Some((alert, event)) = advance(open, &sight, &id, AlertKind::Failed, fresh::alert(), now)
    else {
        return Ok(());
    };
    let notice = Notice::Alert(AlertNotice {
        alert: alert.id,
        event,
        kind: alert.kind,
        stack: id,
        severity: alert.trouble.severity,
        at: now,
        opened_at: alert.opened_at,
        since: None,
        detail: None,
        resolution: alert.resolved.map(|(_, resolution)| resolution),
        check: as_check(record),
    });
    let messages = messages(context, &[notice], now);
    let conclusion = Conclusion {
        alerts: &[alert],
        messages: &messages,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.outbox_bell.notify_one();
    Ok(())
}

fn as_check(record: &SourceRecord) -> StackCheck {
    let failed = record.failure.is_some();
    let kind = if failed {
        DecisionKind::Refuse
    } else {
        DecisionKind::Nothing
    };
    StackCheck {
        stack: Some(StackId::new(record.name.as_str())),
        workspace: DEFAULT_WORKSPACE.to_owned(),
        commit: record.commit.clone(),
        dirty: false,
        verdict: if failed {
            Verdict::Failed
        } else {
            Verdict::InSync
        },
        terraform_version: None,
        duration_ms: 0,
        failure: record.failure.clone(),
        digest: None,
        findings: Findings::default(),
        decision: Decision {
            kind,
            reasons: vec!["the stacks stay as they were last read from Git".to_owned()],
        },
    }
}
