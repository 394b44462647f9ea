//! What an expression says, as far as it can be known without running anything.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use hcl_edit::expr::{Expression, ObjectKey, TraversalOperator};
use hcl_edit::template::Element;
use serde_json::Value;

/// No longer text is put together.
const LONGEST_TEXT: usize = 4096;
/// One value is looked for in this many steps.
const STEPS: u32 = 2000;
/// All values that are given together are looked for in this many.
const STEPS_TOGETHER: u32 = 20_000;
/// One value leads to others that deep.
const DEEPEST: u32 = 100;
/// So many bytes of text count as much as a value.
const BYTES: usize = 64;

/// The part of an expression that may be known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    /// A text; numbers and booleans are the texts that they become in one.
    Text(String),
    /// A template.
    Joined(Vec<Term>),
    /// `local.a.b`.
    Name(Vec<String>),
    /// What a value that something else makes holds under a name.
    Within(Box<Term>, Vec<String>),
    List(Vec<Term>),
    Object(BTreeMap<String, Term>),
    Call(String, Vec<Term>),
    Unknown,
}

/// A value that is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Text(String),
    List(Vec<Literal>),
    Object(BTreeMap<String, Literal>),
}

/// What names and functions mean where an expression stands.
pub(super) trait Scope {
    /// The value of a name such as `local.a.b`.
    fn name(&self, path: &[String], fuel: &Fuel) -> Option<Literal>;

    /// What a function gives that is not one of Terraform's own.
    fn call(&self, function: &str, arguments: &[Term], fuel: &Fuel) -> Option<Literal>;
}

/// Nothing has a name.
pub(super) struct Nothing;

impl Scope for Nothing {
    fn name(&self, _: &[String], _: &Fuel) -> Option<Literal> {
        None
    }

    fn call(&self, _: &str, _: &[Term], _: &Fuel) -> Option<Literal> {
        None
    }
}

/// How much longer a value is looked for: names may lead in circles, or to more and more others.
pub(super) struct Fuel {
    steps: Cell<u32>,
    depth: Cell<u32>,
}

impl Fuel {
    pub(super) fn full() -> Self {
        Self::of(STEPS)
    }

    fn of(steps: u32) -> Self {
        Self {
            steps: Cell::new(steps),
            depth: Cell::new(DEEPEST),
        }
    }

    /// Pays for what is copied: values that hold one another twice grow without end.
    pub(super) fn spend(&self, steps: u32) -> Option<()> {
        self.steps.set(self.steps.get().checked_sub(steps)?);
        Some(())
    }

    /// One step further in; what is found there comes back.
    pub(super) fn inside<T>(&self, look: impl FnOnce() -> Option<T>) -> Option<T> {
        self.spend(1)?;
        let depth = self.depth.get();
        self.depth.set(depth.checked_sub(1)?);
        let found = look();
        self.depth.set(depth);
        found
    }
}

impl Literal {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// It, or what it holds under names in one another, as a copy.
    pub(super) fn copy_within(&self, path: &[String], fuel: &Fuel) -> Option<Self> {
        let found = path.iter().try_fold(self, |value, name| match value {
            Self::Object(members) => members.get(name),
            _ => None,
        })?;
        fuel.spend(found.weight())?;
        Some(found.clone())
    }

    fn weight(&self) -> u32 {
        let inside = match self {
            Self::Text(text) => weight_of(text),
            Self::List(items) => items.iter().map(Self::weight).sum(),
            Self::Object(members) => {
                let members = members.iter();
                members
                    .map(|(name, of)| weight_of(name) + of.weight())
                    .sum()
            }
        };
        1 + inside
    }

    /// What it holds under names in one another.
    pub(super) fn within(self, path: &[String]) -> Option<Self> {
        path.iter().try_fold(self, |value, name| match value {
            Self::Object(mut members) => members.remove(name),
            _ => None,
        })
    }
}

