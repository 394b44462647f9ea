//! Who last changed lines of a file, as far as the history here tells.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gix::ObjectId;
use gix::blame::BlameRanges;
use gix::bstr::{BStr, ByteSlice};
use gix::diff::blob::pipeline::{Mode, WorktreeRoots};
use gix::diff::blob::{Algorithm, Pipeline, Platform};
use gix::objs::{Data, Find, FindHeader, Header};
use gix::worktree::stack::State;
use jiff::Timestamp;

use crate::domain::ids::CommitId;
use crate::domain::place::{BlockPlace, LastChange};
use crate::secret::Masker;

/// Commits and trees that are kept from one file to the next, in bytes; more than the history of
/// 20,000 commits takes.
const CACHE: usize = 64 << 20;

/// Of a commit that adds and removes more files than this only renames without a change are seen:
/// each pair would be compared.
const MOST_RENAMES: usize = 300;

/// Longer names are cut.
const LONGEST_NAME: usize = 100;
/// Longer first lines of messages are cut.
const LONGEST_SUBJECT: usize = 200;

/// When a blame gives up.
pub(super) struct Limits<'a> {
    pub(super) started: Instant,
    pub(super) limit: Duration,
    pub(super) interrupt: &'a AtomicBool,
}

impl Limits<'_> {
    fn are_over(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed) || self.started.elapsed() >= self.limit
    }
}

/// The newest change of each place, one blame for all places of a file. What cannot be told in time
/// is left out.
pub(super) fn last_changes(
    mut repo: gix::Repository,
    commit: &CommitId,
    places: &[BlockPlace],
    limits: &Limits<'_>,
) -> BTreeMap<BlockPlace, LastChange> {
    let mut found = BTreeMap::new();
    let Ok(commit) = ObjectId::from_hex(commit.as_str().as_bytes()) else {
        return found;
    };
    repo.object_cache_size_if_unset(CACHE);
    let mut files: BTreeMap<&str, BTreeSet<&BlockPlace>> = BTreeMap::new();
    for place in places {
        files.entry(&place.file).or_default().insert(place);
    }
    for (file, places) in files {
        // The library's blame asserts what it expects of a history, and anybody may have made this.
        let blamed = catch_unwind(AssertUnwindSafe(|| {
            blame(&repo, commit, file.as_bytes().as_bstr(), &places, limits)
        }));
        let Ok(Some(entries)) = blamed else { continue };
        for place in places {
            let change =
                commits(&entries, place).and_then(|commits| newest(&repo, &commits, limits));
            found.extend(change.map(|change| (place.clone(), change)));
        }
    }
    found
}

fn blame(
    repo: &gix::Repository,
    commit: ObjectId,
    file: &BStr,
    places: &BTreeSet<&BlockPlace>,
    limits: &Limits<'_>,
) -> Option<Vec<gix::blame::BlameEntry>> {
    let ranges = places.iter().map(|place| place.first..=place.last);
    let ranges = ranges.filter(|range| *range.start() > 0 && !range.is_empty());
    let ranges: Vec<_> = ranges.collect();
    if ranges.is_empty() {
        return None;
    }
    let objects = Bounded {
        objects: &repo.objects,
        limits,
        over: Cell::new(false),
    };
    let outcome = gix::blame::file(
        &objects,
        gix::blame::Start::Commit(commit),
        repo.commit_graph_if_enabled().ok().flatten(),
        &mut as_committed(repo),
        file,
        gix::blame::Options {
            diff_algorithm: Algorithm::Myers,
            ranges: BlameRanges::from_one_based_inclusive_ranges(ranges).ok()?,
            rewrites: Some(gix::diff::Rewrites {
                limit: MOST_RENAMES,
                ..gix::diff::Rewrites::default()
            }),
            ..gix::blame::Options::default()
        },
    );
    outcome
        .ok()
        .filter(|_| !objects.over.get())
        .map(|outcome| outcome.entries)
}

/// Compares files as they were committed: no attribute, setting or program has a say.
fn as_committed(repo: &gix::Repository) -> Platform {
    let filters = gix::filter::plumbing::Pipeline::new(
        gix::command::Context::default(),
        repo.object_hash(),
        gix::filter::plumbing::pipeline::Options::default(),
    );
    Platform::new(
        gix::diff::blob::platform::Options::default(),
        Pipeline::new(
            WorktreeRoots::default(),
            filters,
            Vec::new(),
            gix::diff::blob::pipeline::Options::default(),
        ),
        Mode::ToGit,
        gix::worktree::Stack::new(
            PathBuf::new(),
            State::AttributesStack(gix::worktree::stack::state::Attributes::default()),
            gix::glob::pattern::Case::Sensitive,
            Vec::new(),
            Vec::new(),
        ),
    )
}

