//! Attributes in which a provider shows again what other resources of the same stack declare: right
//! after an apply they look like a change by hand, and they are none.

use super::plan::{Mode, Plan, ResourceChange};
use super::value::{AttributePath, Value};

/// One such attribute.
struct Mirror {
    /// Type and attribute that shows it.
    of: (&'static str, &'static str),
    /// The field of an item that names it; none if the items are names.
    item: Option<&'static str>,
    /// Type and attribute that declares it.
    by: (&'static str, &'static str),
    /// The declaring resource's attribute that leads to the showing one's `id` or `name`.
    link: &'static str,
}

/// Sources: the AWS provider's documentation of `aws_iam_role` ("inline_policy", "managed_policy_arns")
/// and the in-sync stacks measured with it.
const MIRRORS: &[Mirror] = &[
    Mirror {
        of: ("aws_iam_role", "inline_policy"),
        item: Some("name"),
        by: ("aws_iam_role_policy", "name"),
        link: "role",
    },
    Mirror {
        of: ("aws_iam_role", "managed_policy_arns"),
        item: None,
        by: ("aws_iam_role_policy_attachment", "policy_arn"),
        link: "role",
    },
];

/// Whether objects of this type declare something that other resources show again.
pub fn declares(resource_type: &str) -> bool {
    MIRRORS.iter().any(|mirror| mirror.by.0 == resource_type)
}

/// Whether all that was added to an attribute is declared by other resources of the stack, and
/// nothing was taken away.
pub fn is_mirrored(
    plan: &Plan,
    change: &ResourceChange,
    path: &AttributePath,
    state: &Value,
    real: &Value,
) -> bool {
    let Value::List(items) = real else {
        return false;
    };
    let known: &[Value] = match state {
        Value::List(known) => known,
        state if state.is_empty() => &[],
        _ => return false,
    };
    MIRRORS
        .iter()
        .filter(|mirror| mirror.of.0 == change.resource_type)
        .filter(|mirror| path.segments() == [mirror.of.1])
        .any(|mirror| {
            let added = items.iter().filter(|item| !known.contains(item));
            let kept = |gone: &Value| {
                items
                    .iter()
                    .any(|item| mirror.name(item) == mirror.name(gone))
            };
            let mut names = added.map(|item| mirror.name(item));
            known.iter().filter(|gone| !is_blank(gone)).all(kept)
                && names.all(|name| declared(plan, change, mirror, name))
        })
}

/// The AWS provider shows a role without inline policies as a list with one empty item.
fn is_blank(item: &Value) -> bool {
    match item {
        Value::Object(fields) => fields.values().all(Value::is_empty),
        _ => item.is_empty(),
    }
}

impl Mirror {
    fn name<'a>(&self, item: &'a Value) -> &'a Value {
        self.item.map_or(item, |field| item.field(field))
    }
}

fn declared(plan: &Plan, change: &ResourceChange, mirror: &Mirror, name: &Value) -> bool {
    plan.changes.iter().any(|other| {
        let link = other.before.field(mirror.link);
        other.mode == Mode::Managed
            && other.resource_type == mirror.by.0
            && other.before.field(mirror.by.1) == name
            && (link == change.before.field("id") || link == change.before.field("name"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Address;
    use crate::domain::plan::PlannedAction;

    fn object(fields: &[(&str, Value)]) -> Value {
        Value::Object(
            fields
                .iter()
                .map(|(k, v)| ((*k).to_owned(), v.clone()))
                .collect(),
        )
    }

    fn text(value: &str) -> Value {
        Value::String(value.to_owned())
    }

    fn unchanged(resource_type: &str, before: Value) -> ResourceChange {
        ResourceChange {
            address: Address::new(format!("{resource_type}.this")),
            previous_address: None,
            mode: Mode::Managed,
            resource_type: resource_type.to_owned(),
            deposed: None,
            action: PlannedAction::NoOp,
            after: before.clone(),
            before,
            replace_paths: Vec::new(),
            reason: None,
            importing: None,
        }
    }

    #[test]
    fn only_what_the_stack_declares_is_explained() {
        let inline = |name: &str| object(&[("name", text(name)), ("policy", text("{}"))]);
        let role = unchanged(
            "aws_iam_role",
            object(&[("id", text("web")), ("name", text("web"))]),
        );
        let policy = object(&[("role", text("web")), ("name", text("logs"))]);
        let plan = Plan {
            changes: vec![role.clone(), unchanged("aws_iam_role_policy", policy)],
            ..Plan::default()
        };
        let path = AttributePath::new(vec!["inline_policy".to_owned()]);
        let explained = |state: &[Value], real: &[Value]| {
            let (state, real) = (Value::List(state.to_vec()), Value::List(real.to_vec()));
            is_mirrored(&plan, &role, &path, &state, &real)
        };
        assert!(explained(&[], &[inline("logs")]));
        assert!(!explained(&[], &[inline("logs"), inline("backdoor")]));
        assert!(!explained(&[inline("logs")], &[]));
        let blank = object(&[("name", text("")), ("policy", text(""))]);
        assert!(explained(&[blank], &[inline("logs")]));
        let elsewhere = AttributePath::new(vec!["assume_role_policy".to_owned()]);
        let list = Value::List(vec![inline("logs")]);
        assert!(!is_mirrored(&plan, &role, &elsewhere, &Value::Null, &list));
    }
}
