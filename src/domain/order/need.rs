//! What a stack needs, and which stacks that are.

use std::collections::{BTreeMap, BTreeSet};

use super::super::ids::StackId;
use super::super::pattern::StackPattern;
use super::super::stack::DEFAULT_WORKSPACE;
use super::Place;

/// Something that a stack needs.
#[derive(Debug, Clone, Copy)]
pub enum Need<'a> {
    /// The stacks of a directory of its own source.
    Directory(&'a str),
    /// The stacks whose id, with or without workspace and name, matches.
    Matching(&'a StackPattern),
}

/// A stack with what it needs.
#[derive(Debug)]
pub struct Member<'a> {
    /// Its id.
    pub id: &'a StackId,
    /// Its id without workspace and name.
    pub place: String,
    /// Its source.
    pub source: &'a str,
    /// Its workspace.
    pub workspace: &'a str,
    /// Its name among those of its directory.
    pub name: Option<&'a str>,
    /// What it needs.
    pub needs: Vec<Need<'a>>,
}

impl<'a> Member<'a> {
    /// What tells it from others of its directory; an empty text if nothing does.
    fn marks(&self) -> Vec<&'a str> {
        let workspace = Some(self.workspace).filter(|name| *name != DEFAULT_WORKSPACE);
        let marks: Vec<&str> = self.name.into_iter().chain(workspace).collect();
        match marks.is_empty() {
            true => vec![""],
            false => marks,
        }
    }
}

/// The stacks of a directory that are needed.
#[derive(Debug, Default)]
struct Directory<'a> {
    all: Vec<Place>,
    marked: BTreeMap<&'a str, Vec<Place>>,
}

/// What a need comes to.
#[derive(Debug, Default)]
struct Answer<'a> {
    directories: Vec<Directory<'a>>,
    /// Groups by the marks of whoever needs them.
    groups: BTreeMap<Vec<&'a str>, Option<usize>>,
}

/// Finds the stacks that are needed. Each need is answered once, however many stacks have it.
#[derive(Debug)]
pub(super) struct Index<'a> {
    members: BTreeMap<&'a str, Place>,
    places: BTreeMap<String, Vec<Place>>,
    marks: Vec<Vec<&'a str>>,
    place_of: Vec<String>,
    answers: BTreeMap<(bool, String), Answer<'a>>,
    pub(super) groups: Vec<Vec<Place>>,
}

impl<'a> Index<'a> {
    /// Of members that are sorted by id.
    pub(super) fn of(members: &[Member<'a>]) -> Self {
        let mut places: BTreeMap<String, Vec<Place>> = BTreeMap::new();
        for (at, member) in members.iter().enumerate() {
            places.entry(member.place.clone()).or_default().push(at);
        }
        let ids = members.iter().enumerate();
        Self {
            members: ids.map(|(at, member)| (member.id.as_str(), at)).collect(),
            places,
            marks: members.iter().map(Member::marks).collect(),
            place_of: members.iter().map(|member| member.place.clone()).collect(),
            answers: BTreeMap::new(),
            groups: Vec::new(),
        }
    }

    /// The group of stacks that fill a need of a stack; none if there are none.
    pub(super) fn group(&mut self, need: &Need<'_>, of: &Member<'a>) -> Option<usize> {
        let key = match need {
            Need::Directory(dir) => (false, format!("{}/{dir}", of.source)),
            Need::Matching(pattern) => (true, pattern.as_str().to_owned()),
        };
        if !self.answers.contains_key(&key) {
            let answer = self.answer(need, &key.1);
            self.answers.insert(key.clone(), answer);
        }
        let answer = self.answers.get_mut(&key)?;
        // Where every directory is one stack it does not matter who asks.
        let alone = answer.directories.iter().all(|dir| dir.all.len() == 1);
        let marks = if alone { Vec::new() } else { of.marks() };
        if let Some(known) = answer.groups.get(&marks) {
            return *known;
        }
        let directories = answer.directories.iter();
        let chosen: BTreeSet<Place> = directories.flat_map(|dir| dir.chosen(&marks)).collect();
        let group = (!chosen.is_empty()).then_some(self.groups.len());
        if group.is_some() {
            self.groups.push(chosen.into_iter().collect());
        }
        answer.groups.insert(marks, group);
        group
    }

    fn answer(&self, need: &Need<'_>, text: &str) -> Answer<'a> {
        let found: BTreeSet<Place> = match need {
            Need::Directory(_) => self
                .places
                .get(text)
                .into_iter()
                .flatten()
                .copied()
                .collect(),
            Need::Matching(pattern) => self.matching(pattern, text),
        };
        let mut directories: BTreeMap<&str, Directory<'a>> = BTreeMap::new();
        for at in found {
            let (Some(place), Some(marks)) = (self.place_of.get(at), self.marks.get(at)) else {
                continue;
            };
            let directory = directories.entry(place).or_default();
            directory.all.push(at);
            for mark in marks {
                directory.marked.entry(mark).or_default().push(at);
            }
        }
        Answer {
            directories: directories.into_values().collect(),
            groups: BTreeMap::new(),
        }
    }

    fn matching(&self, pattern: &StackPattern, text: &str) -> BTreeSet<Place> {
        let literal = text.find(['*', '?', '[', '{', '\\']);
        let Some(beginning) = literal.and_then(|end| text.get(..end)) else {
            let place = self.places.get(text).into_iter().flatten();
            return place.chain(self.members.get(text)).copied().collect();
        };
        let near = self.members.range(beginning..);
        let near = near.take_while(|(id, _)| id.starts_with(beginning));
        let fits = |id: &str, at: Place| {
            let place = self.place_of.get(at);
            pattern.is_match(id) || place.is_some_and(|place| pattern.is_match(place))
        };
        near.filter(|(id, at)| fits(id, **at))
            .map(|(_, at)| *at)
            .collect()
    }
}

impl Directory<'_> {
    /// Those of the same workspace or name, if there are any; else all.
    fn chosen(&self, marks: &[&str]) -> Vec<Place> {
        let same = marks.iter().filter_map(|mark| self.marked.get(mark));
        let same: Vec<Place> = same.flatten().copied().collect();
        match same.is_empty() {
            true => self.all.clone(),
            false => same,
        }
    }
}