impl Term {
    pub(super) fn of(expr: &Expression) -> Self {
        match expr {
            Expression::String(text) => Self::Text(text.as_str().to_owned()),
            Expression::Number(number) => Self::Text(number.value().to_string()),
            Expression::Bool(value) => Self::Text(value.value().to_string()),
            Expression::StringTemplate(template) => {
                Self::template(&template.iter().collect::<Vec<_>>())
            }
            Expression::Parenthesis(inner) => Self::of(inner.inner()),
            Expression::Variable(name) => Self::Name(vec![name.as_str().to_owned()]),
            Expression::Array(list) => Self::List(list.iter().map(Self::of).collect()),
            Expression::Object(object) => {
                let members = object.iter().map(|(key, value)| {
                    let key = match key {
                        ObjectKey::Ident(name) => Some(name.as_str().to_owned()),
                        ObjectKey::Expression(Expression::String(text)) => {
                            Some(text.as_str().to_owned())
                        }
                        ObjectKey::Expression(_) => None,
                    };
                    key.map(|key| (key, Self::of(value.expr())))
                });
                let members: Option<BTreeMap<_, _>> = members.collect();
                members.map_or(Self::Unknown, Self::Object)
            }
            Expression::FuncCall(call) if call.name.namespace.is_empty() => Self::Call(
                call.name.name.as_str().to_owned(),
                call.args.iter().map(Self::of).collect(),
            ),
            Expression::Traversal(traversal) => {
                let names = traversal.operators.iter().map(|step| match step.value() {
                    TraversalOperator::GetAttr(name) => Some(name.as_str().to_owned()),
                    TraversalOperator::Index(index) => index.as_str().map(str::to_owned),
                    _ => None,
                });
                let Some(names) = names.collect::<Option<Vec<_>>>() else {
                    return Self::Unknown;
                };
                match Self::of(&traversal.expr) {
                    Self::Name(mut path) => {
                        path.extend(names);
                        Self::Name(path)
                    }
                    Self::Unknown => Self::Unknown,
                    other => Self::Within(Box::new(other), names),
                }
            }
            _ => Self::Unknown,
        }
    }

    /// Of the JSON form, in which every text is a template.
    pub(super) fn of_json(value: &Value) -> Self {
        match value {
            Value::String(text) if text.contains("${") || text.contains("%{") => {
                let template = hcl_edit::parser::parse_template(text);
                template.map_or(Self::Unknown, |template| {
                    Self::template(&template.iter().collect::<Vec<_>>())
                })
            }
            Value::String(text) => Self::Text(text.clone()),
            Value::Number(number) => Self::Text(number.to_string()),
            Value::Bool(value) => Self::Text(value.to_string()),
            Value::Array(list) => Self::List(list.iter().map(Self::of_json).collect()),
            Value::Object(members) => {
                let members = members.iter();
                let members = members.map(|(name, value)| (name.clone(), Self::of_json(value)));
                Self::Object(members.collect())
            }
            Value::Null => Self::Unknown,
        }
    }

    /// A template that is one expression is that.
    fn template(elements: &[&Element]) -> Self {
        if let [Element::Interpolation(whole)] = elements {
            return Self::of(&whole.expr);
        }
        let parts = elements.iter().map(|element| match element {
            Element::Literal(text) => Self::Text(text.as_str().to_owned()),
            Element::Interpolation(inner) => Self::of(&inner.expr),
            Element::Directive(_) => Self::Unknown,
        });
        Self::Joined(parts.collect())
    }

    /// Its value; none if anything in it is not known.
    pub(super) fn value(&self, scope: &dyn Scope, fuel: &Fuel) -> Option<Literal> {
        fuel.inside(|| self.value_inside(scope, fuel))
    }

