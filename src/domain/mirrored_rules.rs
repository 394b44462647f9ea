//! Rules of a security group that resources of their own declare: the group shows them again, grouped
//! in its own way, so both are taken apart into single permissions and compared.

use std::collections::BTreeSet;

use super::plan::{Mode, Plan, ResourceChange};
use super::value::{AttributePath, Value};

/// Types whose rules others may declare.
pub(super) const SHOWN_BY: &[&str] = &["aws_security_group", "aws_default_security_group"];

/// Types that declare such rules. Source: the AWS provider's documentation of `aws_security_group`
/// ("Protocol, ports and sources may be declared by …").
pub(super) const DECLARED_BY: &[&str] = &[
    "aws_security_group_rule",
    "aws_vpc_security_group_egress_rule",
    "aws_vpc_security_group_ingress_rule",
];

/// One source (or target) that may use one range of ports of one protocol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Permission {
    protocol: String,
    ports: [String; 2],
    kind: &'static str,
    peer: String,
    description: String,
}

/// Whether all that was added to the rules of a group is declared by other resources of the stack,
/// and nothing was taken away.
pub(super) fn is_mirrored(
    plan: &Plan,
    change: &ResourceChange,
    path: &AttributePath,
    state: &Value,
    real: &Value,
) -> bool {
    let [direction] = path.segments() else {
        return false;
    };
    let directed = matches!(direction.as_str(), "ingress" | "egress");
    if !directed || !SHOWN_BY.contains(&change.resource_type.as_str()) {
        return false;
    }
    let (Some(known), Some(shown)) = (shown(state), shown(real)) else {
        return false;
    };
    let mut added = shown.difference(&known).peekable();
    if !known.is_subset(&shown) || added.peek().is_none() {
        return false;
    }
    let group = change.before.field("id");
    let rules = plan.changes.iter().filter(|other| {
        other.mode == Mode::Managed
            && matches!(group, Value::String(_))
            && other.before.field("security_group_id") == group
    });
    let declared: BTreeSet<Permission> = rules
        .flat_map(|rule| declared(rule, direction, group))
        .collect();
    added.all(|permission| declared.contains(permission))
}

/// What a group shows; nothing if that cannot be taken apart.
fn shown(rules: &Value) -> Option<BTreeSet<Permission>> {
    let items: &[Value] = match rules {
        Value::List(items) => items,
        Value::Null => &[],
        _ => return None,
    };
    let mut permissions = BTreeSet::new();
    for item in items {
        let found = permissions_of(
            item,
            "protocol",
            &[
                ("cidr_blocks", "cidr"),
                ("ipv6_cidr_blocks", "cidr6"),
                ("prefix_list_ids", "prefix list"),
                ("security_groups", "group"),
                ("self", "self"),
            ],
            None,
        );
        if found.is_empty() {
            return None;
        }
        permissions.extend(found);
    }
    Some(permissions)
}

fn declared(rule: &ResourceChange, direction: &str, group: &Value) -> Vec<Permission> {
    let object = &rule.before;
    let kind = rule.resource_type.as_str();
    let own = kind.starts_with("aws_vpc_security_group_");
    let directed = if own {
        kind.contains(direction)
    } else {
        *object.field("type") == Value::String(direction.to_owned())
    };
    match (directed, own) {
        (false, _) => Vec::new(),
        (true, true) => permissions_of(
            object,
            "ip_protocol",
            &[
                ("cidr_ipv4", "cidr"),
                ("cidr_ipv6", "cidr6"),
                ("prefix_list_id", "prefix list"),
                ("referenced_security_group_id", "group"),
            ],
            Some(group),
        ),
        (true, false) => permissions_of(
            object,
            "protocol",
            &[
                ("cidr_blocks", "cidr"),
                ("ipv6_cidr_blocks", "cidr6"),
                ("prefix_list_ids", "prefix list"),
                ("source_security_group_id", "group"),
                ("self", "self"),
            ],
            Some(group),
        ),
    }
}

