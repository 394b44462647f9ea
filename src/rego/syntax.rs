//! Walks over the syntax tree of policies. The engine keeps its tree in a module that it calls
//! unstable; whatever of it is used here is checked by the compiler.

use std::collections::HashMap;

use regorus::Value;
use regorus::unstable::{Expr, Literal, Module, Query, Rule, RuleHead};

/// What a walk comes by.
pub(super) enum Node<'a> {
    /// An expression.
    Expr(&'a Expr),
    /// The collection of `some … in`, before it comes as an expression.
    Collection(&'a Expr),
}

enum Step<'a> {
    Expr(&'a Expr),
    Query(&'a Query),
}

/// Shows every expression of a rule. Without recursion: chains of references can be long.
pub(super) fn walk<'a>(rule: &'a Rule, see: &mut dyn FnMut(Node<'a>)) {
    let mut steps = Vec::new();
    match rule {
        Rule::Default { value, args, .. } => {
            steps.push(Step::Expr(value));
            steps.extend(args.iter().map(|arg| Step::Expr(arg)));
        }
        Rule::Spec { head, bodies, .. } => {
            match head {
                RuleHead::Compr { refr, assign, .. } => {
                    steps.push(Step::Expr(refr));
                    steps.extend(assign.iter().map(|assign| Step::Expr(&assign.value)));
                }
                RuleHead::Set { refr, key, .. } => {
                    steps.push(Step::Expr(refr));
                    steps.extend(key.iter().map(|key| Step::Expr(key)));
                }
                RuleHead::Func { args, assign, .. } => {
                    steps.extend(args.iter().map(|arg| Step::Expr(arg)));
                    steps.extend(assign.iter().map(|assign| Step::Expr(&assign.value)));
                }
            }
            for body in bodies {
                steps.extend(body.assign.iter().map(|assign| Step::Expr(&assign.value)));
                steps.push(Step::Query(&body.query));
            }
        }
    }
    while let Some(step) = steps.pop() {
        match step {
            Step::Query(query) => in_query(query, &mut steps, see),
            Step::Expr(expr) => {
                see(Node::Expr(expr));
                in_expr(expr, &mut steps);
            }
        }
    }
}

fn in_query<'a>(query: &'a Query, steps: &mut Vec<Step<'a>>, see: &mut dyn FnMut(Node<'a>)) {
    for statement in &query.stmts {
        match &statement.literal {
            Literal::SomeVars { .. } => {}
            Literal::SomeIn {
                key,
                value,
                collection,
                ..
            } => {
                steps.extend(key.iter().map(|key| Step::Expr(key)));
                steps.push(Step::Expr(value));
                see(Node::Collection(collection));
                steps.push(Step::Expr(collection));
            }
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => {
                steps.push(Step::Expr(expr));
            }
            Literal::Every { domain, query, .. } => {
                steps.extend([Step::Expr(domain), Step::Query(query)]);
            }
        }
        for with in &statement.with_mods {
            steps.extend([Step::Expr(&with.refr), Step::Expr(&with.r#as)]);
        }
    }
}

fn in_expr<'a>(expr: &'a Expr, steps: &mut Vec<Step<'a>>) {
    match expr {
        Expr::String { .. }
        | Expr::RawString { .. }
        | Expr::Number { .. }
        | Expr::Bool { .. }
        | Expr::Null { .. }
        | Expr::Var { .. } => {}
        Expr::Array { items, .. } | Expr::Set { items, .. } => {
            steps.extend(items.iter().map(|item| Step::Expr(item)));
        }
        Expr::Object { fields, .. } => {
            for (_, key, value) in fields {
                steps.extend([Step::Expr(key), Step::Expr(value)]);
            }
        }
        Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
            steps.extend([Step::Expr(term), Step::Query(query)]);
        }
        Expr::ObjectCompr {
            key, value, query, ..
        } => {
            steps.extend([Step::Expr(key), Step::Expr(value), Step::Query(query)]);
        }
        Expr::Call { fcn, params, .. } => {
            steps.push(Step::Expr(fcn));
            steps.extend(params.iter().map(|param| Step::Expr(param)));
        }
        Expr::UnaryExpr { expr, .. } => steps.push(Step::Expr(expr)),
        Expr::RefDot { refr, .. } => steps.push(Step::Expr(refr)),
        Expr::RefBrack { refr, index, .. } => {
            steps.extend([Step::Expr(refr), Step::Expr(index)]);
        }
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => {
            steps.extend([Step::Expr(lhs), Step::Expr(rhs)]);
        }
        Expr::Membership {
            key,
            value,
            collection,
            ..
        } => {
            steps.extend(key.iter().map(|key| Step::Expr(key)));
            steps.extend([Step::Expr(value), Step::Expr(collection)]);
        }
    }
}

/// The parts of a reference that holds nothing but names: `a.b["c"]` has three.
pub(super) fn path(reference: &Expr) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = reference;
    loop {
        let (name, next) = match rest {
            Expr::Var { value, .. } => (value, None),
            Expr::RefDot { refr, field, .. } => (&field.1, Some(refr)),
            Expr::RefBrack { refr, index, .. } => match index.as_ref() {
                Expr::String { value, .. } | Expr::RawString { value, .. } => (value, Some(refr)),
                _ => return None,
            },
            _ => return None,
        };
        let Value::String(name) = name else {
            return None;
        };
        parts.push(name.to_string());
        match next {
            Some(next) => rest = next,
            None => break,
        }
    }
    parts.reverse();
    Some(parts)
}

/// The name that a rule begins with: `deny` of `deny[msg]`.
pub(super) fn rule_name(rule: &Rule) -> Option<String> {
    let mut head = match rule {
        Rule::Default { refr, .. } => refr,
        Rule::Spec { head, .. } => match head {
            RuleHead::Compr { refr, .. }
            | RuleHead::Set { refr, .. }
            | RuleHead::Func { refr, .. } => refr,
        },
    };
    while let Expr::RefDot { refr, .. } | Expr::RefBrack { refr, .. } = head.as_ref() {
        head = refr;
    }
    path(head)?.pop()
}

/// Whether a rule is a function, and of which path within its package.
pub(super) fn function(rule: &Rule) -> Option<Vec<String>> {
    match rule {
        Rule::Spec {
            head: RuleHead::Func { refr, .. },
            ..
        } => path(refr),
        Rule::Default { refr, args, .. } if !args.is_empty() => path(refr),
        _ => None,
    }
}

/// What a module's imports stand for: alias to path, of `data` only.
pub(super) fn imports(module: &Module) -> HashMap<String, Vec<String>> {
    let imports = module.imports.iter().filter_map(|import| {
        let path = path(&import.refr)?;
        let alias = match &import.r#as {
            Some(alias) => alias.text().to_owned(),
            None => path.last()?.clone(),
        };
        path.first()
            .is_some_and(|root| root == "data")
            .then_some((alias, path))
    });
    imports.collect()
}