    fn value_inside(&self, scope: &dyn Scope, fuel: &Fuel) -> Option<Literal> {
        match self {
            Self::Text(text) => {
                fuel.spend(weight_of(text))?;
                Some(Literal::Text(text.clone()))
            }
            Self::Joined(parts) => {
                let mut text = String::new();
                for part in parts {
                    text.push_str(part.value(scope, fuel)?.text()?);
                    if text.len() > LONGEST_TEXT {
                        return None;
                    }
                }
                Some(Literal::Text(text))
            }
            Self::Name(path) => scope.name(path, fuel),
            Self::Within(inner, path) => inner.value(scope, fuel)?.within(path),
            Self::List(items) => {
                let items = items.iter().map(|item| item.value(scope, fuel));
                items.collect::<Option<_>>().map(Literal::List)
            }
            Self::Object(members) => {
                let members = members.iter();
                let known = members.map(|(name, of)| {
                    fuel.spend(weight_of(name))?;
                    Some((name.clone(), of.value(scope, fuel)?))
                });
                known.collect::<Option<_>>().map(Literal::Object)
            }
            Self::Call(function, arguments) => own(function, arguments, scope, fuel)
                .or_else(|| scope.call(function, arguments, fuel)),
            Self::Unknown => None,
        }
    }

    /// Its text; none if it is none or anything in it is not known.
    pub(super) fn text(&self, scope: &dyn Scope) -> Option<String> {
        match self.value(scope, &Fuel::full())? {
            Literal::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its texts, of those in a list that are known.
    pub(super) fn texts(&self, scope: &dyn Scope) -> Vec<String> {
        match self {
            Self::List(items) => items.iter().filter_map(|item| item.text(scope)).collect(),
            other => match other.value(scope, &Fuel::full()) {
                Some(Literal::List(items)) => {
                    let texts = items.iter().filter_map(Literal::text);
                    texts.map(str::to_owned).collect()
                }
                _ => Vec::new(),
            },
        }
    }

    /// What an object holds under a name that is written in it, or in the object that it names.
    pub(super) fn value_within(
        &self,
        path: &[String],
        scope: &dyn Scope,
        fuel: &Fuel,
    ) -> Option<Literal> {
        match (self, path) {
            (Self::Object(members), [first, rest @ ..]) => {
                members.get(first)?.value_within(rest, scope, fuel)
            }
            _ => self.value(scope, fuel)?.within(path),
        }
    }
}

/// The values of all that is given together, each if it is known.
pub(super) fn given<'t>(
    terms: impl IntoIterator<Item = (&'t String, &'t Term)>,
    scope: &dyn Scope,
) -> impl Iterator<Item = (String, Option<Literal>)> {
    let mut left = STEPS_TOGETHER;
    terms.into_iter().map(move |(name, term)| {
        let steps = left.min(STEPS);
        let fuel = Fuel::of(steps);
        let value = term.value(scope, &fuel);
        left -= steps - fuel.steps.get();
        (name.clone(), value)
    })
}

fn weight_of(text: &str) -> u32 {
    u32::try_from(text.len() / BYTES).unwrap_or(u32::MAX / 2)
}

/// The functions of Terraform that paths and names are made with.
fn own(function: &str, arguments: &[Term], scope: &dyn Scope, fuel: &Fuel) -> Option<Literal> {
    let text = |at: usize| match arguments.get(at)?.value(scope, fuel)? {
        Literal::Text(text) => Some(text),
        _ => None,
    };
    let made = match function {
        "format" => formatted(
            &text(0)?,
            (1..arguments.len()).map(text).collect::<Option<Vec<_>>>()?,
        )?,
        "dirname" => Path::new(&text(0)?).parent()?.to_str()?.to_owned(),
        "basename" => Path::new(&text(0)?).file_name()?.to_str()?.to_owned(),
        _ => return None,
    };
    (made.len() <= LONGEST_TEXT).then_some(Literal::Text(made))
}

/// A format with `%s` and `%d` only.
fn formatted(format: &str, values: Vec<String>) -> Option<String> {
    let mut made = String::new();
    let mut values = values.into_iter();
    let mut parts = format.split('%');
    made.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let rest = part.strip_prefix(['s', 'd'])?;
        made.push_str(&values.next()?);
        made.push_str(rest);
    }
    values.next().is_none().then_some(made)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    /// Locals, written as HCL.
    struct Locals(BTreeMap<String, Term>);