/// The objects of a repository, until the limits are reached.
struct Bounded<'a> {
    objects: &'a gix::OdbHandle,
    limits: &'a Limits<'a>,
    /// The library passes over some objects that it does not get.
    over: Cell<bool>,
}

#[derive(Debug, thiserror::Error)]
#[error("there is no more time to look for it")]
struct Over;

impl Bounded<'_> {
    fn check(&self) -> gix::Result<()> {
        if self.over.get() || self.limits.are_over() {
            self.over.set(true);
            return Err(gix::Error::from_error(Over));
        }
        Ok(())
    }
}

impl Find for Bounded<'_> {
    fn try_find<'b>(
        &self,
        id: &gix::oid,
        buffer: &'b mut Vec<u8>,
    ) -> gix::Result<Option<Data<'b>>> {
        self.check()?;
        self.objects.try_find(id, buffer)
    }
}

impl FindHeader for Bounded<'_> {
    fn try_header(&self, id: &gix::oid) -> gix::Result<Option<Header>> {
        self.check()?;
        self.objects.try_header(id)
    }
}

/// The commits that the lines of a place are from; `None` unless all lines are accounted for.
fn commits(entries: &[gix::blame::BlameEntry], place: &BlockPlace) -> Option<BTreeSet<ObjectId>> {
    let wanted = place.first.checked_sub(1)?..place.last;
    let mut missing = wanted.len();
    let mut commits = BTreeSet::new();
    for entry in entries {
        let start = entry.start_in_blamed_file.max(wanted.start);
        let end = entry.start_in_blamed_file.saturating_add(entry.len.get());
        let common = (start..end.min(wanted.end)).len();
        if common > 0 {
            missing = missing.saturating_sub(common);
            commits.insert(entry.commit_id);
        }
    }
    (missing == 0).then_some(commits)
}

/// The newest of some commits. Of two from the same second, as a rebase makes them, it is the one
/// that has the other among its ancestors.
fn newest(
    repo: &gix::Repository,
    commits: &BTreeSet<ObjectId>,
    limits: &Limits<'_>,
) -> Option<LastChange> {
    let mut best: Option<(i64, ObjectId)> = None;
    for &id in commits {
        if limits.are_over() {
            return None;
        }
        let time = repo.find_commit(id).ok()?.committer().ok()?.seconds();
        let newer = best.is_none_or(|(newest, other)| {
            time > newest
                || (time == newest
                    && repo
                        .merge_base(other, id)
                        .is_ok_and(|base| base.is_some_and(|base| base == other)))
        });
        if newer {
            best = Some((time, id));
        }
    }
    let (time, id) = best?;
    let commit = repo.find_commit(id).ok()?;
    Some(LastChange {
        author: one_line(&commit.author().ok()?.name.to_str_lossy()),
        at: Timestamp::from_second(time).ok()?,
        commit: CommitId::new(id.to_string()),
        subject: subject(&commit),
    })
}

/// The first line of a commit's message, without credentials.
fn subject(commit: &gix::Commit<'_>) -> String {
    let message = commit.message_raw_sloppy().to_str_lossy();
    let first = message.trim_start().lines().next().unwrap_or_default();
    plain(&Masker::default().mask(first), LONGEST_SUBJECT)
}

/// A name in one line.
fn one_line(name: &str) -> String {
    match plain(name, LONGEST_NAME).as_str() {
        "" => "(no name)".to_owned(),
        name => name.to_owned(),
    }
}

/// Text without what a terminal or a message could be misled by.
fn plain(text: &str, longest: usize) -> String {
    let shown = |c: &char| {
        !c.is_control()
            && !matches!(
                c,
                '\u{200b}'..='\u{200f}'
                    | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{2069}'
                    | '\u{feff}'
            )
    };
    let text: String = text.chars().filter(shown).take(longest).collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_plain_line() {
        assert_eq!(
            one_line(" Ada\u{1b}[31m\u{202e}\u{7f} Löve\r\n"),
            "Ada[31m Löve"
        );
        assert_eq!(one_line("\u{200b} "), "(no name)");
        assert_eq!(one_line(&"é".repeat(200)).chars().count(), LONGEST_NAME);
    }
}
