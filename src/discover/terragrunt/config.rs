//! What one configuration file of Terragrunt says.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use hcl_edit::expr::{Expression, FuncCall};
use hcl_edit::structure::{Block, Body};
use hcl_edit::visit::{Visit, visit_expr, visit_func_call};

use super::super::hcl::FILE_FUNCTIONS;
use super::super::states::attributes;
use super::super::term::Term;
use super::super::{paths, read};

/// What a unit may say that has no part in what Terraform is told.
const ABOUT_ORDER: [&str; 10] = [
    "dependencies",
    "dependency",
    "errors",
    "exclude",
    "locals",
    "prevent_destroy",
    "retryable_errors",
    "skip",
    "terraform_version_constraint",
    "terragrunt_version_constraint",
];

/// Functions of Terragrunt whose first argument is a file, beside those of Terraform.
const READERS: [&str; 4] = [
    "mark_as_read",
    "read_terragrunt_config",
    "read_tfvars_file",
    "sops_decrypt_file",
];

/// Something that a configuration reads.
#[derive(Debug)]
pub(super) enum Used {
    /// Another configuration, whose own reads count too.
    Config(Term),
    /// A file, relative to the configuration.
    File(Term),
    /// What a path is made of, relative to the unit.
    Path(Term),
}

/// A file.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// Its directory.
    pub(super) dir: PathBuf,
    /// Whether it has a `terraform` block.
    pub(super) has_terraform: bool,
    pub(super) source: Option<Term>,
    /// Each with its label, which may be none.
    pub(super) includes: Vec<(Option<String>, Term)>,
    /// Where what it depends on is: texts, and lists of them.
    pub(super) dependencies: Vec<Term>,
    pub(super) locals: HashMap<String, Term>,
    pub(super) used: Vec<Used>,
    /// Whether Terraform is told nothing by it.
    pub(super) is_silent: bool,
    /// The units and stacks that are generated from it.
    pub(super) generated: Vec<Generated>,
}

/// A `unit` or `stack` block.
#[derive(Debug)]
pub(super) struct Generated {
    pub(super) is_stack: bool,
    pub(super) source: Term,
    pub(super) path: Term,
    pub(super) values: BTreeMap<String, Term>,
    /// Whether it is generated beside the file instead of into a directory of Terragrunt's.
    pub(super) is_beside: bool,
}

impl Config {
    /// A file; none if it cannot be read, is written as JSON or does not parse.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let bytes = read::content(path).ok()?;
        let text = std::str::from_utf8(read::without_mark(&bytes)).ok()?;
        if path.extension().is_some_and(|end| end == "json") {
            return None;
        }
        Some(Self::of(&read::body(text, "").ok()?, path.parent()?))
    }

    fn of(body: &Body, dir: &Path) -> Self {
        let mut config = Self {
            dir: dir.to_owned(),
            is_silent: body.iter().all(|structure| {
                let attribute = structure.as_attribute().map(|a| a.key.as_str());
                let name = attribute.or(structure.as_block().map(|b| b.ident.as_str()));
                name.is_some_and(|name| ABOUT_ORDER.contains(&name))
            }),
            ..Self::default()
        };
        for block in body.blocks() {
            config.block(block);
        }
        config.visit_body(body);
        config
    }

    fn block(&mut self, block: &Block) {
        let term = |name: &str| block.body.get_attribute(name).map(|a| Term::of(&a.value));
        let label = block.labels.first().map(|label| label.as_str().to_owned());
        match block.ident.as_str() {
            "terraform" => {
                self.has_terraform = true;
                self.source = term("source");
            }
            "include" => self.includes.extend(term("path").map(|path| (label, path))),
            "dependency" => {
                let is_off = term("enabled") == Some(Term::Text("false".to_owned()));
                self.dependencies
                    .extend(term("config_path").filter(|_| !is_off));
            }
            "dependencies" => self.dependencies.extend(term("paths")),
            "locals" => self.locals.extend(attributes(&block.body)),
            kind @ ("unit" | "stack") => {
                let values = match term("values") {
                    Some(Term::Object(values)) => values,
                    _ => BTreeMap::new(),
                };
                if let (Some(source), Some(path)) = (term("source"), term("path")) {
                    self.generated.push(Generated {
                        is_stack: kind == "stack",
                        source,
                        path,
                        values,
                        is_beside: term("no_dot_terragrunt_stack")
                            == Some(Term::Text("true".to_owned())),
                    });
                }
            }
            _ => {}
        }
    }
}

impl Visit for Config {
    fn visit_expr(&mut self, expr: &Expression) {
        let may_lead_out = match expr {
            Expression::String(text) => paths::leads_out(text),
            Expression::StringTemplate(_) => true,
            _ => false,
        };
        if may_lead_out {
            self.used.push(Used::Path(Term::of(expr)));
        }
        visit_expr(self, expr);
    }

    fn visit_func_call(&mut self, call: &FuncCall) {
        let name = call.name.name.as_str();
        let first = call.args.iter().next().map(Term::of);
        match (name, first) {
            ("find_in_parent_folders", _) => {
                let found = call.args.iter().map(Term::of).collect();
                self.used
                    .push(Used::Path(Term::Call(name.to_owned(), found)));
            }
            ("read_terragrunt_config", Some(path)) => self.used.push(Used::Config(path)),
            (_, Some(path)) if READERS.contains(&name) || FILE_FUNCTIONS.contains(&name) => {
                self.used.push(Used::File(path));
            }
            _ => {}
        }
        visit_func_call(self, call);
    }
}
