//! Whether a plan was made with `-refresh-only`. Nothing in it says so: it has no entry for what the
//! configuration declares or the state holds, though every other plan lists each, changed or not.

use super::configuration::surely_declares;
use super::gather::Gathered;
use super::wire;

/// Whether the plan leaves out every managed object although there are some.
pub(super) fn is_refresh_only<R>(plan: &Gathered<'_, R>) -> bool {
    if plan.errored == Some(true) || plan.complete == Some(false) {
        return false; // Such a plan may leave out anything, and says so itself.
    }
    if plan.plans_managed {
        return false;
    }
    let root = plan.configuration.as_ref();
    let root = root.and_then(|configuration| configuration.root_module.as_ref());
    let mut drift = plan.drift.iter();
    plan.holds_managed
        || root.is_some_and(surely_declares)
        || (drift.any(|entry| entry.mode == wire::Mode::Managed)
            && only_the_refresh_is_applyable(plan))
}

fn only_the_refresh_is_applyable<R>(plan: &Gathered<'_, R>) -> bool {
    let mut outputs = plan.outputs.values();
    plan.applyable == Some(true) && outputs.all(|output| output.actions == ["no-op"])
}
