//! Whether a configuration can read anything in the tree that its text does not name.

use std::path::Path;

use hcl_edit::expr::{Expression, FuncCall};
use hcl_edit::structure::{Block, Body};
use hcl_edit::template::{Element, StringTemplate};
use hcl_edit::visit::{Visit, visit_block, visit_expr, visit_func_call};

use super::facts::Base;
use super::hcl::{FILE_FUNCTIONS, path_use};
use super::paths;

/// Functions that make one path of another.
const PATH_FUNCTIONS: [&str; 2] = ["dirname", "pathexpand"];

/// Whether all that a file can read is what [`super::hcl::facts`] says it does.
pub(super) fn is_closed(body: &Body) -> bool {
    let mut reach = Reach { open: false };
    for structure in body {
        match structure.as_block() {
            Some(block) if block.has_ident("module") => {
                let inner = block.body.iter().filter(|inner| {
                    // A local source is a call, and any other is fetched.
                    inner
                        .as_attribute()
                        .is_none_or(|attribute| !attribute.has_key("source"))
                });
                inner.for_each(|inner| reach.visit_structure(inner));
            }
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
        self.open |= paths::leads_out(text);
    }

    fn template(&mut self, template: &StringTemplate) {
        for element in template {
            if let Element::Literal(text) = element {
                self.text(text);
            }
        }
    }
}

impl Visit for Reach {
    fn visit_block(&mut self, block: &Block) {
        let label = || block.labels.first().map(|label| label.as_str());
        let runs = match block.ident.as_str() {
            // What a program reads is its own affair.
            "data" => label() == Some("external"),
            "provisioner" => label() == Some("local-exec"),
            _ => false,
        };
        self.open |= runs;
        visit_block(self, block);
    }

    fn visit_expr(&mut self, expr: &Expression) {
        match expr {
            // From the directory of a module a path is known; from elsewhere it is a guess.
            Expression::String(text) => self.text(text),
            Expression::StringTemplate(template) => match path_use(expr) {
                Some(used) if used.base != Base::Either => {
                    // What follows an unknown part is not part of the path that is known.
                    let beyond = template.iter().skip_while(|e| !is_unknown(e)).skip(1);
                    let literals = beyond.filter(|e| matches!(e, Element::Literal(_)));
                    literals.for_each(|element| {
                        if let Element::Literal(text) = element {
                            self.text(text);
                        }
                    });
                }
                _ => self.template(template),
            },
            Expression::HeredocTemplate(heredoc) => {
                for element in &heredoc.template {
                    if let Element::Literal(text) = element {
                        self.open |= text.contains("../");
                    }
                }
            }
            _ => {}
        }
        visit_expr(self, expr);
    }

    fn visit_func_call(&mut self, call: &FuncCall) {
        let name = call.name.name.as_str();
        let first = call.args.iter().next();
        if FILE_FUNCTIONS.contains(&name) {
            self.open |= first.and_then(path_use).is_none();
        }
        self.open |= PATH_FUNCTIONS.contains(&name);
        visit_func_call(self, call);
    }
}

fn is_unknown(element: &Element) -> bool {
    match element {
        Element::Literal(_) => false,
        Element::Interpolation(inner) => {
            let text = inner.expr.to_string();
            !matches!(text.trim(), "path.module" | "path.root" | "path.cwd")
        }
        Element::Directive(_) => true,
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
            "x = templatefile(\"${path.module}/a/${var.name}.tpl\", {})\n",
            "x = file(\"a.json\")\n",
            "x = \"see ../x for more\"\n",
            "x = abspath(\"${path.root}/out\")\n",
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