/// Takes a rule apart. A group that names itself as the source is `self`.
fn permissions_of(
    rule: &Value,
    protocol: &str,
    peers: &[(&str, &'static str)],
    group: Option<&Value>,
) -> Vec<Permission> {
    let protocol = match rule.field(protocol) {
        Value::String(name) if name == "all" => "-1".to_owned(),
        Value::String(name) => name.clone(),
        _ => return Vec::new(),
    };
    // Ports mean nothing where every protocol is allowed.
    let port = |name: &str| match rule.field(name) {
        Value::Number(port) if protocol != "-1" => port.as_str().to_owned(),
        _ => "0".to_owned(),
    };
    let ports = [port("from_port"), port("to_port")];
    let description = match rule.field("description") {
        Value::String(text) => text.clone(),
        _ => String::new(),
    };
    let permission = |kind, peer: &str| Permission {
        protocol: protocol.clone(),
        ports: ports.clone(),
        kind,
        peer: peer.to_owned(),
        description: description.clone(),
    };
    let mut found = Vec::new();
    for (name, kind) in peers {
        let values: &[Value] = match rule.field(name) {
            Value::List(items) => items,
            value => std::slice::from_ref(value),
        };
        for value in values {
            match value {
                Value::Bool(true) => found.push(permission(kind, "")),
                value if group == Some(value) && *kind == "group" => {
                    found.push(permission("self", ""));
                }
                Value::String(peer) if !peer.is_empty() => found.push(permission(kind, peer)),
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::domain::plan::PlannedAction;
    use crate::domain::testing::change;
    use crate::domain::value::Number;

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    fn object(fields: &[(&str, Value)]) -> Value {
        let fields = fields.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
        Value::Object(fields.collect())
    }

    fn list(items: &[&str]) -> Value {
        Value::List(items.iter().map(|item| text(item)).collect())
    }

    fn rule(port: &str, cidrs: &[&str], more: &[(&str, Value)]) -> Value {
        let mut fields = vec![
            ("protocol", text("tcp")),
            ("from_port", Value::Number(Number::parse(port))),
            ("to_port", Value::Number(Number::parse(port))),
            ("cidr_blocks", list(cidrs)),
        ];
        fields.extend_from_slice(more);
        object(&fields)
    }

    #[test]
    fn only_what_the_stack_declares_is_explained() {
        let of_group = |kind: &str| [("security_group_id", text("sg-1")), ("type", text(kind))];
        let separate = |cidrs: &[&str], kind| rule("443", cidrs, &of_group(kind));
        let declares = |rule: Value| {
            change(
                "aws_security_group_rule.r",
                PlannedAction::NoOp,
                rule.clone(),
                rule,
            )
        };
        let group = object(&[("id", text("sg-1"))]);
        let group = change(
            "aws_security_group.g",
            PlannedAction::NoOp,
            group.clone(),
            group,
        );
        let path = AttributePath::new(vec!["ingress".to_owned()]);
        let plan = Plan {
            changes: vec![
                declares(separate(&["10.0.0.0/8"], "ingress")),
                declares(separate(&["172.16.0.0/12"], "ingress")),
                declares(separate(&["0.0.0.0/0"], "egress")),
            ],
            ..Plan::default()
        };
        let explained = |state: &[Value], real: &[Value]| {
            let (state, real) = (Value::List(state.to_vec()), Value::List(real.to_vec()));
            is_mirrored(&plan, &group, &path, &state, &real)
        };
        let both = rule("443", &["10.0.0.0/8", "172.16.0.0/12"], &[]);
        assert!(explained(&[], std::slice::from_ref(&both)));
        assert!(explained(
            &[rule("443", &["10.0.0.0/8"], &[])],
            std::slice::from_ref(&both)
        ));
        assert!(!explained(
            &[],
            &[both.clone(), rule("22", &["0.0.0.0/0"], &[])]
        ));
        assert!(!explained(&[], &[rule("443", &["0.0.0.0/0"], &[])]));
        assert!(!explained(std::slice::from_ref(&both), &[]));
        let foreign = rule("443", &["10.0.0.0/8"], &[("self", Value::Bool(true))]);
        assert!(!explained(&[], &[foreign]));
    }
}