    impl Locals {
        fn of(text: &str) -> Self {
            let body = hcl_edit::parser::parse_body(text).unwrap();
            let terms = body.attributes();
            Self(
                terms
                    .map(|a| (a.key.as_str().to_owned(), Term::of(&a.value)))
                    .collect(),
            )
        }

        fn text(&self, name: &str) -> Option<String> {
            self.0.get(name)?.text(self)
        }
    }

    impl Scope for Locals {
        fn name(&self, path: &[String], fuel: &Fuel) -> Option<Literal> {
            let [local, name, rest @ ..] = path else {
                return None;
            };
            let term = self.0.get(name).filter(|_| local == "local")?;
            term.value_within(rest, self, fuel)
        }

        fn call(&self, function: &str, _: &[Term], _: &Fuel) -> Option<Literal> {
            (function == "here").then(|| Literal::Text("/here".to_owned()))
        }
    }

    #[test]
    fn what_is_literal_in_the_end_is_known() {
        let locals = Locals::of(
            r#"
            name  = "a"
            both  = "${local.name}-${1}"
            alone = "${local.both}"
            tree  = { in = { "quoted" = local.alone }, unknown = var.x }
            deep  = local.tree.in["quoted"]
            dir   = dirname("${here()}/x/y")
            said  = format("%s/../%s", here(), (local.name))
            odd   = format("%5s", "a")
            short = format("%s")
            long  = format("%s", "a", "b")
            some  = local.tree.unknown
            text  = <<EOT
            a
            EOT
            "#,
        );
        for (name, value) in [
            ("both", Some("a-1")),
            ("alone", Some("a-1")),
            ("deep", Some("a-1")),
            ("dir", Some("/here/x")),
            ("said", Some("/here/../a")),
            ("odd", None),
            ("short", None),
            ("long", None),
            ("some", None),
            ("text", None),
            ("tree", None),
        ] {
            assert_eq!(locals.text(name).as_deref(), value, "{name}");
        }
        let list = Term::of(&"[\"a\", local.name, var.x]".parse().unwrap());
        assert_eq!(list.texts(&locals), ["a", "a"]);
    }

    #[test]
    fn circles_and_texts_that_grow_without_end_are_not_followed() {
        let mut text = "a0 = \"xxxxxxxxxx\"\n".to_owned();
        for number in 1..40 {
            let before = number - 1;
            text += &format!("a{number} = \"${{local.a{before}}}${{local.a{before}}}\"\n");
        }
        let locals = Locals::of(&(text + "b = local.c\nc = local.b\n"));
        assert_eq!(locals.text("a39"), None);
        assert_eq!(locals.text("b"), None);
        assert_eq!(locals.text("a2").map(|text| text.len()), Some(40));
    }

    #[test]
    fn in_json_texts_are_templates() {
        let locals = Locals::of("a = \"x\"\n");
        let of = |text: &str| Term::of_json(&Value::from(text)).text(&locals);
        assert_eq!(of("${local.a}").as_deref(), Some("x"));
        assert_eq!(of("y/${local.a}").as_deref(), Some("y/x"));
        assert_eq!(of("plain").as_deref(), Some("plain"));
        assert_eq!(of("${"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_expression_is_taken(text in "([a-z.(){}\\[\\]\"$%=:?,! -]|local\\.|\\$\\{|format){0,40}") {
            if let Ok(expr) = text.parse::<Expression>() {
                Term::of(&expr).value(&Locals::of("a = 1"), &Fuel::full());
            }
            Term::of_json(&Value::from(text)).texts(&Nothing);
        }
    }
}
