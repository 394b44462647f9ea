//! An engine that kills Mooring at one step, before or after it does what it was asked for.

use std::path::PathBuf;

use crate::harness::Lab;

/// The real engine, with a memory: which commands it was asked for, and which applies it carried out.
const SCRIPT: &str = r#"#!/bin/sh
here=${0%/*}
command=$1
[ "$command" != state ] || command=state-$2
echo "$command" >>"$here/calls"
number=$(grep -cx "$command" "$here/calls")

killed() {
    [ "$(cat "$here/point" 2>/dev/null)" = "$1 $command $number" ] || return 1
    rm "$here/point"
    # Whoever is asked to stop interrupts what it waits for.
    [ ! -e "$here/gently" ] || { kill -TERM "$PPID"; exec sleep 60; }
    kill -KILL "$PPID"
    # Its children have another parent once all of it is dead.
    while grep -qx "PPid:[[:space:]]*$PPID" "/proc/$$/status"; do sleep 0.01; done
}

killed before && exit 1
[ "$command" != apply ] || echo began >>"$here/applies"
terraform "$@"
code=$?
[ "$command" != apply ] || echo ended >>"$here/applies"
killed after
exit $code
"#;

/// Such an engine.
pub(super) struct Engine {
    dir: PathBuf,
}

impl Engine {
    /// Puts one into the directory of a lab.
    pub(super) fn install(lab: &Lab) -> Self {
        let engine = Self {
            dir: lab.path().join("engine"),
        };
        std::fs::create_dir(&engine.dir).unwrap();
        std::fs::write(engine.program(), SCRIPT).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(engine.program(), mode).unwrap();
        engine
    }

    fn program(&self) -> PathBuf {
        self.dir.join("terraform")
    }

    /// What makes a daemon use it.
    pub(super) fn settings(&self) -> String {
        format!("engine: {}\n", self.program().display())
    }

    /// Kills whoever calls it next at a point, once. `before plan 2` is right before the second plan
    /// from now on, `after state-pull 1` when the next state has been read.
    pub(super) fn kill(&self, point: &str) {
        std::fs::write(self.dir.join("calls"), "").unwrap();
        std::fs::write(self.dir.join("point"), point).unwrap();
    }

    /// Asks whoever calls it next at a point to stop, once.
    pub(super) fn stop(&self, point: &str) {
        std::fs::write(self.dir.join("gently"), "").unwrap();
        self.kill(point);
    }

    /// How many applies began, and how many of them ended.
    pub(super) fn applies(&self) -> (usize, usize) {
        let lines = std::fs::read_to_string(self.dir.join("applies")).unwrap_or_default();
        let count = |word| lines.lines().filter(|line| *line == word).count();
        (count("began"), count("ended"))
    }
}
