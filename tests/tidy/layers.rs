//! Who may import whom.

/// What talks to one thing outside: each knows the domain, and no other adapter.
const ADAPTERS: [&str; 10] = [
    "artifacts",
    "discover",
    "git",
    "notify",
    "plan_json",
    "rego",
    "statewatch",
    "store",
    "telemetry",
    "terraform",
];

/// Paths that start with one of these may be imported by a layer, besides its own.
fn allowed(layer: &str) -> Option<&'static [&'static str]> {
    Some(match layer {
        "aws" | "domain" | "secret" => &[],
        "report" => &["domain"],
        "reconcile" => &[
            "domain",
            "secret",
            "report::posture",
            // What policies are given of findings is what reports say of them.
            "report::stack_dto",
            "artifacts",
            "discover",
            "git",
            "notify",
            "plan_json",
            "rego",
            "statewatch",
            "store",
            "telemetry",
            "terraform",
        ],
        "api" => &[
            "domain",
            "secret",
            "report",
            "reconcile::handle",
            "reconcile::command::Concern",
            "reconcile::command::Refusal",
            "reconcile::recover",
            // Its tests need a daemon.
            "reconcile::fixture",
            "store::StoreError",
            "artifacts::ArtifactError",
            "telemetry::Metrics",
            "telemetry::metrics",
        ],
        "config" => &[
            "domain",
            "secret",
            "artifacts::settings",
            "git::settings",
            "notify::settings",
            "reconcile::settings",
            "rego::settings",
            "store::settings",
        ],
        "cli" => &[
            "domain",
            "secret",
            "artifacts",
            "discover",
            "git",
            "notify",
            "plan_json",
            "rego",
            "store",
            "telemetry",
            "terraform",
            "reconcile",
            "report",
            "config",
            "app",
        ],
        "app" => &[
            "domain",
            "secret",
            "artifacts",
            "discover",
            "git",
            "notify",
            "plan_json",
            "rego",
            "statewatch",
            "store",
            "telemetry",
            "terraform",
            "reconcile",
            "report",
            "api",
            "config",
        ],
        // The program is a few lines above the library.
        "main" => &["cli"],
        // A report is a form of domain values, as a message is: mails carry it.
        "notify" => &["domain", "secret", "report::posture"],
        // Both speak to S3.
        "artifacts" | "statewatch" => &["domain", "secret", "aws"],
        adapter if ADAPTERS.contains(&adapter) => &["domain", "secret"],
        _ => return None,
    })
}

/// Whether a top-level module has a place in the order.
pub(super) fn is_known(layer: &str) -> bool {
    allowed(layer).is_some()
}

/// Whether a module of a layer may import a path of another one.
pub(super) fn may(layer: &str, import: &[String]) -> bool {
    let starts = |allowed: &&str| {
        let mut import = import.iter();
        allowed
            .split("::")
            .all(|part| import.next().is_some_and(|name| name == part))
    };
    allowed(layer).is_some_and(|paths| paths.iter().any(starts))
}
