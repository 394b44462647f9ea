//! Where a configuration keeps its state, and whose states it reads: what others have to be applied
//! before it, as far as both are written out.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use hcl_edit::structure::{Block, Body};
use serde_json::{Map, Value};

use super::paths;
use super::term::{Fuel, Literal, Nothing, Scope, Term, given};

/// Where a local state is if nobody says.
const LOCAL_STATE: &str = "terraform.tfstate";
/// The workspace that everybody has.
const DEFAULT_WORKSPACE: &str = "default";

/// A `backend` block.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Backend {
    pub(super) kind: String,
    settings: BTreeMap<String, Term>,
}

/// A data source `terraform_remote_state`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Remote {
    kind: Term,
    workspace: Option<Term>,
    config: Term,
}

/// A call of a local module, with what it is given.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) source: String,
    arguments: BTreeMap<String, Term>,
}

/// Which state it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Identity(Vec<String>);

/// A state that a configuration has or reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    identity: Identity,
    /// Where backends of its kind keep other workspaces than the default one.
    prefix: Option<String>,
    /// The workspace that is read, if it is known; the default one for whoever has it.
    workspace: Option<String>,
}

impl Backend {
    pub(super) fn of(block: &Block) -> Self {
        let kind = block.labels.first();
        Self {
            kind: kind.map_or_else(String::new, |label| label.as_str().to_owned()),
            settings: attributes(&block.body),
        }
    }

    pub(super) fn of_json(kind: &str, settings: Option<&Map<String, Value>>) -> Self {
        Self {
            kind: kind.to_owned(),
            settings: settings.map(members).unwrap_or_default(),
        }
    }

    /// The state, if the block says by itself which it is. `dir` is the directory that it is in.
    pub(super) fn state(&self, dir: &Path) -> Option<State> {
        let settings = self.settings.iter();
        let known = settings.map(|(name, term)| (name.clone(), known(term, &Nothing)));
        state(&self.kind, &known.collect(), dir)
    }
}

/// The state of a configuration without a backend.
pub(super) fn implicit(dir: &Path) -> Option<State> {
    state("local", &Settings::new(), dir)
}

impl Remote {
    pub(super) fn of(body: &Body) -> Option<Self> {
        Self::from(&attributes(body))
    }

    pub(super) fn of_json(settings: &Map<String, Value>) -> Option<Self> {
        Self::from(&members(settings))
    }

    fn from(settings: &BTreeMap<String, Term>) -> Option<Self> {
        Some(Self {
            kind: settings.get("backend")?.clone(),
            workspace: settings.get("workspace").cloned(),
            config: settings
                .get("config")
                .cloned()
                .unwrap_or(Term::Object(BTreeMap::new())),
        })
    }

    /// The state that it reads, if that is known.
    pub(super) fn state(&self, module: &Module<'_>) -> Option<State> {
        let kind = self.kind.text(module)?;
        let settings = module.settings(&self.config, &Fuel::full())?;
        let state = state(&kind, &settings, module.stack)?;
        let workspace = match &self.workspace {
            Some(workspace) => workspace.text(module),
            None => Some(DEFAULT_WORKSPACE.to_owned()),
        };
        Some(State { workspace, ..state })
    }
}

impl Call {
    pub(super) fn of(source: &str, body: &Body) -> Self {
        Self {
            source: source.to_owned(),
            arguments: attributes(body),
        }
    }

    pub(super) fn of_json(source: &str, settings: &Map<String, Value>) -> Self {
        Self {
            source: source.to_owned(),
            arguments: members(settings),
        }
    }

    /// What the module is given, each value that is known.
    pub(super) fn arguments(&self, module: &Module<'_>) -> Given {
        given(&self.arguments, module).collect()
    }
}

/// Values of variables; `None` is one that is not known.
pub(super) type Given = HashMap<String, Option<Literal>>;

type Settings = BTreeMap<String, Option<Literal>>;

/// A module where it is called.
pub(super) struct Module<'a> {
    pub(super) locals: &'a HashMap<String, Term>,
    /// What variables are if nobody says.
    pub(super) defaults: &'a HashMap<String, Term>,
    pub(super) given: &'a Given,
    /// Its directory.
    pub(super) dir: &'a Path,
    /// That of the root module.
    pub(super) stack: &'a Path,
}

impl Module<'_> {
    /// The members of an object that is written, called by a name or put together of such ones: some
    /// of them may be known where others are not.
    fn settings(&self, term: &Term, fuel: &Fuel) -> Option<Settings> {
        fuel.inside(|| match term {
            Term::Object(members) => {
                let members = members.iter();
                let known = members.map(|(name, term)| (name.clone(), term.value(self, fuel)));
                Some(known.collect())
            }
            Term::Call(function, parts) if function == "merge" => {
                let parts = parts.iter().map(|part| self.settings(part, fuel));
                let parts: Option<Vec<Settings>> = parts.collect();
                parts.map(|parts| parts.into_iter().flatten().collect())
            }
            Term::Name(path) => match path.as_slice() {
                [kind, name] if kind == "local" => self.settings(self.locals.get(name)?, fuel),
                _ => members_of(self.name(path, fuel)?),
            },
            _ => members_of(term.value(self, fuel)?),
        })
    }
}

fn members_of(value: Literal) -> Option<Settings> {
    let Literal::Object(members) = value else {
        return None;
    };
    let members = members.into_iter();
    Some(members.map(|(name, value)| (name, Some(value))).collect())
}

