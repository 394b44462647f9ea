//! Reads the configuration in one directory.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use hcl_edit::structure::Body;

use super::facts::Facts;
use super::{Mark, hcl, json, paths, pointers, reach, terragrunt, terramate, text};
use crate::domain::failure::{Failure, FailureKind};

/// No larger file is parsed.
const LARGEST_FILE: u64 = 8 << 20;

/// Deeper nesting of brackets is not parsed.
const DEEPEST_NESTING: usize = 500;

/// What a directory says by itself.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) facts: Facts,
    /// Where the links in it lead, in full.
    pub(super) links: Vec<PathBuf>,
    pub(super) var_files: Vec<String>,
    /// Files with variable values that Terraform loads by itself, in their order.
    pub(super) loaded: Vec<String>,
    /// Whether there is code in it.
    pub(super) has_code: bool,
    /// The configuration of a unit of Terragrunt.
    pub(super) unit_file: Option<String>,
    pub(super) has_stack_file: bool,
    /// Files of Terramate.
    pub(super) terramate: Vec<String>,
}

/// How a configuration is written.
#[derive(Clone, Copy)]
pub(super) enum Syntax {
    Hcl,
    Json,
}

/// Reads a directory by its real path. One that cannot be listed says nothing.
pub(super) fn directory(root: &Path, real: &Path) -> Directory {
    let mut directory = Directory::default();
    let Ok(names) = names(real) else {
        return directory;
    };
    for name in names {
        let path = real.join(&name);
        let name = name.to_string_lossy().into_owned();
        if path.is_symlink()
            && let Ok(target) = path.canonicalize()
        {
            directory.links.push(target);
        }
        if name.ends_with(".tfvars") || name.ends_with(".tfvars.json") {
            directory.facts.open |= !reach::values_in_stay(&path);
        }
        if is_var_file(&name) {
            directory.var_files.push(name);
        } else if is_loaded(&name) {
            directory.loaded.push(name);
        } else if let Some(syntax) = syntax(&name).filter(|_| !path.is_dir()) {
            let shown = paths::relative(root, &path).unwrap_or_else(|| name.clone());
            let facts = file(&path, &shown, syntax);
            directory.has_code = true;
            let names_backend = matches!(facts.mark, Some(Mark::Backend { .. } | Mark::Cloud));
            if is_override(&name) && names_backend {
                directory.facts.mark = None;
                directory.facts.backend = None;
            }
            directory.facts.merge(facts);
        } else if name == terragrunt::UNIT_FILE && path.is_file() {
            directory.unit_file = Some(name);
        } else if name == terragrunt::UNIT_FILE_JSON {
            directory.unit_file.get_or_insert(name);
        } else if name == terragrunt::STACK_FILE {
            directory.has_stack_file = true;
        } else if terramate::is_file(&name) {
            directory.terramate.push(name);
        }
    }
    directory
}

/// The names in a directory. Override files come last, as they do for Terraform: their backend
/// counts.
pub(super) fn names(real: &Path) -> std::io::Result<Vec<OsString>> {
    let entries = fs::read_dir(real)?.filter_map(Result::ok);
    let mut names: Vec<OsString> = entries.map(|entry| entry.file_name()).collect();
    names.sort_by_cached_key(|name| (is_override(&name.to_string_lossy()), name.clone()));
    Ok(names)
}

/// Terraform's own rule, with OpenTofu's endings.
pub(super) fn syntax(name: &str) -> Option<Syntax> {
    let ignored = name.starts_with('.')
        || name.ends_with('~')
        || (name.starts_with('#') && name.ends_with('#'));
    if ignored {
        None
    } else if name.ends_with(".tf") || name.ends_with(".tofu") {
        Some(Syntax::Hcl)
    } else if name.ends_with(".tf.json") || name.ends_with(".tofu.json") {
        Some(Syntax::Json)
    } else {
        None
    }
}

/// Whether a file changes blocks of others.
pub(super) fn is_override(name: &str) -> bool {
    let stem = [".tf", ".tf.json", ".tofu", ".tofu.json"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    stem.is_some_and(|stem| stem == "override" || stem.ends_with("_override"))
}

/// Whether a file holds values of variables that Terraform does not load by itself.
pub(super) fn is_var_file(name: &str) -> bool {
    let Some(stem) = name
        .strip_suffix(".tfvars")
        .or_else(|| name.strip_suffix(".tfvars.json"))
    else {
        return false;
    };
    !stem.starts_with('.') && stem != "terraform" && !stem.ends_with(".auto")
}

fn is_loaded(name: &str) -> bool {
    let values = name.ends_with(".tfvars") || name.ends_with(".tfvars.json");
    values && !name.starts_with('.')
}

fn file(path: &Path, shown: &str, syntax: Syntax) -> Facts {
    let content = content(path).and_then(|bytes| match pointers::is_pointer(&bytes) {
        true => Err("only its pointer of Git LFS is here".to_owned()),
        false => Ok(bytes),
    });
    let bytes = match content {
        Ok(bytes) => bytes,
        Err(cause) => {
            let mut facts = Facts {
                open: true,
                ..Facts::default()
            };
            facts.mark(Mark::Unknown);
            facts.problem = Some(problem(shown, &format!("cannot be read: {cause}")));
            return facts;
        }
    };
    let bytes = without_mark(&bytes);
    let parsed = std::str::from_utf8(bytes)
        .map_err(|_| problem(shown, "is not UTF-8"))
        .and_then(|text| parse(text, shown, syntax));
    parsed.unwrap_or_else(|problem| Facts {
        problem: Some(problem),
        open: true,
        ..text::facts(&String::from_utf8_lossy(bytes))
    })
}

/// The content without a byte order mark.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// What a file holds, unless it is too large or no file.
pub(super) fn content(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(format!("it has more than {} MiB", LARGEST_FILE >> 20));
    }
    Ok(bytes)
}

fn parse(text: &str, shown: &str, syntax: Syntax) -> Result<Facts, Failure> {
    match syntax {
        Syntax::Hcl => {
            let body = body(text, shown)?;
            Ok(Facts {
                open: !reach::is_closed(&body),
                ..hcl::facts(&body)
            })
        }
        Syntax::Json => {
            let value: serde_json::Value = serde_json::from_str(text).map_err(|error| {
                let line = format!("{shown}:{}", error.line());
                problem(&line, &format!("is not JSON: {error}"))
            })?;
            // What is written by programs is rare, and may be anything.
            Ok(Facts {
                open: true,
                ..json::facts(&value)
            })
        }
    }
}

/// Parses HCL. Nested expressions are parsed by recursion: call it where the stack is deep.
pub(super) fn body(text: &str, shown: &str) -> Result<Body, Failure> {
    if nesting(text) > DEEPEST_NESTING {
        return Err(problem(shown, "is nested too deeply"));
    }
    hcl_edit::parser::parse_body(text).map_err(|error| {
        let line = format!("{shown}:{}", error.location().line());
        problem(&line, &format!("does not parse: {}", error.message()))
    })
}

fn problem(place: &str, what: &str) -> Failure {
    Failure::new(
        FailureKind::InvalidConfiguration,
        format!("{place} {what}"),
        "correct the file; `terraform validate` in its directory says more",
    )
}

/// How deep brackets nest, by their number alone.
fn nesting(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
