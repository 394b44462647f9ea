//! Progress on standard error while stacks are looked at; only at a terminal.

use std::collections::BTreeSet;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::reconcile::local::Progress;
use crate::report::terminal;

/// How many names are shown beside the bar.
const NAMES: usize = 3;

/// Shows progress until the channel ends.
pub(super) async fn show(mut receiver: UnboundedReceiver<Progress>, visible: bool) {
    let bar = if visible {
        visible_bar()
    } else {
        ProgressBar::hidden()
    };
    let mut under_way = BTreeSet::new();
    while let Some(event) = receiver.recv().await {
        match event {
            Progress::Found(count) => bar.set_length(u64::try_from(count).unwrap_or(u64::MAX)),
            Progress::Started(stack) => {
                under_way.insert(stack);
            }
            Progress::Ended(check) => {
                if let Some(stack) = &check.stack {
                    under_way.remove(stack);
                }
                bar.inc(1);
            }
        }
        let names: Vec<&str> = under_way.iter().take(NAMES).map(AsRef::as_ref).collect();
        bar.set_message(terminal(&names.join(", ")));
    }
    bar.finish_and_clear();
}

fn visible_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{spinner} {pos}/{len} [{elapsed}] {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