impl Scope for Module<'_> {
    fn name(&self, path: &[String], fuel: &Fuel) -> Option<Literal> {
        let [kind, name, rest @ ..] = path else {
            return None;
        };
        match (kind.as_str(), name.as_str()) {
            ("local", _) => self.locals.get(name)?.value_within(rest, self, fuel),
            ("var", _) => match self.given.get(name) {
                Some(given) => given.as_ref()?.copy_within(rest, fuel),
                None => self.defaults.get(name)?.value_within(rest, self, fuel),
            },
            ("path", "module") => text_of(self.dir),
            ("path", "root" | "cwd") => text_of(self.stack),
            _ => None,
        }
    }

    fn call(&self, _: &str, _: &[Term], _: &Fuel) -> Option<Literal> {
        None
    }
}

fn text_of(path: &Path) -> Option<Literal> {
    path.to_str().map(|path| Literal::Text(path.to_owned()))
}

fn known(term: &Term, scope: &dyn Scope) -> Option<Literal> {
    term.value(scope, &Fuel::full())
}

/// The attributes of a block.
pub(super) fn attributes(body: &Body) -> BTreeMap<String, Term> {
    let attributes = body.attributes();
    attributes
        .map(|attribute| {
            (
                attribute.key.as_str().to_owned(),
                Term::of(&attribute.value),
            )
        })
        .collect()
}

pub(super) fn members(settings: &Map<String, Value>) -> BTreeMap<String, Term> {
    let settings = settings.iter();
    settings
        .map(|(name, value)| (name.clone(), Term::of_json(value)))
        .collect()
}

/// Which state a backend with such settings has; none if anything that decides is missing, since it
/// is given at init then, or not known.
fn state(kind: &str, settings: &Settings, dir: &Path) -> Option<State> {
    let needed = |name: &str| match settings.get(name)? {
        Some(Literal::Text(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    let optional = |name: &str, default: &str| match settings.get(name) {
        None => Some(default.to_owned()),
        Some(Some(Literal::Text(text))) => Some(text.clone()),
        Some(_) => None,
    };
    let mut prefix = None;
    let parts = match kind {
        "s3" => {
            prefix = Some(optional("workspace_key_prefix", "env:")?);
            vec![needed("bucket")?, needed("key")?, endpoint(settings)?]
        }
        "gcs" => {
            let inside = optional("prefix", "")?;
            vec![needed("bucket")?, inside.trim_matches('/').to_owned()]
        }
        "azurerm" => vec![
            needed("storage_account_name")?,
            needed("container_name")?,
            needed("key")?,
        ],
        "oss" => vec![
            needed("bucket")?,
            optional("prefix", "env:")?,
            optional("key", LOCAL_STATE)?,
        ],
        "cos" => vec![
            needed("bucket")?,
            optional("prefix", "")?,
            optional("key", LOCAL_STATE)?,
        ],
        "http" => vec![needed("address")?],
        "consul" => vec![optional("address", "")?, needed("path")?],
        "kubernetes" => vec![
            needed("secret_suffix")?,
            optional("namespace", DEFAULT_WORKSPACE)?,
        ],
        "local" => {
            let path = dir.join(optional("path", LOCAL_STATE)?);
            vec![paths::normal(&path).to_str()?.to_owned()]
        }
        _ => return None,
    };
    let identity = std::iter::once(kind.to_owned()).chain(parts).collect();
    Some(State {
        identity: Identity(identity),
        prefix,
        workspace: Some(DEFAULT_WORKSPACE.to_owned()),
    })
}

/// The S3 that a bucket is in: names of buckets are known to one only.
fn endpoint(settings: &Settings) -> Option<String> {
    match (settings.get("endpoint"), settings.get("endpoints")) {
        (None, None) => Some(String::new()),
        (Some(Some(Literal::Text(endpoint))), None) => Some(endpoint.clone()),
        (None, Some(Some(Literal::Object(all)))) => match all.get("s3") {
            None => Some(String::new()),
            Some(endpoint) => endpoint.text().map(str::to_owned),
        },
        _ => None,
    }
}

/// Who has which state.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<Identity, Vec<(PathBuf, State)>>);

impl Index {
    /// The stack in a directory has this state.
    pub(super) fn add(&mut self, dir: &Path, state: State) {
        let of = self.0.entry(state.identity.clone()).or_default();
        of.push((dir.to_owned(), state));
    }

    /// The directories whose state it is that is read.
    pub(super) fn of<'a>(&'a self, read: &State) -> Vec<&'a Path> {
        let same = |owner: &State| match read.workspace.as_deref() {
            Some(DEFAULT_WORKSPACE) => true,
            _ => owner.prefix == read.prefix,
        };
        let found = self.having(&read.identity, same);
        if !found.is_empty() {
            return found;
        }
        // The object of another workspace, called by its full name: `PREFIX/WORKSPACE/KEY`.
        let [kind, bucket, key, endpoint] = read.identity.0.as_slice() else {
            return found;
        };
        let slashes: Vec<usize> = key.match_indices('/').map(|(at, _)| at).collect();
        let pairs = slashes.iter().zip(slashes.iter().skip(1));
        pairs
            .filter_map(|(before, after)| Some((key.get(..*before)?, key.get(after + 1..)?)))
            .flat_map(|(prefix, rest)| {
                let parts = [kind.as_str(), bucket.as_str(), rest, endpoint.as_str()];
                let identity = Identity(parts.map(str::to_owned).to_vec());
                let below = |owner: &State| owner.prefix.as_deref() == Some(prefix);
                self.having(&identity, below)
            })
            .collect()
    }

    fn having(&self, identity: &Identity, like: impl Fn(&State) -> bool) -> Vec<&Path> {
        let owners = self.0.get(identity).into_iter().flatten();
        let owners = owners.filter(|(_, state)| like(state));
        owners.map(|(dir, _)| dir.as_path()).collect()
    }
}
