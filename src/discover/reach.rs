//! Whether a configuration can read anything in the tree that its text does not name.

use std::path::Path;

use hcl_edit::Spanned;
use hcl_edit::expr::{Expression, FuncCall, TraversalOperator};
use hcl_edit::structure::{Block, Body};
use hcl_edit::template::{Element, StringTemplate};
use hcl_edit::visit::{Visit, visit_block, visit_expr, visit_func_call};

use super::facts::{Base, is_local};
use super::hcl::{FILE_FUNCTIONS, path_use};
use super::paths;

/// Functions that do nothing with a path that would lead elsewhere.
const HARMLESS: [&str; 1] = ["basename"];
/// Functions that make one path of another, of whatever they are given.
const PATH_FUNCTIONS: [&str; 3] = ["abspath", "dirname", "pathexpand"];
/// What a template names is not looked into.
const TEMPLATES: [&str; 2] = ["templatefile", "templatestring"];
/// Data sources that run a program: what it reads is its own affair.
const PROGRAMS: [&str; 2] = ["external", "local_command"];

/// Whether all that a file can read is what [`super::hcl::facts`] says it does.
pub(super) fn is_closed(body: &Body) -> bool {
    let mut reach = Reach { open: false };
    for structure in body {
        match structure.as_block() {
            Some(block) if block.has_ident("module") => reach.module(block),
            _ => reach.visit_structure(structure),
        }
    }
    !reach.open
}

/// Whether values of variables in a file can be paths that lead out of a directory.
pub fn values_stay(text: &str) -> bool {
    !text.contains("..")
}

/// Whether the values in a file can; one that cannot be read can be anything.
pub fn values_in_stay(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| values_stay(&text))
}

struct Reach {
    open: bool,
}

impl Reach {
    fn text(&mut self, text: &str) {
        self.open |= paths::climbs(text);
    }

    fn module(&mut self, block: &Block) {
        for inner in &block.body {
            match inner.as_attribute() {
                // A local source is a call. Of any other the text is not here: it may look above the
                // root module.
                Some(attribute) if attribute.has_key("source") => {
                    self.open |= !attribute.value.as_str().is_some_and(is_local);
                }
                _ => self.visit_structure(inner),
            }
        }
    }

    /// A template whose beginning is a path that is known.
    fn known(&mut self, template: &StringTemplate) {
        let mut rest = template.iter().peekable();
        if let Some(first) = rest.next() {
            self.visit_element(first);
        }
        if let Some(Element::Literal(text)) = rest.peek().copied() {
            rest.next();
            // Of the last part only the beginning is known, if anything follows.
            let last = text.rsplit('/').next().unwrap_or_default();
            self.open |= last.starts_with('.') && rest.peek().is_some();
        }
        rest.for_each(|element| self.visit_element(element));
    }
}

impl Visit for Reach {
    fn visit_block(&mut self, block: &Block) {
        let label = || block.labels.first().map(|label| label.as_str());
        let runs = match block.ident.as_str() {
            "data" => label().is_some_and(|label| PROGRAMS.contains(&label)),
            "provisioner" => label() == Some("local-exec"),
            _ => false,
        };
        self.open |= runs;
        visit_block(self, block);
    }

    fn visit_literal(&mut self, text: &Spanned<String>) {
        self.text(text);
    }

    fn visit_expr(&mut self, expr: &Expression) {
        match expr {
            // From the directory of a module a path is known; from elsewhere it is a guess.
            Expression::String(text) => self.text(text),
            Expression::StringTemplate(template) => match path_use(expr) {
                Some(used) if used.base != Base::Either => return self.known(template),
                _ => {}
            },
            Expression::HeredocTemplate(heredoc) => {
                for element in &heredoc.template {
                    if let Element::Literal(text) = element {
                        self.open |= text.contains("../");
                    }
                }
            }
            // It names the directories above, so that a part of it leads there.
            Expression::Traversal(_) => {
                self.open |= path_of(expr).is_some_and(|name| name == "cwd");
            }
            _ => {}
        }
        visit_expr(self, expr);
    }

    fn visit_func_call(&mut self, call: &FuncCall) {
        let name = call.name.name.as_str();
        let mut arguments = call.args.iter();
        if FILE_FUNCTIONS.contains(&name) {
            // What is put into a path may come from anywhere and hold anything.
            self.open |= !arguments.next().is_some_and(is_constant);
            self.open |= name == "fileset" && !arguments.next().is_some_and(is_constant);
        } else if !HARMLESS.contains(&name) {
            self.open |= arguments.any(|argument| path_of(argument).is_some());
        }
        self.open |= PATH_FUNCTIONS.contains(&name) || TEMPLATES.contains(&name);
        visit_func_call(self, call);
    }
}

