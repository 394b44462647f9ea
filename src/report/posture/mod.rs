//! The posture of many stacks over a time: for people (text, Markdown, HTML, mail) and for programs
//! (JSON, CSV).

mod chart;
mod csv;
mod html;
mod mail;
mod markdown;
#[cfg(test)]
mod tests;
mod text;
mod view;
mod words;

pub use mail::{Mail, mail};

use std::str::FromStr;

use serde::Serialize;

use super::{Options, RenderError};
use crate::domain::posture::Posture;

/// The form of a report on a posture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum PostureFormat {
    /// For people at a terminal.
    #[default]
    Text,
    /// For programs: everything, version 1.
    Json,
    /// For chat and wikis; no longer than a comment may be.
    Markdown,
    /// A page that needs nothing else, to keep or to send.
    Html,
    /// For spreadsheets: a row for each open alert, and for each stack without one.
    Csv,
}

impl PostureFormat {
    /// All of them, as they are told.
    const ALL: [Self; 5] = [
        Self::Text,
        Self::Json,
        Self::Markdown,
        Self::Html,
        Self::Csv,
    ];

    /// The word for it in arguments and queries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Csv => "csv",
        }
    }

    /// Its media type in an HTTP answer. Markdown is plain text there: no browser is to guess.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text | Self::Markdown => "text/plain; charset=utf-8",
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }
}

/// A word that names no form of this report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown report format \"{0}\": use text, json, markdown, html or csv")]
pub struct UnknownPostureFormat(String);

impl FromStr for PostureFormat {
    type Err = UnknownPostureFormat;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let mut formats = Self::ALL.into_iter();
        let found = formats.find(|format| format.as_str() == word);
        found.ok_or_else(|| UnknownPostureFormat(word.to_owned()))
    }
}

/// The file from which a kept report can be put into every form.
pub const KEPT: &str = "report.json";

/// How a report looks that nobody in particular reads.
const PLAIN: Options = Options {
    width: 76,
    color: false,
    verbose: false,
    why: false,
};

/// The JSON form.
#[derive(Serialize)]
struct Json<'a> {
    schema_version: u8,
    #[serde(flatten)]
    posture: &'a Posture,
}

/// The forms in which a report is kept, with the names of their files.
pub fn kept(posture: &Posture) -> Result<Vec<(&'static str, String)>, RenderError> {
    let forms = [
        ("report.html", PostureFormat::Html),
        (KEPT, PostureFormat::Json),
        ("report.csv", PostureFormat::Csv),
    ];
    let forms = forms.into_iter();
    forms
        .map(|(name, format)| Ok((name, render(format, posture, &PLAIN)?)))
        .collect()
}

/// The report in any form, with a final line break.
pub fn render(
    format: PostureFormat,
    posture: &Posture,
    options: &Options,
) -> Result<String, RenderError> {
    let form = format.as_str();
    match format {
        PostureFormat::Text => Ok(text::text(posture, options)),
        PostureFormat::Json => {
            let whole = Json {
                schema_version: 1,
                posture,
            };
            let text = serde_json::to_string_pretty(&whole);
            text.map(|text| text + "\n")
                .map_err(|error| RenderError::new(form, error))
        }
        PostureFormat::Markdown => Ok(markdown::markdown(posture)),
        PostureFormat::Html => html::html(posture).map_err(|error| RenderError::new(form, error)),
        PostureFormat::Csv => csv::csv(posture).map_err(|error| RenderError::new(form, error)),
    }
}
