//! An engine that costs next to nothing: it hands out a plan with drift that real Terraform made, as long
//! as the world has drifted, and logs all that it is asked for.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::replica::write_program;

/// A tag was taken away by hand.
const PLAN: &str = "tests/golden/plans/drift_tags_removed";

const SCRIPT: &str = r#"#!/bin/sh
world=WORLD
[ "$1" != version ] || { echo '{"terraform_version":"1.11.4"}'; exit; }
read -r stack 2>/dev/null <name || stack=none
here=$(pwd -P)
replica=${here#"$world/replicas/"}
[ "$replica" != "$here" ] || replica=$(uname -n)
replica=${replica%%/*}
note() { echo "$(date +%s%N) $1 $command $stack $replica $$" >>"$world/commands"; }
command=$1
code=0
[ "$command" != apply ] || trap '' INT TERM
note begin
case $command in
init)
    mkdir -p .terraform
    printf '{"version":3,"backend":{"type":"gcs","config":{"bucket":"b","prefix":"%s"}}}' "$stack" \
        >.terraform/terraform.tfstate ;;
plan)
    for argument; do
        case $argument in -out=*) out=${argument#-out=} ;; esac
    done
    if [ -e "$world/drifted/$stack" ]; then code=2 plan=drifted; else plan=in-sync; fi
    sleep 0.2
    cp "$world/$plan.plan" "$out" || code=1 ;;
show)
    shift $(($# - 1))
    if cmp -s "$1" "$world/drifted.plan"; then cat "$world/drifted.json"; else cat "$world/in-sync.json"; fi ;;
state)
    cat "$world/state.json" ;;
apply)
    sleep "$(cat "$world/takes")"
    rm -f "$world/drifted/$stack" ;;
esac
note end
exit $code
"#;

/// Puts one into the directory of a world.
pub(super) fn install(world: &Path) {
    let text = SCRIPT.replace("WORLD", world.to_str().unwrap());
    write_program(&world.join("engine"), &text);
    std::fs::create_dir(world.join("drifted")).unwrap();
    std::fs::write(world.join("commands"), "").unwrap();
    std::fs::write(world.join("takes"), "5\n").unwrap();

    let file = format!("{PLAN}.tfplan");
    std::fs::copy(&file, world.join("drifted.plan")).unwrap();
    let mut plan = ZipArchive::new(File::open(&file).unwrap()).unwrap();
    let mut state = String::new();
    let mut entry = plan.by_name("tfstate").unwrap();
    entry.read_to_string(&mut state).unwrap();
    drop(entry);
    std::fs::write(world.join("state.json"), state).unwrap();
    // Told apart from the other one by an entry that nobody reads.
    let mut in_sync = ZipWriter::new(File::create(world.join("in-sync.plan")).unwrap());
    for at in 0..plan.len() {
        let entry = plan.by_index_raw(at).unwrap();
        in_sync.raw_copy_file(entry).unwrap();
    }
    let options = SimpleFileOptions::default();
    in_sync.start_file("in-sync", options).unwrap();
    in_sync.write_all(b"yes").unwrap();
    in_sync.finish().unwrap();

    let shown = std::fs::read(format!("{PLAN}.plan.json")).unwrap();
    std::fs::write(world.join("drifted.json"), &shown).unwrap();
    let mut shown: Value = serde_json::from_slice(&shown).unwrap();
    let object = shown.as_object_mut().unwrap();
    object.remove("resource_drift");
    for change in object["resource_changes"].as_array_mut().unwrap() {
        let change = &mut change["change"];
        change["actions"] = json!(["no-op"]);
        change["before"] = change["after"].clone();
    }
    std::fs::write(world.join("in-sync.json"), shown.to_string()).unwrap();
}