/// The name behind `path.`.
fn path_of(expr: &Expression) -> Option<&str> {
    let Expression::Traversal(traversal) = expr else {
        return None;
    };
    let of_path = traversal.expr.as_variable()?.as_str() == "path";
    match traversal.operators.first()?.value() {
        TraversalOperator::GetAttr(name) => of_path.then_some(name.as_str()),
        _ => of_path.then_some(""),
    }
}

/// Whether a path is a text, perhaps behind a directory that is known.
fn is_constant(expr: &Expression) -> bool {
    match expr {
        Expression::String(_) => true,
        Expression::Parenthesis(inner) => is_constant(inner.inner()),
        Expression::StringTemplate(template) => {
            let mut elements = template.iter();
            let begins = match elements.next() {
                Some(Element::Interpolation(inner)) => {
                    path_of(&inner.expr).is_some_and(|name| matches!(name, "module" | "root"))
                }
                Some(Element::Literal(_)) | None => true,
                Some(Element::Directive(_)) => false,
            };
            begins && elements.all(|element| matches!(element, Element::Literal(_)))
        }
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn closed(text: &str) -> bool {
        is_closed(&hcl_edit::parser::parse_body(text).unwrap())
    }

    #[test]
    fn what_names_all_that_it_reads_is_closed() {
        for text in [
            "module \"a\" {\n  source = \"../../modules/a\"\n}\n",
            "x = file(\"${path.module}/../shared/a.json\")\n",
            "x = \"${path.module}/a/${var.name}.zip\"\n",
            "x = fileset(\"${path.module}/../shared\", \"*.json\")\n",
            "x = basename(path.module)\n",
            "x = file(\"a.json\")\n",
            "x = \"see ../x for more\"\n",
        ] {
            assert!(closed(text), "{text}");
        }
    }

    #[test]
    fn what_may_read_something_else_is_open() {
        for text in [
            "x = file(var.path)\n",
            "x = file(\"${var.dir}/a.json\")\n",
            "x = fileset(local.dir, \"*.json\")\n",
            "module \"a\" {\n  source = \"./a\"\n  files = \"../shared\"\n}\n",
            "x = \"${local.root}/../shared/a.json\"\n",
            "x = file(\"${path.module}/${var.a}/../b\")\n",
            "x = \"${dirname(path.module)}/shared\"\n",
            "data \"external\" \"a\" {\n  program = [\"./a.sh\"]\n}\n",
            "resource \"null_resource\" \"a\" {\n  provisioner \"local-exec\" {\n    command = \"./a.sh\"\n  }\n}\n",
            "x = <<-EOT\n  ../shared/a.json\nEOT\n",
            "variable \"a\" {\n  default = \"../shared\"\n}\n",
            "x = fileset(\"${path.module}\", \"../our files/*.json\")\n",
            "x = fileset(\"${path.module}/a\", var.pattern)\n",
            "x = fileexists(\"${path.module}/a/${each.value}\")\n",
            "x = templatefile(\"${path.module}/a/${var.name}.tpl\", {})\n",
            "x = templatefile(\"${path.module}/a.tpl\", {})\n",
            "x = \"${path.module}/..${var.a}\"\n",
            "x = \"${path.root}/${path.module}/../shared\"\n",
            "x = \"${path.module}/%{ if var.a }../shared%{ endif }/a.json\"\n",
            "x = split(\"/stacks/\", path.cwd)[0]\n",
            "x = split(\"/stacks/\", abspath(\"${path.root}\"))[0]\n",
            "x = \"${path.cwd}/a.json\"\n",
            "x = replace(path.module, \"modules/a\", \"shared\")\n",
            "data \"local_command\" \"a\" {\n  command = \"./a.sh\"\n}\n",
            "module \"a\" {\n  source = \"acme/a/aws\"\n}\n",
            "module \"a\" {\n  source = \"git::https://git.example.com/a.git\"\n}\n",
            "module \"a\" {\n  source = \"../${var.a}\"\n}\n",
        ] {
            assert!(!closed(text), "{text}");
        }
    }

    #[test]
    fn values_with_dots_may_lead_anywhere() {
        assert!(values_stay("a = \"b/c.d\""));
        assert!(!values_stay("a = \"../b\""));
    }
}
