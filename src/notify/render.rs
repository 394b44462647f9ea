//! The parts of a mail, from templates: subject, plain text and HTML.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, context};

use crate::domain::finding::Severity;
use crate::domain::notice::{Notice, Reach};
use crate::report::posture;

use super::content::{Brief, Content, is_calm};
use super::line::Line;
use super::section::{Item, Section};
use super::templates::{Part, Templates};
use super::wrap::wrap;

/// Where templates of one's own are kept, so that they can extend the built-in ones by their names.
const OWN: &str = "own/";
/// Instructions that one template may take: some hundred times what the built-in ones need.
const FUEL: u64 = 500_000;
/// Mail programs cut off far less.
const LARGEST: usize = 1024 * 1024;

/// The templates, parsed.
pub(super) struct Renderer {
    templates: Environment<'static>,
    own: Templates,
}

/// A mail.
pub(super) struct Mail {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// What templates can use. It is made from what a message says, so nothing secret is in it.
pub(super) struct Data(Value);

impl Data {
    /// Of a message to a receiver, with the times of a report in this zone.
    pub(super) fn new(content: &Content, notice: &Notice, receiver: &str, zone: &TimeZone) -> Self {
        let sections: Vec<Value> = content.sections.iter().map(section).collect();
        let Tags { kind, event } = Tags::of(notice);
        let report = report(notice, zone);
        Self(context! {
            subject => content.subject.as_str(),
            headline => content.headline.as_str(),
            facts => content.facts.clone(),
            sections => sections,
            severity => content.severity.as_str(),
            colour => colour(content),
            over => content.over,
            brief => brief(&content.brief),
            stack => notice.stack().map(|stack| stack.as_str()).unwrap_or_default(),
            kind => kind,
            event => event,
            receiver => receiver,
            report => report.html,
            report_text => report.text,
        })
    }

    #[cfg(test)]
    pub(super) const fn value(&self) -> &Value {
        &self.0
    }
}

impl Renderer {
    /// Parses the built-in templates and one's own.
    pub(super) fn new(own: Templates) -> Result<Self, Error> {
        let mut templates = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?;
        templates.set_syntax(syntax);
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_fuel(Some(FUEL));
        templates.set_auto_escape_callback(|name| {
            if name.ends_with(".html") {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        templates.add_filter("wrap", wrap);
        for part in Part::ALL {
            templates.add_template(part.file(), part.built_in())?;
        }
        for (part, text) in own.texts() {
            templates.add_template_owned(own_name(part), text.to_owned())?;
        }
        Ok(Self { templates, own })
    }

    /// A mail. A template of one's own that fails is replaced by the built-in one: better another
    /// form than no message.
    pub(super) fn mail(&self, data: &Data) -> Result<Mail, Error> {
        Ok(Mail {
            subject: self.part(Part::Subject, data)?,
            text: self.part(Part::Text, data)?,
            html: self.part(Part::Html, data)?,
        })
    }

    fn part(&self, part: Part, data: &Data) -> Result<String, Error> {
        if let Some(path) = self.own.path(part) {
            match self.own(part, data) {
                Ok(text) => return Ok(text),
                Err(error) => tracing::warn!(
                    template = %path.display(),
                    "the template failed, the built-in one is used: {error:#}"
                ),
            }
        }
        self.render(part.file(), data)
    }

    /// A part by one's own template, which has to say something.
    pub(super) fn own(&self, part: Part, data: &Data) -> Result<String, Error> {
        let text = self.render(&own_name(part), data)?;
        if text.trim().is_empty() {
            return Err(Error::new(ErrorKind::InvalidOperation, "it makes no text"));
        }
        Ok(text)
    }

    fn render(&self, name: &str, data: &Data) -> Result<String, Error> {
        let template = self.templates.get_template(name)?;
        let mut text = Limited(Vec::new());
        template.render_captured_to(data.0.clone(), &mut text)?;
        String::from_utf8(text.0)
            .map_err(|_| Error::new(ErrorKind::InvalidOperation, "it makes no text"))
    }
}

fn own_name(part: Part) -> String {
    format!("{OWN}{}", part.file())
}

/// Text that cannot grow without end.
struct Limited(Vec<u8>);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST {
            return Err(io::Error::other("it makes more text than any mail holds"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a notice is, in stable words, for templates and for filters of mail programs.
pub(super) struct Tags {
    /// What it is about.
    pub(super) kind: &'static str,
    /// What happened.
    pub(super) event: &'static str,
}

impl Tags {
    /// Of a notice.
    pub(super) const fn of(notice: &Notice) -> Self {
        match notice {
            Notice::Alert(alert) => Self {
                kind: alert.kind.as_str(),
                event: alert.event.as_str(),
            },
            Notice::Repaired(_) | Notice::Repairs(_) => Self {
                kind: "repair",
                event: "made",
            },
            Notice::Group(group) => Self {
                kind: group.kind.as_str(),
                event: group.event.as_str(),
            },
            Notice::Request(request) => Self {
                kind: "request",
                event: request.news.as_str(),
            },
            Notice::Summary(_) => Self {
                kind: "summary",
                event: "made",
            },
            Notice::Report(_) => Self {
                kind: "report",
                event: "made",
            },
            Notice::Digest(_) => Self {
                kind: "digest",
                event: "made",
            },
            Notice::Undelivered(lost) => Self {
                kind: "undelivered",
                event: match lost.news {
                    Reach::GivenUp => "made",
                    Reach::Down(_) => "opened",
                    Reach::Back(_) => "resolved",
                },
            },
        }
    }
}

/// The colour of good news, or of a severity; white text can be read on each.
pub(super) const fn colour(content: &Content) -> &'static str {
    if content.over {
        return "#15803d";
    }
    match content.severity {
        Severity::Critical => "#b3261e",
        Severity::High => "#c2410c",
        Severity::Medium => "#a16207",
        Severity::Low | Severity::Info => "#475569",
    }
}

/// A report in full; nothing of other notices, and of a report with nothing to say.
fn report(notice: &Notice, zone: &TimeZone) -> posture::Mail {
    let made = match notice {
        Notice::Report(report) if !is_calm(report) => posture::mail(&report.posture, zone),
        _ => Ok(posture::Mail::default()),
    };
    // The sections say the same in short.
    made.unwrap_or_else(|error| {
        tracing::warn!("the report goes out in short: {error}");
        posture::Mail::default()
    })
}

fn brief(brief: &Brief) -> Value {
    let facts = brief.facts.iter();
    let facts = facts.map(|fact| context! { label => fact.label, text => fact.text.as_str() });
    context! {
        badge => brief.badge.as_str(),
        place => brief.place.as_str(),
        state => brief.state.as_str(),
        facts => facts.collect::<Vec<Value>>(),
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
        lines => item.lines.iter().map(line).collect::<Vec<Value>>(),
    }
}

fn line(line: &Line) -> Value {
    let (path, sides) = match line.difference() {
        Some(difference) => (difference.path.as_str(), difference.sides.as_slice()),
        None => ("", [].as_slice()),
    };
    let sides = sides.iter().map(|side| {
        context! {
            mark => side.mark.as_str(),
            sign => side.mark.sign(),
            label => side.label,
            value => side.value.as_str(),
        }
    });
    let spot = line.spot();
    let link = spot.and_then(|spot| spot.link.as_deref());
    context! {
        text => &**line,
        path => path,
        sides => sides.collect::<Vec<Value>>(),
        place => spot.map_or("", |spot| spot.place.as_str()),
        link => link.unwrap_or_default(),
        rest => spot.map_or("", |spot| spot.rest.as_str()),
    }
}
