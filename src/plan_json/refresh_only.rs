//! Whether a plan was made with `-refresh-only`. Nothing in it says so: it has no entry for what the
//! configuration declares or the state holds, though every other plan lists each, changed or not.

use super::wire;

/// Whether the plan leaves out every managed object although there are some.
pub(super) fn is_refresh_only(plan: &wire::Plan<'_>) -> bool {
    let managed = |entries: &Option<Vec<wire::ResourceChange>>| {
        let mut entries = entries.iter().flatten();
        entries.any(|entry| entry.mode == MANAGED)
    };
    if plan.errored == Some(true) || plan.complete == Some(false) {
        return false; // Such a plan may leave out anything, and says so itself.
    }
    if managed(&plan.resource_changes) {
        return false;
    }
    let state = plan.prior_state.as_ref();
    let state = state.and_then(|state| state.values.as_ref()?.root_module.as_ref());
    let root = plan.configuration.as_ref();
    let root = root.and_then(|configuration| configuration.root_module.as_ref());
    state.is_some_and(holds)
        || root.is_some_and(surely_declares)
        || (managed(&plan.resource_drift) && only_the_refresh_is_applyable(plan))
}

const MANAGED: &str = "managed";

fn holds(module: &wire::StateModule<'_>) -> bool {
    let own = module.resources.iter().any(|entry| entry.mode == MANAGED);
    own || module.child_modules.iter().any(holds)
}

/// What is declared with `count` or `for_each` may have no instance.
fn surely_declares(module: &wire::ConfigModule) -> bool {
    let mut own = module.resources.iter().filter(|block| {
        block.mode == MANAGED
            && block.count_expression.is_none()
            && block.for_each_expression.is_none()
    });
    let mut calls = module
        .module_calls
        .values()
        .filter(|call| call.count_expression.is_none() && call.for_each_expression.is_none())
        .filter_map(|call| call.module.as_ref());
    own.next().is_some() || calls.any(surely_declares)
}

fn only_the_refresh_is_applyable(plan: &wire::Plan<'_>) -> bool {
    let mut outputs = plan.output_changes.iter().flatten();
    plan.applyable == Some(true) && outputs.all(|(_, output)| output.actions == ["no-op"])
}
