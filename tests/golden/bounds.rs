//! Hostile input: it is read or refused soon, within a stated bound of memory. Each is read by a
//! process of its own, this test program run again.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mooring::plan_json::Reader;
use mooring::terraform::{PlanFile, Refreshed};
use zip::write::SimpleFileOptions;

use super::KEY;

/// Besides the file itself a reading may take this much, whatever is in the file.
const MEMORY: u64 = 192 << 20;
/// And this long, on a busy machine and without optimisation.
const TIME: Duration = Duration::from_secs(20);
const FILE: &str = "MOORING_HOSTILE_FILE";
const ANSWER: &str = "answer: ";

/// What became of one file.
struct Outcome {
    /// `read`, or the error.
    answer: String,
    /// Resident memory at its peak, in bytes.
    peak: u64,
}

#[test]
#[ignore = "the tests beside it run it, in a process of its own"]
fn child_reads_one_file() {
    let path = PathBuf::from(std::env::var_os(FILE).unwrap());
    let answer = if path.extension().is_some_and(|e| e == "json") {
        let reading = Reader::new(&KEY).read_file(&path);
        reading.map(drop).map_err(|e| e.to_string())
    } else {
        let file = PlanFile::open_existing(&path);
        assert_ne!(file.refreshed(), Refreshed::Same);
        let identity = file.base();
        identity.map(drop).map_err(|failure| failure.message)
    };
    let answer = answer.err().unwrap_or_else(|| "read".to_owned());
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap();
    eprintln!("\n{ANSWER}{peak} {answer}");
}

fn read_apart(path: &Path) -> Outcome {
    let start = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "golden::bounds::child_reads_one_file"])
        .args(["--ignored", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = String::new();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > TIME {
            child.kill().unwrap();
            panic!("{} is still read after {TIME:?}", path.display());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut printed).unwrap();
    let answer = printed.lines().find_map(|line| line.strip_prefix(ANSWER));
    let answer = answer.unwrap_or_else(|| panic!("{}: it broke off: {printed}", path.display()));
    let (peak, answer) = answer.split_once(' ').unwrap();
    Outcome {
        answer: answer.to_owned(),
        peak: peak.parse::<u64>().unwrap() * 1024,
    }
}

/// Reads it and compares the answer's beginning; returns what is wrong.
fn wrong(path: &Path, expected: &str) -> Option<String> {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let size = fs::metadata(path).unwrap().len();
    let start = Instant::now();
    let outcome = read_apart(path);
    let (peak, took) = (outcome.peak >> 20, start.elapsed());
    eprintln!(
        "{name}: {size} bytes, {took:?}, {peak} MiB: {}",
        outcome.answer
    );
    let allowed = MEMORY + size;
    if outcome.peak > allowed {
        return Some(format!("{name}: took {peak} MiB of {} MiB", allowed >> 20));
    }
    let fits = outcome.answer.contains(expected);
    (!fits).then(|| format!("{name}: {} instead of {expected}", outcome.answer))
}

/// A plan with one change, `value` being its attribute `a` on both sides.
fn plan(value: &str, more: &str) -> String {
    format!(
        r#"{{"format_version":"1.2","terraform_version":"1.11.4","planned_values":{{"root_module":{{}}}},
"resource_changes":[{{"address":"t.x","mode":"managed","type":"t","change":{{"actions":["update"],
"before":{{"a":{value}}},"after":{{"a":{value},"b":1}}}}}}]{more},"complete":true,"errored":false}}"#
    )
}

fn million(item: &str) -> String {
    let mut list = format!("{item},").repeat(1_000_000);
    list.pop();
    list
}

