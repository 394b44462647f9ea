//! Where in a tree the blocks stand that declare objects.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::blocks::{self, Declaration, Header};
use super::{facts, on_deep_stack, paths, read};
use crate::domain::ids::{Address, without_keys};
use crate::domain::place::BlockPlace;

/// Finds the block that declares each object, output or check of the stack in `dir`, which is
/// relative to `root`, as is every file in the answer.
///
/// Calls of local modules are followed. What a module from elsewhere declares stands at the
/// outermost call that leads out of the tree. Of an object with overrides its own block counts. What
/// no block declares (any more), or only one outside the tree or in a file that does not parse, is
/// left out.
pub fn places(root: &Path, dir: &str, addresses: &[Address]) -> BTreeMap<Address, BlockPlace> {
    on_deep_stack(root, || {
        let mut tree = Tree {
            root: super::directory(root)?,
            read: HashMap::new(),
        };
        let Some(stack) = tree.directory_inside(&tree.root.join(dir)) else {
            return Ok(BTreeMap::new());
        };
        let found = |address: &Address| Some((address.clone(), tree.place(&stack, address)?));
        Ok(addresses.iter().filter_map(found).collect())
    })
    .unwrap_or_default()
}

/// The names of the modules that an address leads through, and the block in the last of them.
fn parts(address: &Address) -> Option<(Vec<String>, Header)> {
    let bare = without_keys(address.as_str());
    let mut names = bare.split('.').map(str::to_owned).peekable();
    let mut modules = Vec::new();
    while names.next_if(|name| name == "module").is_some() {
        modules.push(names.next()?);
    }
    let names: Vec<String> = names.collect();
    let header = match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [kind @ ("data" | "ephemeral"), object, name] => Header::new([kind, object, name]),
        [kind @ ("output" | "check"), name] => Header::new([kind, name]),
        ["var", name] => Header::new(["variable", name]),
        [object, name] => Header::new(["resource", object, name]),
        _ => return None,
    };
    Some((modules, header))
}

struct Tree {
    root: PathBuf,
    /// By real path.
    read: HashMap<PathBuf, Rc<Blocks>>,
}

/// What one directory declares.
type Blocks = HashMap<Header, Block>;

struct Block {
    place: BlockPlace,
    /// Of a call of a local module: its real directory.
    leads_to: Option<PathBuf>,
}

impl Tree {
    fn place(&mut self, stack: &Path, address: &Address) -> Option<BlockPlace> {
        let (modules, header) = parts(address)?;
        let mut dir = stack.to_owned();
        for module in modules {
            let blocks = self.blocks(&dir);
            let call = blocks.get(&Header::new(["module".to_owned(), module]))?;
            match &call.leads_to {
                Some(next) => dir.clone_from(next),
                None => return Some(call.place.clone()),
            }
        }
        let blocks = self.blocks(&dir);
        blocks.get(&header).map(|block| block.place.clone())
    }

    fn blocks(&mut self, real: &Path) -> Rc<Blocks> {
        if let Some(known) = self.read.get(real) {
            return Rc::clone(known);
        }
        let blocks = Rc::new(self.parse(real));
        self.read.insert(real.to_owned(), Rc::clone(&blocks));
        blocks
    }

    fn parse(&self, real: &Path) -> Blocks {
        let mut found: HashMap<Header, (BlockPlace, Option<String>)> = HashMap::new();
        for name in read::names(real).unwrap_or_default() {
            let changes_others = read::is_override(&name.to_string_lossy());
            let Some((file, declarations)) = self.file(&real.join(&name)) else {
                continue;
            };
            for declared in declarations {
                let (first, last) = declared.lines;
                let file = file.clone();
                match found.entry(declared.header) {
                    Entry::Occupied(mut base) if changes_others => {
                        let source = &mut base.get_mut().1;
                        *source = declared.source.or(source.take());
                    }
                    Entry::Vacant(entry) if !changes_others => {
                        entry.insert((BlockPlace { file, first, last }, declared.source));
                    }
                    _ => {}
                }
            }
        }
        let block = |(place, source): (BlockPlace, Option<String>)| Block {
            place,
            leads_to: source
                .filter(|source| facts::is_local(source))
                .and_then(|source| self.directory_inside(&real.join(source))),
        };
        let blocks = found.into_iter();
        blocks.map(|(header, of)| (header, block(of))).collect()
    }

    /// What a file declares, with its path relative to the root. A link counts for what it leads
    /// to, since that is the file whose lines Git knows.
    fn file(&self, path: &Path) -> Option<(String, Vec<Declaration>)> {
        let syntax = read::syntax(path.file_name()?.to_str()?)?;
        let real = path.canonicalize().ok()?;
        let file = paths::relative(&self.root, &real)?;
        let bytes = read::content(&real).ok()?;
        let text = std::str::from_utf8(read::without_mark(&bytes)).ok()?;
        Some((file, blocks::declarations(text, syntax)))
    }

    fn directory_inside(&self, path: &Path) -> Option<PathBuf> {
        let real = path.canonicalize().ok()?;
        (real.starts_with(&self.root) && real.is_dir()).then_some(real)
    }
}
