//! The values of variables that files beside a root module give.

use std::path::Path;

use super::read::{self, Directory};
use super::states::{Given, attributes, members};
use super::term::{Fuel, Nothing};

/// What the variables of a root module are, as far as its own directory tells: what Terraform loads by
/// itself, and nothing for those that another file there may give another value.
pub(super) fn given(dir: &Path, directory: &Directory) -> Given {
    let mut given = Given::new();
    let mut loaded: Vec<&String> = directory.loaded.iter().collect();
    loaded.sort_by_key(|name| (!name.starts_with("terraform.tfvars"), *name));
    for name in loaded {
        given.extend(file(&dir.join(name)));
    }
    for name in &directory.var_files {
        let named = file(&dir.join(name)).into_keys();
        given.extend(named.map(|name| (name, None)));
    }
    given
}

fn file(path: &Path) -> Given {
    let bytes = read::content(path).unwrap_or_default();
    let text = std::str::from_utf8(read::without_mark(&bytes)).unwrap_or_default();
    let terms = if path.extension().is_some_and(|end| end == "json") {
        let values = serde_json::from_str(text);
        values.map(|values| members(&values)).unwrap_or_default()
    } else {
        let body = read::body(text, "");
        body.map(|body| attributes(&body)).unwrap_or_default()
    };
    let terms = terms.into_iter();
    terms
        .map(|(name, term)| (name, term.value(&Nothing, &Fuel::full())))
        .collect()
}
