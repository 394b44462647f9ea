//! The templates of reports: whatever a value holds, it stays text in them.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior};
use serde::Serialize;

use super::escape::markup;

/// A template of this folder.
#[derive(Debug, Clone, Copy)]
pub(super) enum Template {
    /// The page for people.
    Html,
    /// Test results.
    Junit,
    /// The page about a posture.
    Posture,
    /// The part of a mail about a posture.
    PostureMail,
}

static TEMPLATES: LazyLock<Result<Environment<'static>, String>> =
    LazyLock::new(|| parsed().map_err(|error| error.to_string()));

fn parsed() -> Result<Environment<'static>, Error> {
    let mut templates = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()?;
    templates.set_syntax(syntax);
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_auto_escape_callback(|name| {
        if name.ends_with(".css") {
            AutoEscape::None
        } else {
            AutoEscape::Html
        }
    });
    templates.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if *state.auto_escape() == AutoEscape::Html && !value.is_safe() => {
            out.write_str(&markup(text)).map_err(Error::from)
        }
        _ => minijinja::escape_formatter(out, state, value),
    });
    templates.add_template("report.html", include_str!("templates/report.html"))?;
    templates.add_template("report.css", include_str!("templates/report.css"))?;
    templates.add_template("junit.xml", include_str!("templates/junit.xml"))?;
    templates.add_template("posture.html", include_str!("templates/posture.html"))?;
    templates.add_template("posture.css", include_str!("templates/posture.css"))?;
    templates.add_template(
        "posture_mail.html",
        include_str!("templates/posture_mail.html"),
    )?;
    Ok(templates)
}

/// Fills in a template. Every text has to be without control characters already.
pub(super) fn fill(template: Template, context: &impl Serialize) -> Result<String, Error> {
    let templates = TEMPLATES
        .as_ref()
        .map_err(|error| Error::new(minijinja::ErrorKind::SyntaxError, error.clone()))?;
    let name = match template {
        Template::Html => "report.html",
        Template::Junit => "junit.xml",
        Template::Posture => "posture.html",
        Template::PostureMail => "posture_mail.html",
    };
    templates
        .get_template(name)?
        .render(Value::from(Serde(context)))
}
