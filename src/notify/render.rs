//! The two forms of a mail, from templates: plain text and HTML.

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use crate::domain::finding::Severity;

use super::content::{Content, Item, Section};

const TEXT: &str = "mail.txt";
const HTML: &str = "mail.html";

/// The templates, parsed.
pub(super) struct Renderer {
    templates: Environment<'static>,
}

impl Renderer {
    /// Parses the templates.
    pub(super) fn new() -> Result<Self, minijinja::Error> {
        let mut templates = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?;
        templates.set_syntax(syntax);
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_auto_escape_callback(|name| {
            if name.ends_with(".html") {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        templates.add_template(TEXT, include_str!("templates/mail.txt"))?;
        templates.add_template(HTML, include_str!("templates/mail.html"))?;
        Ok(Self { templates })
    }

    /// The plain text.
    pub(super) fn text(&self, content: &Content) -> Result<String, minijinja::Error> {
        self.render(TEXT, content)
    }

    /// The HTML.
    pub(super) fn html(&self, content: &Content) -> Result<String, minijinja::Error> {
        self.render(HTML, content)
    }

    fn render(&self, template: &str, content: &Content) -> Result<String, minijinja::Error> {
        let sections: Vec<Value> = content.sections.iter().map(section).collect();
        self.templates.get_template(template)?.render(context! {
            subject => content.subject.as_str(),
            headline => content.headline.as_str(),
            facts => content.facts.clone(),
            sections => sections,
            colour => colour(content),
        })
    }
}

/// The colour of good news, or of a severity.
pub(super) const fn colour(content: &Content) -> &'static str {
    if content.over {
        return "#2e8b57";
    }
    match content.severity {
        Severity::Critical => "#c62828",
        Severity::High => "#e65100",
        Severity::Medium => "#f9a825",
        Severity::Low | Severity::Info => "#607d8b",
    }
}

fn section(section: &Section) -> Value {
    let items: Vec<Value> = section.items.iter().map(item).collect();
    context! { title => section.title, items => items, more => section.more.clone() }
}

fn item(item: &Item) -> Value {
    context! {
        label => item.label.as_str(),
        text => item.text.as_str(),
        lines => item.lines.clone(),
    }
}
