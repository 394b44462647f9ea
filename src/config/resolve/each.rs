//! Rules that declare a stack for each file or workspace, and the name's places in what they set.

use super::super::at::At;
use super::super::error::quoted;
use super::super::stack::Stack;
use super::Checks;
use super::values::is_name;
use crate::domain::file_pattern::FilePattern;
use crate::domain::placeholder::{NAME, fill, has_name, unknown};
use crate::reconcile::settings::ForEach;

/// What tells the stacks of a rule apart.
pub(super) struct Identity {
    pub(super) for_each: Option<ForEach>,
    pub(super) name: Option<String>,
    pub(super) workspace: Option<String>,
}

impl Checks<'_> {
    pub(super) fn identity(&mut self, written: &Stack) -> Identity {
        let files = written.for_each_var_file.as_ref();
        let workspaces = written.for_each_workspace.as_ref();
        if let (Some(_), Some(workspaces)) = (files, workspaces) {
            self.problem(
                workspaces,
                "this declares stacks by variable files and by workspaces at once",
                "keep one of the two: with workspaces `var_files: [\"{name}.tfvars\"]` is the file of \
                 each, with files `workspace: \"{name}\"` its workspace",
            );
        }
        self.placeholders(written, files.is_some() || workspaces.is_some());
        let name = written.name.as_ref().map(|name| name.to_string());
        if let Some(workspaces) = workspaces {
            return self.by_workspace(written, workspaces, name);
        }
        if let Some(files) = files {
            return self.by_file(written, files, name);
        }
        if let Some(name) = written.name.as_ref().filter(|name| !has_name(name)) {
            self.name(name);
        }
        let workspace = written.workspace.as_ref();
        Identity {
            for_each: None,
            name,
            workspace: workspace
                .filter(|at| !has_name(at))
                .map(|at| self.workspace(at)),
        }
    }

    fn by_workspace(
        &mut self,
        written: &Stack,
        workspaces: &At<Vec<At<String>>>,
        name: Option<String>,
    ) -> Identity {
        if workspaces.is_empty() {
            self.problem(
                workspaces,
                "this declares no stack",
                "name the workspaces, or take the key away",
            );
        }
        self.unique("workspace of this list", workspaces.iter());
        if let Some(workspace) = &written.workspace {
            self.problem(
                workspace,
                "the workspaces stand in `for_each_workspace` already",
                "keep one of the two",
            );
        }
        if let Some(name) = &written.name {
            self.template(name);
        }
        let names = workspaces.iter().map(|at| self.workspace(at)).collect();
        Identity {
            for_each: Some(ForEach::Workspace(names)),
            name,
            workspace: Some(NAME.to_owned()),
        }
    }

    fn by_file(&mut self, written: &Stack, files: &At<String>, name: Option<String>) -> Identity {
        let pattern = FilePattern::parse(files);
        let pattern = pattern.map_err(|bad| self.problem(files, bad.to_string(), bad.remedy()));
        if let Some(name) = &written.name {
            self.template(name);
        }
        let workspace = written.workspace.as_ref();
        if let Some(at) = workspace.filter(|at| !has_name(at)) {
            self.workspace(at);
        }
        let tells = workspace.is_some_and(|workspace| has_name(workspace));
        Identity {
            for_each: pattern.ok().map(ForEach::VarFile),
            name: name.or_else(|| (!tells).then(|| NAME.to_owned())),
            workspace: workspace.map(|workspace| workspace.to_string()),
        }
    }

    /// A name that several stacks get, each with its own name in it.
    fn template(&mut self, written: &At<String>) {
        if !has_name(written) {
            self.problem(
                written,
                format!(
                    "every stack of this entry would be called {}",
                    quoted(written)
                ),
                "write `{name}` where they differ, or take the key away",
            );
        } else if unknown(written).is_none() && !is_name(&fill(written, "x")) {
            self.no_name(written);
        }
    }

    /// Looks at what stands in braces where a name may stand.
    fn placeholders(&mut self, written: &Stack, each: bool) {
        let single = written.name.iter().chain(&written.workspace);
        let lists = [&written.var_files, &written.backend_config, &written.watch];
        let lists = lists.into_iter().flatten().flatten();
        let texts = single.chain(lists).chain(written.labels.values());
        for text in texts {
            match unknown(text) {
                Some(word) if each => self.problem(
                    text,
                    format!("{} stands for nothing", quoted(&format!("{{{word}}}"))),
                    "write `{name}`: what the `*` of the file or the workspace is",
                ),
                None if !each && has_name(text) => self.problem(
                    text,
                    "`{name}` stands for nothing: this entry is about one stack of a directory",
                    "add `for_each_var_file` or `for_each_workspace`, or write the name",
                ),
                _ => {}
            }
        }
    }
}
