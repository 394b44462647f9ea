//! One policy file: which Rego it is written in, and what is in it.

use regorus::Engine;
use regorus::unstable::{Module, Ref};

use super::error::{Complaint, LoadError, Place};

/// The two versions of the language. Version 0 is what OPA and conftest read by default before 1.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    V0,
    V1,
}

/// A policy file that can be parsed.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// As it was named or found.
    pub(super) file: String,
    pub(super) text: String,
    pub(super) dialect: Dialect,
    /// The parts of its package.
    pub(super) package: Vec<String>,
    pub(super) module: Ref<Module>,
}

impl Source {
    /// Parses a file as version 1, else as version 0. If it is neither, the complaint of the parser
    /// that came further is given: that is the version somebody meant. Version 1 stops at the first body of
    /// version 0, for want of an `if`.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, LoadError> {
        let first = match parse(file, text, Dialect::V1) {
            Ok(source) => return Ok(source),
            Err(complaint) => complaint,
        };
        parse(file, text, Dialect::V0).map_err(|second| {
            let at = |complaint: &Complaint| complaint.place.as_ref().map(|p| (p.line, p.column));
            if at(&second) >= at(&first) {
                second.into_error(file)
            } else {
                first.into_error(file)
            }
        })
    }
}

fn parse(file: &str, text: &str, dialect: Dialect) -> Result<Source, Complaint> {
    let mut engine = Engine::new();
    engine.set_rego_v0(dialect == Dialect::V0);
    engine
        .add_policy(file.to_owned(), text.to_owned())
        .map_err(Complaint::of)?;
    let packages = engine
        .get_policy_package_components()
        .map_err(Complaint::of)?;
    let package = packages.into_iter().next().map(|found| found.components);
    let module = engine.get_modules().first().cloned();
    match (package, module) {
        (Some(package), Some(module)) => Ok(Source {
            file: file.to_owned(),
            text: text.to_owned(),
            dialect,
            package,
            module,
        }),
        _ => Err(Complaint::read("the file holds no module")),
    }
}

impl Complaint {
    /// The same as an error of a file.
    pub(super) fn into_error(self, file: &str) -> LoadError {
        LoadError::Policy {
            place: self.place.unwrap_or_else(|| Place {
                file: file.to_owned(),
                line: 1,
                column: 1,
            }),
            message: self.message,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_language_is_told_by_the_file() {
        let dialect = |text| Source::parse("a.rego", text).unwrap().dialect;
        let old = "package main\ndeny[msg] {\n  msg := \"x\"\n}\n";
        let new = "package main\ndeny contains msg if {\n  msg := \"x\"\n}\n";
        assert_eq!(dialect(old), Dialect::V0);
        assert_eq!(dialect(new), Dialect::V1);
        let between = "package main\nimport future.keywords.contains\nimport future.keywords.if\n";
        assert_eq!(
            dialect(&format!("{between}deny contains msg if {{ msg := \"x\" }}")),
            Dialect::V1
        );
    }

    #[test]
    fn an_error_is_that_of_the_version_that_was_meant() {
        let error = |text| Source::parse("a.rego", text).unwrap_err().to_string();
        assert_eq!(
            error("package main\n\ndeny contains msg if {\n  msg := \n}\n"),
            "a.rego:4:7: expecting `}` while parsing set"
        );
        assert_eq!(
            error("package main\n\ndeny[msg] {\n  msg := \n}\n"),
            "a.rego:3:11: expecting }"
        );
    }

    #[test]
    fn the_package_keeps_its_parts() {
        let source = Source::parse("a.rego", "package a.b[\"c.d\"]\nx := 1").unwrap();
        assert_eq!(source.package, ["a", "b", "c.d"]);
    }
}
