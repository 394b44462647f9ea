//! Templates of one's own: files that stand in for the built-in ones, proven when they are read.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::content::content;
use super::render::{Data, Renderer};
use super::specimens::Specimen;
use super::words::{clean, cut};

/// A template is text written by people; anything larger is another file.
const LARGEST: u64 = 256 * 1024;

/// A part of a mail that a template makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The subject.
    Subject,
    /// The plain text.
    Text,
    /// The HTML.
    Html,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::Subject, Self::Text, Self::Html];

    /// The file that holds its template.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Subject => "subject.txt",
            Self::Text => "mail.txt",
            Self::Html => "mail.html",
        }
    }

    /// The built-in template.
    pub const fn built_in(self) -> &'static str {
        match self {
            Self::Subject => include_str!("templates/subject.txt"),
            Self::Text => include_str!("templates/mail.txt"),
            Self::Html => include_str!("templates/mail.html"),
        }
    }
}

/// What a template can use, and how templates are overridden, for people.
pub const ABOUT: &str = include_str!("templates/about.md");

/// Templates that stand in for built-in ones, as they were when the configuration was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Templates(BTreeMap<Part, Own>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Own {
    path: PathBuf,
    text: String,
}

/// A directory of templates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A file or directory cannot be read.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A file that stands in for nothing.
    #[error("{path} stands in for no template")]
    Unknown {
        /// The file.
        path: PathBuf,
    },
    /// There is no template in the directory.
    #[error("there is no template in {path}")]
    Nothing {
        /// The directory.
        path: PathBuf,
    },
    /// A template that is larger than any template is.
    #[error("{path} is larger than {} KiB", LARGEST / 1024)]
    Large {
        /// The file.
        path: PathBuf,
    },
    /// A template that cannot be parsed, or not be rendered with each kind of message.
    #[error("{}:{line}: {cause}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Its line.
        line: usize,
        /// What is wrong there.
        cause: String,
    },
}

impl TemplateError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Unreadable { .. } => {
                "name a directory that exists and that this user may read".to_owned()
            }
            Self::Unknown { .. } | Self::Nothing { .. } => {
                let files = Part::ALL.map(Part::file).join(", ");
                format!("the files are called {files}; any of them may be left out")
            }
            Self::Large { .. } => "check that this is the template".to_owned(),
            Self::Broken { .. } => {
                "`mooring config templates` tells what a template can use".to_owned()
            }
        }
    }
}

impl Templates {
    /// Reads a directory of templates and renders each with every kind of message.
    ///
    /// # Errors
    /// If the directory or a file in it cannot be read or stands in for nothing, or with the first
    /// thing that is wrong in each template.
    pub fn read(directory: &Path) -> Result<Self, Vec<TemplateError>> {
        let names = names(directory).map_err(|error| vec![error])?;
        let mut own = BTreeMap::new();
        let mut errors = Vec::new();
        for name in names {
            let path = directory.join(&name);
            let part = Part::ALL.into_iter().find(|part| part.file() == name);
            match part.map(|part| Ok((part, text(&path)?))) {
                Some(Ok((part, text))) => {
                    own.insert(part, Own { path, text });
                }
                Some(Err(error)) => errors.push(error),
                None => errors.push(TemplateError::Unknown { path }),
            }
        }
        if own.is_empty() && errors.is_empty() {
            errors.push(TemplateError::Nothing {
                path: directory.to_owned(),
            });
        }
        let templates = Self(own);
        errors.extend(templates.faults());
        if errors.is_empty() {
            Ok(templates)
        } else {
            Err(errors)
        }
    }

    /// Each part that has a template here, with its text.
    pub(super) fn texts(&self) -> impl Iterator<Item = (Part, &str)> {
        self.0.iter().map(|(part, own)| (*part, own.text.as_str()))
    }

    /// Where the template of a part stands, if there is one.
    pub(super) fn path(&self, part: Part) -> Option<&Path> {
        self.0.get(&part).map(|own| own.path.as_path())
    }

    fn faults(&self) -> Vec<TemplateError> {
        let parts = self.0.iter();
        let faults = parts.filter_map(|(part, own)| Some((own, fault(*part, own)?)));
        faults.map(|(own, error)| own.broken(&error)).collect()
    }
}

impl Own {
    fn broken(&self, error: &minijinja::Error) -> TemplateError {
        let line = error.line().unwrap_or(1);
        let mut cause = error.kind().to_string();
        if let Some(detail) = error.detail() {
            cause.push_str(&format!(": {detail}"));
        }
        let code = self.text.lines().nth(line.saturating_sub(1));
        let code = code.map(str::trim).filter(|code| !code.is_empty());
        if let Some(code) = code {
            cause.push_str(&format!(" in `{}`", cut(code, 100)));
        }
        TemplateError::Broken {
            path: self.path.clone(),
            line,
            cause: clean(&cause),
        }
    }
}

/// What is wrong with one template, taken alone so that each error is about its own file.
fn fault(part: Part, own: &Own) -> Option<minijinja::Error> {
    let alone = Templates(BTreeMap::from([(part, own.clone())]));
    let renderer = match Renderer::new(alone) {
        Ok(renderer) => renderer,
        Err(error) => return Some(error),
    };
    let words = Specimen::ALL.map(|specimen| content(&specimen.notice()));
    let mut samples = words.iter().zip(Specimen::ALL);
    samples.find_map(|(words, specimen)| {
        let notice = specimen.notice();
        let data = Data::new(words, &notice, "team", &TimeZone::UTC);
        renderer.own(part, &data).err()
    })
}

/// The names of the files, without hidden ones and what editors leave behind.
fn names(directory: &Path) -> Result<Vec<String>, TemplateError> {
    let unreadable = |cause| TemplateError::Unreadable {
        path: directory.to_owned(),
        cause,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !name.ends_with('~') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn text(path: &Path) -> Result<String, TemplateError> {
    let unreadable = |cause| TemplateError::Unreadable {
        path: path.to_owned(),
        cause,
    };
    if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
        return Err(TemplateError::Large {
            path: path.to_owned(),
        });
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
