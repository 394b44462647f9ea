//! Facts from HCL.

use hcl_edit::expr::{Expression, FuncCall, TraversalOperator};
use hcl_edit::structure::{Block, Body};
use hcl_edit::template::Element;
use hcl_edit::visit::{Visit, visit_expr, visit_func_call};

use super::Mark;
use super::facts::{Base, Facts, PathUse, is_local};
use super::paths;
use super::states::{Backend, Call, Remote, attributes};
use super::term::Term;

/// Functions whose first argument is a path.
pub(super) const FILE_FUNCTIONS: [&str; 12] = [
    "file",
    "filebase64",
    "filebase64sha256",
    "filebase64sha512",
    "fileexists",
    "filemd5",
    "fileset",
    "filesha1",
    "filesha256",
    "filesha512",
    "templatefile",
    "abspath",
];

/// The data source that reads another state.
pub(super) const REMOTE_STATE: &str = "terraform_remote_state";

/// What a parsed file says.
pub(super) fn facts(body: &Body) -> Facts {
    let mut facts = Facts::default();
    for block in body.blocks() {
        match block.ident.as_str() {
            "terraform" => terraform(block, &mut facts),
            "provider" => facts.mark(Mark::Provider),
            "resource" => facts.mark(Mark::Resource),
            "module" => match source(block) {
                Some(source) => {
                    facts.call(source);
                    if is_local(source) {
                        facts.modules.push(Call::of(source, &block.body));
                    }
                }
                None => facts.mark(Mark::Module),
            },
            "data" if has_label(block, REMOTE_STATE) => {
                facts.remotes.extend(Remote::of(&block.body));
            }
            "locals" => facts.locals.extend(attributes(&block.body)),
            "variable" => {
                let name = block.labels.first().map(|label| label.as_str().to_owned());
                let default = block.body.get_attribute("default");
                let default = name.zip(default.map(|default| Term::of(&default.value)));
                facts.defaults.extend(default);
            }
            _ => {}
        }
    }
    let mut strings = Strings(&mut facts);
    for structure in body {
        match structure.as_block() {
            Some(block) if block.has_ident("module") => {
                for inner in &block.body {
                    // Noted as a call already, and relative to this file for certain.
                    if inner
                        .as_attribute()
                        .is_none_or(|attr| !attr.has_key("source"))
                    {
                        strings.visit_structure(inner);
                    }
                }
            }
            _ => strings.visit_structure(structure),
        }
    }
    facts
}

fn terraform(block: &Block, facts: &mut Facts) {
    for inner in block.body.blocks() {
        match inner.ident.as_str() {
            "backend" => {
                let backend = Backend::of(inner);
                facts.mark(Mark::Backend {
                    kind: backend.kind.clone(),
                });
                facts.backend = Some(backend);
            }
            "cloud" => facts.mark(Mark::Cloud),
            _ => {}
        }
    }
}

fn has_label(block: &Block, name: &str) -> bool {
    block
        .labels
        .first()
        .is_some_and(|label| label.as_str() == name)
}

fn source(block: &Block) -> Option<&str> {
    block.body.get_attribute("source")?.value.as_str()
}

/// Collects the paths named in a tree of expressions.
pub(super) struct Strings<'a>(pub(super) &'a mut Facts);

impl Visit for Strings<'_> {
    fn visit_expr(&mut self, expr: &Expression) {
        if let Some(used) = path_use(expr).filter(|used| paths::leads_out(&used.path)) {
            self.0.paths.insert(used);
        }
        visit_expr(self, expr);
    }

    fn visit_func_call(&mut self, call: &FuncCall) {
        if FILE_FUNCTIONS.contains(&call.name.name.as_str()) {
            let first = call.args.iter().next();
            self.0.paths.extend(first.and_then(path_use));
        }
        visit_func_call(self, call);
    }
}

pub(super) fn path_use(expr: &Expression) -> Option<PathUse> {
    match expr {
        Expression::String(text) => Some(PathUse {
            base: Base::Either,
            path: text.as_str().to_owned(),
        }),
        Expression::StringTemplate(template) => template_path(template.iter()),
        Expression::Parenthesis(inner) => path_use(inner.inner()),
        _ => None,
    }
}

/// The path that a template names: an optional `${path.…}/`, then text, up to the first part that
/// is not constant.
pub(super) fn template_path<'a>(elements: impl Iterator<Item = &'a Element>) -> Option<PathUse> {
    let mut base = Base::Either;
    let mut path = String::new();
    for (position, element) in elements.enumerate() {
        match element {
            Element::Literal(text) if position == 1 && base != Base::Either => {
                path.push_str(text.trim_start_matches('/'));
            }
            Element::Literal(text) => path.push_str(text),
            Element::Interpolation(inner) if position == 0 => base = path_base(&inner.expr)?,
            _ => {
                path.truncate(paths::directory_part(&path).len());
                break;
            }
        }
    }
    Some(PathUse { base, path })
}

fn path_base(expr: &Expression) -> Option<Base> {
    let Expression::Traversal(traversal) = expr else {
        return None;
    };
    if traversal.expr.as_variable()?.as_str() != "path" {
        return None;
    }
    match traversal.operators.as_slice() {
        [operator] => match operator.value() {
            TraversalOperator::GetAttr(name) if name.as_str() == "module" => Some(Base::Module),
            TraversalOperator::GetAttr(name) if matches!(name.as_str(), "root" | "cwd") => {
                Some(Base::Root)
            }
            _ => None,
        },
        _ => None,
    }
}
