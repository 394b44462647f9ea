//! One entry of `resource_changes` or `resource_drift`, in clear, on its way to being redacted.

use serde_json::Value as Json;

use crate::domain::plan::{Mode, PlannedAction, ResourceChange};
use crate::domain::value::AttributePath;

use super::ReadError;
use super::clear::Clear;
use super::marks::Marks;
use super::redact::Redactor;
use super::wire::{self, Raw, text};

/// See the module.
pub(super) struct Object {
    pub(super) address: String,
    pub(super) previous_address: Option<String>,
    pub(super) deposed: Option<String>,
    pub(super) mode: Mode,
    pub(super) resource_type: String,
    pub(super) action: PlannedAction,
    pub(super) before: Clear,
    pub(super) after: Clear,
    pub(super) replace_paths: Vec<AttributePath>,
    pub(super) reason: Option<String>,
    pub(super) importing: Option<String>,
    pub(super) marks: Marks,
}

impl Object {
    /// Reads the values of an entry; `part` names the list it stands in.
    pub(super) fn of_entry<'de, R: Raw<'de>>(
        entry: wire::ResourceChange<R>,
        part: &'static str,
    ) -> Result<Self, ReadError> {
        let change = match entry.change {
            Some(change) => Self::of_change(change, part)?,
            None => Self::nothing(),
        };
        Ok(Self {
            address: entry.address,
            previous_address: entry.previous_address,
            deposed: entry.deposed,
            mode: match entry.mode {
                wire::Mode::Managed => Mode::Managed,
                wire::Mode::Data => Mode::Data,
                wire::Mode::Other => Mode::Other,
            },
            resource_type: entry.resource_type,
            reason: entry.action_reason,
            ..change
        })
    }

    /// Reads the values of a change alone, as of an output.
    pub(super) fn of_change<'de, R: Raw<'de>>(
        change: wire::Change<R>,
        part: &'static str,
    ) -> Result<Self, ReadError> {
        let side = |raw: Option<&R>| match text(raw) {
            None => Ok(Clear::Null),
            Some(raw) => Clear::parse(raw).map_err(|error| ReadError::Part {
                part,
                cause: if error.is_data() {
                    "a value of another type than the format says".to_owned()
                } else {
                    super::cause(&error)
                },
            }),
        };
        let unknown = Marks::parse(text(change.after_unknown.as_ref()));
        let before_marks = Marks::parse(text(change.before_sensitive.as_ref()));
        let after_marks = Marks::parse(text(change.after_sensitive.as_ref()));
        let paths = change.replace_paths.iter().map(path);
        Ok(Self {
            before: side(change.before.as_ref())?,
            after: side(change.after.as_ref())?.with_unknown(unknown),
            replace_paths: paths.filter(|path| !path.segments().is_empty()).collect(),
            importing: change.importing.map(import_id),
            marks: before_marks.union(after_marks),
            action: action(change.actions),
            ..Self::nothing()
        })
    }

    const fn nothing() -> Self {
        Self {
            address: String::new(),
            previous_address: None,
            deposed: None,
            mode: Mode::Other,
            resource_type: String::new(),
            action: PlannedAction::Other(Vec::new()),
            before: Clear::Null,
            after: Clear::Null,
            replace_paths: Vec::new(),
            reason: None,
            importing: None,
            marks: Marks::Nothing,
        }
    }

    pub(super) fn mark(&mut self, marks: Marks) {
        self.marks = std::mem::take(&mut self.marks).union(marks);
    }

    /// Marks text in which a secret occurs, unless it is hidden already.
    pub(super) fn mark_occurrences(&mut self, redactor: &Redactor<'_>) {
        let before = redactor.occurrences(&self.before);
        let after = redactor.occurrences(&self.after);
        let known = std::mem::take(&mut self.marks);
        let known = known
            .clone()
            .fitted(&self.before)
            .union(known.fitted(&self.after));
        self.marks = known.union(before.union(after));
    }

    /// Hides what is marked.
    pub(super) fn finish(self, redactor: &Redactor<'_>) -> ResourceChange {
        ResourceChange {
            before: redactor.redact_resource(self.before, self.marks.clone()),
            after: redactor.redact_resource(self.after, self.marks),
            address: redactor.address(&self.address),
            previous_address: self.previous_address.map(|from| redactor.address(&from)),
            mode: self.mode,
            resource_type: self.resource_type,
            deposed: self.deposed,
            action: self.action,
            replace_paths: self
                .replace_paths
                .iter()
                .map(|path| redactor.path(path))
                .collect(),
            reason: self.reason.map(|reason| redactor.masker.mask(&reason)),
            importing: self.importing.map(|id| redactor.masker.mask(&id)),
        }
    }
}

fn import_id(importing: wire::Importing) -> String {
    let unnamed = if importing.identity.is_some() {
        "(identity)"
    } else {
        "(unknown)"
    };
    importing.id.unwrap_or_else(|| unnamed.to_owned())
}

fn action(names: Vec<String>) -> PlannedAction {
    let words: Vec<&str> = names.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["no-op"] => PlannedAction::NoOp,
        ["create"] => PlannedAction::Create,
        ["read"] => PlannedAction::Read,
        ["update"] => PlannedAction::Update,
        ["delete"] => PlannedAction::Delete,
        ["forget"] => PlannedAction::Forget,
        ["delete", "create"] | ["create", "delete"] => PlannedAction::Replace,
        ["create", "forget"] | ["forget", "create"] => PlannedAction::Supersede,
        _ => PlannedAction::Other(names),
    }
}

/// A path of keys, cut at the first list index.
pub(super) fn path(json: &Json) -> AttributePath {
    let steps = json.as_array().map(Vec::as_slice).unwrap_or_default();
    let keys = steps.iter().map_while(Json::as_str).map(str::to_owned);
    AttributePath::new(keys.collect())
}
