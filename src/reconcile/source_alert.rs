//! A source that cannot be read is a trouble too: it alerts like a stack of the source's name.

use jiff::SignedDuration;

use crate::domain::alert::{AlertKind, Resolution, Sight, Trouble, advance};
use crate::domain::audience::Audience;
use crate::domain::cause::of_failure;
use crate::domain::check::StackCheck;
use crate::domain::failure::FailureKind;
use crate::domain::finding::{Findings, Severity, Verdict};
use crate::domain::ids::StackId;
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::source::SourceRecord;
use crate::domain::stack::DEFAULT_WORKSPACE;
use crate::domain::tell::{Told, as_told, of_failure_alone};
use crate::store::{Area, Conclusion, StoreError};

use super::context::Context;
use super::{fresh, news};

/// One failed poll is a hiccup of the network; this many in a row are told.
pub(super) const FAILURES_TOLD_FROM: u32 = 2;

/// Opens, changes or ends the alert of a source.
pub(super) async fn tell(context: &Context, record: &SourceRecord) -> Result<(), StoreError> {
    let _one_at_a_time = context.store.alone(Area::Telling).await?;
    let now = context.now();
    let id = StackId::new(record.name.as_str());
    let sight = match &record.failure {
        None => Sight::Absent(Resolution::PutBack),
        Some(_) if record.failures < FAILURES_TOLD_FROM => Sight::Unseen,
        Some(failure) => Sight::Present(Trouble {
            content: failure.kind.as_str().to_owned(),
            severity: Severity::High,
            parts: of_failure_alone(failure),
            cause: Some(of_failure(failure)),
        }),
    };
    let timings = context.settings.telling.timings.at_once();
    let timing = timings.of(AlertKind::Failed, Severity::High, SignedDuration::ZERO);
    let known = news::known(context, &id).await?;
    let known = known
        .into_iter()
        .max_by_key(|alert| (!alert.is_over(), alert.id));
    let subject = (&id, AlertKind::Failed);
    let moved = advance(known, &sight, subject, &timing, fresh::alert(), now);
    let Some((alert, event)) = moved else {
        return Ok(());
    };
    let audience = Audience {
        source: Some(record.name.clone()),
        ..Audience::default()
    };
    let mut notice = as_told(&alert, &as_check(record), &audience, now);
    notice.event = event.unwrap_or(notice.event);
    let told = Told {
        news: event.iter().map(|_| notice.clone()).collect(),
        alerts: vec![(alert, notice)],
    };
    let spread = news::spread(context, &told, now);
    let conclusion = Conclusion {
        alerts: &spread.entries,
        news: &spread.news,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    Ok(())
}

fn as_check(record: &SourceRecord) -> StackCheck {
    let failed = record.failure.is_some();
    let why = match &record.failure {
        Some(failure) if failure.kind == FailureKind::RepositorySettings => {
            "the stacks are looked at, and nothing is applied below what cannot be read"
        }
        _ => "the stacks stay as they were last read from Git",
    };
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
        recipe: None,
        findings: Findings::default(),
        decision: Decision::because(kind, why),
    }
}
