//! The rules of a SARIF report: what kinds of findings there are, and what each means.

use crate::domain::finding::{Finding, Origin, Subject};

/// A kind of result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// Its stable id.
    pub(super) id: &'static str,
    /// In a few words.
    pub(super) short: &'static str,
    /// What it means.
    pub(super) full: &'static str,
    /// What to do about it.
    pub(super) help: &'static str,
    /// How grave it is unless a result says otherwise.
    pub(super) level: &'static str,
}

macro_rules! rules {
    ($($name:ident: $id:literal, $level:literal, $short:literal, $full:literal, $help:literal;)*) => {
        $(pub(super) const $name: Rule = Rule {
            id: $id, level: $level, short: $short, full: $full, help: $help,
        };)*
        /// All rules, in the order in which reports list them.
        pub(super) const RULES: &[Rule] = &[$($name),*];
    };
}

rules! {
    DRIFT: "drift", "warning",
        "Changed outside Terraform",
        "An object is not as the state has it and as the configuration wants it: somebody or something changed it outside Terraform.",
        "An apply puts it back. If the change is to stay, write it into the configuration.";
    DELETED: "drift-deleted", "error",
        "Deleted outside Terraform",
        "An object that the configuration wants was deleted outside Terraform.",
        "An apply creates it again, without the data that it held. If it is to stay away, remove it from the configuration.";
    PENDING: "pending", "warning",
        "Code waits to be applied",
        "The configuration wants something else than there is, and nothing was changed outside Terraform: code was merged and not applied.",
        "Apply the configuration, or take the change back.";
    PENDING_CREATE: "pending-create", "warning",
        "An object waits to be created",
        "The configuration wants an object that does not exist yet.",
        "Apply the configuration, or take the change back.";
    PENDING_DELETE: "pending-delete", "warning",
        "An object waits to be destroyed",
        "An object exists that the configuration no longer wants.",
        "Apply the configuration after a look at what would be lost, or take the change back.";
    PENDING_FORGET: "pending-forget", "note",
        "An object waits to leave the state",
        "The configuration says that Terraform is to forget an object without destroying it.",
        "Apply the configuration, or take the change back.";
    PENDING_REPLACE: "pending-replace", "warning",
        "An object waits to be replaced",
        "An object is to be destroyed and created again for a reason that none of its attributes shows, such as a taint.",
        "Apply the configuration after a look at what would be lost, or untaint the object.";
    BOTH: "both", "warning",
        "Changed outside Terraform, and code waits",
        "An object was changed outside Terraform, and the configuration wants something else than either side.",
        "Decide which of the changes is right before anything is applied.";
    UNENFORCED: "unenforced", "warning",
        "Changed where no configuration looks",
        "An object was changed outside Terraform in an attribute that the configuration does not set, so no apply puts it back.",
        "Undo the change by hand, or set the attribute in the configuration.";
    CONSEQUENCE: "consequence", "note",
        "Follows from another change",
        "An object would change only because another one does.",
        "Look at the other findings of the stack.";
    INPUT: "input", "warning",
        "An input changed",
        "The plan would change an object, but neither the code nor the object moved: a data source, a variable or a provider did.",
        "Find out which input moved; an apply follows it.";
    OUTPUT: "output", "note",
        "An output changes",
        "An output value of the stack would change.",
        "Look at the other findings of the stack; other stacks may read this value.";
    CHECK: "check", "error",
        "A check does not hold",
        "A check, precondition or postcondition of the configuration failed or could not be evaluated.",
        "Look at its message, and at what it checks.";
    BESIDES: "besides", "note",
        "A plan has more than its changes",
        "Terraform put changes off to a later plan, or would run actions of providers.",
        "Look at what the actions do. Apply what can be applied, and plan again.";
    FAILED: "stack-failed", "error",
        "A stack could not be checked",
        "Terraform could not plan the stack, so nothing is known about it.",
        "Follow the hint in the message, and check again.";
    UNKNOWN: "stack-not-checked", "warning",
        "A stack was not checked",
        "The stack was not looked at, or not recently enough, so nothing is known about it.",
        "Check it again.";
}

/// The rule of a finding.
pub(super) fn rule(finding: &Finding) -> &'static Rule {
    let whole = |subject: &Subject| finding.attributes.iter().any(|a| a.subject == *subject);
    match finding.origin {
        Origin::Drift if whole(&Subject::Deleted) => &DELETED,
        Origin::Drift => &DRIFT,
        Origin::Pending if whole(&Subject::Create) => &PENDING_CREATE,
        Origin::Pending if whole(&Subject::Delete) => &PENDING_DELETE,
        Origin::Pending if whole(&Subject::Forget) => &PENDING_FORGET,
        Origin::Pending if whole(&Subject::Replace) => &PENDING_REPLACE,
        Origin::Pending => &PENDING,
        Origin::Both => &BOTH,
        Origin::Unenforced => &UNENFORCED,
        Origin::Consequence => &CONSEQUENCE,
        Origin::Input => &INPUT,
    }
}