#[test]
fn hostile_json_is_read_or_refused_soon_and_in_little_memory() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let long = "k".repeat(10_000_000);
    let syntax = "the plan cannot be read at line";
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("deep", plan(&nested(100_000), "").into(), "read"),
        ("deep-as-real", plan(&nested(300), "").into(), "read"),
        (
            "never-closed",
            plan(&"[".repeat(100_000), "").into(),
            syntax,
        ),
        (
            "objects-never-closed",
            "{\"a\":".repeat(100_000).into(),
            syntax,
        ),
        ("huge-exponent", plan("1e999999999", "").into(), "read"),
        ("tiny-exponent", plan("-0.1e-999999999", "").into(), "read"),
        (
            "million-digits",
            plan(&"7".repeat(1_000_000), "").into(),
            "read",
        ),
        (
            "million-items",
            plan(&format!("[{}]", million("{}")), "").into(),
            "read",
        ),
        (
            "million-changes",
            plan("1", &format!(r#","resource_drift":[{}]"#, million("{}"))).into(),
            "read",
        ),
        (
            "million-resources",
            plan(
                "1",
                &format!(
                    r#","prior_state":{{"values":{{"root_module":{{"resources":[{}]}}}}}}"#,
                    million("{}")
                ),
            )
            .into(),
            "read",
        ),
        (
            "long-key",
            plan(&format!(r#"{{"{long}":1}}"#), "").into(),
            "read",
        ),
        (
            "long-field",
            plan("1", &format!(r#","{long}":1"#)).into(),
            "read",
        ),
        ("duplicate-attribute", plan(r#"1,"a":2"#, "").into(), "read"),
        (
            "duplicate-field",
            plan("1", r#","resource_changes":[]"#).into(),
            "duplicate field",
        ),
        (
            "lone-surrogate",
            plan(r#""\ud800""#, "").into(),
            "in resource_changes",
        ),
        (
            "halved-surrogates",
            plan(r#""\ud83d\u0041""#, "").into(),
            "in resource_changes",
        ),
        ("bad-escape", plan(r#""\x41""#, "").into(), syntax),
        ("control-character", plan("\"\u{1}\"", "").into(), syntax),
        (
            "bad-utf-8",
            [&b"{\"a\":\"\xC3\x28\"}"[..]].concat(),
            "bytes that are no UTF-8",
        ),
        ("odd-utf-16", b"\xFF\xFE{\0\"\0a".to_vec(), syntax),
        (
            "lines-before",
            [b"x\n".repeat(1_000_000), b"{}".to_vec()].concat(),
            "no plan",
        ),
        ("zeros", vec![0; 10_000_000], "not JSON"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let wrong = cases.into_iter().filter_map(|(name, bytes, expected)| {
        let path = folder.path().join(format!("{name}.json"));
        fs::write(&path, bytes).unwrap();
        wrong(&path, expected)
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A plan file whose state begins and ends as given, with `filler` in between, 32 MiB of it.
fn bomb(path: &Path, start: &str, filler: &str, end: &str) {
    let mut archive = zip::ZipWriter::new(File::create(path).unwrap());
    let options = SimpleFileOptions::default();
    archive.start_file("tfplan", options).unwrap();
    archive.start_file("tfstate", options).unwrap();
    archive.write_all(start.as_bytes()).unwrap();
    let block = filler.repeat((1 << 20) / filler.len());
    for _ in 0..32 {
        archive.write_all(block.as_bytes()).unwrap();
    }
    archive.write_all(end.as_bytes()).unwrap();
    archive.finish().unwrap();
}

#[test]
fn a_plan_file_that_swells_is_refused_soon_and_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("spaces", r#"{"serial":1,"#, " ", r#""lineage":"l"}"#),
        ("text", r#"{"serial":1,"lineage":""#, "l", r#""}"#),
        ("key", r#"{"serial":1,""#, "k", r#"":1,"lineage":"l"}"#),
        ("number", r#"{"lineage":"l","serial":1"#, "0", "}"),
        ("depth", r#"{"lineage":"l","resources":"#, "[", ""),
    ];
    let wrong = cases.into_iter().filter_map(|(name, start, filler, end)| {
        let path = folder.path().join(format!("{name}.zip"));
        bomb(&path, start, filler, end);
        wrong(&path, "not a readable plan file")
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
