use super::*;
use crate::git::settings::SourceLocation;

#[test]
fn unknown_key() {
    insta::assert_snapshot!(bad_with("shedule: \"0 * * * *\"\n"), @r#"
     × unknown key `shedule`
      ╭─[mooring.yaml:2:1]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ shedule: ***
      · ───────
      ╰────
     help: did you mean `schedule`?
    "#);
}

#[test]
fn unknown_key_without_a_likely_one() {
    insta::assert_snapshot!(bad_with("api: { colour: blue }\n"), @r#"
     × unknown key `colour`
      ╭─[mooring.yaml:2:8]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ api: { colour: ***
      ·        ──────
      ╰────
     help: allowed here: `listen`, `token_env`, `token_file`
    "#);
}

#[test]
fn several_keys_at_once() {
    insta::assert_snapshot!(bad_with("shedule: daily\nnotify:\n  - name: a\n    slack: { webhook_url: \"https://hooks.example.com/T0\" }\n    mail: { to: [] }\nenv: { A: { fil: x }, B: }\nstacks:\n  - match: a\n    labels: { any: thing }\n    policy: { severities: [] }\n"), @r#"
     × unknown key `shedule`
      ╭─[mooring.yaml:2:1]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ shedule: ***
      · ───────
    3 │ notify:
      ╰────
     help: did you mean `schedule`?

     × unknown key `webhook_url`
      ╭─[mooring.yaml:5:14]
    4 │   - name: a
    5 │     slack: { webhook_url: ***
      ·              ───────────
    6 │     mail: ***
      ╰────
     help: a secret is never written here: put it in a file and name that with `webhook_url_file`, or
           name an environment variable with `webhook_url_env`

     × unknown key `mail`
      ╭─[mooring.yaml:6:5]
    5 │     slack: { webhook_url: ***
    6 │     mail: ***
      ·     ────
    7 │ env: { A: ***
      ╰────
     help: did you mean `email`?

     × unknown key `fil`
      ╭─[mooring.yaml:7:13]
    6 │     mail: ***
    7 │ env: { A: ***
      ·             ─
    8 │ stacks:
      ╰────
     help: did you mean `file`?

     × a value is missing here
      ╭─[mooring.yaml:7:23]
    6 │     mail: ***
    7 │ env: { A: ***
      ·                       ▲
    8 │ stacks:
      ╰────
     help: write the value, or take the key away

     × unknown key `severities`
       ╭─[mooring.yaml:11:15]
    10 │     labels: { any: ***
    11 │     policy: { severities: [] }
       ·               ──────────
       ╰────
     help: allowed here: `approval_expires`, `confirm_after`, `contested`, `freezes`, `hold_off`,
           `limits`, `max_age`, `max_changes`, `mode`, `pending_after`, `rules`, `safe`, `shadow`,
           `windows`
    "#);
}

#[test]
fn duplicate_key() {
    insta::assert_snapshot!(bad_with("jobs: 2\njobs: 3\n"), @r#"
     × `jobs` is given twice
      ╭─[mooring.yaml:3:1]
    2 │ jobs: 2
    3 │ jobs: 3
      · ────
      ╰────
     help: keep one of the two
    "#);
}

#[test]
fn inline_token() {
    insta::assert_snapshot!(bad("sources:\n  - name: infra\n    url: https://git.example.com/acme/infra.git\n    token: ghp_16C7e42F292c6912E7\n"), @r#"
     × unknown key `token`
      ╭─[mooring.yaml:4:5]
    3 │     url: https://git.example.com/***
    4 │     token: ***
      ·     ─────
      ╰────
     help: a secret is never written here: put it in a file and name that with `token_file`, or name
           an environment variable with `token_env`
    "#);
}

#[test]
fn inline_webhook() {
    insta::assert_snapshot!(bad_with("notify:\n  - name: oncall\n    slack:\n      webhook_url: https://hooks.slack.com/services/T0/B0/XXXXXXXX\n"), @r#"
     × unknown key `webhook_url`
      ╭─[mooring.yaml:5:7]
    4 │     slack:
    5 │       webhook_url: ***
      ·       ───────────
      ╰────
     help: a secret is never written here: put it in a file and name that with `webhook_url_file`, or
           name an environment variable with `webhook_url_env`
    "#);
}

#[test]
fn inline_password() {
    insta::assert_snapshot!(bad_with("smtp: { host: smtp.example.com, from: m@example.com, username: m, password: hunter2hunter2 }\n"), @r#"
     × unknown key `password`
      ╭─[mooring.yaml:2:67]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ smtp: { host: smtp.example.com, from: m@example.com, username: m, password: ***
      ·                                                                   ────────
      ╰────
     help: a secret is never written here: put it in a file and name that with `password_file`, or
           name an environment variable with `password_env`
    "#);
}

#[test]
fn a_key_without_a_value() {
    insta::assert_snapshot!(bad_with("policy:\n  mode: heal\nstacks:\n  - match: infra/*\n    policy:\n      safe:\n"), @r#"
     × a value is missing here
      ╭─[mooring.yaml:7:7]
    6 │     policy:
    7 │       safe:
      ·       ────
      ╰────
     help: write the value, or take the key away
    "#);
}

#[test]
fn another_shape() {
    insta::assert_snapshot!(bad_with("policy:\n  - mode: observe\n"), @r#"
     × expected a mapping (`key: value` lines, indented)
      ╭─[mooring.yaml:3:3]
    2 │ policy:
    3 │   - mode: observe
      ·   ▲
      ╰────
     help: `mooring config example` shows how it is written
    "#);
}

#[test]
fn yaml_1_1_truth() {
    insta::assert_snapshot!(bad_with("stacks:\n  - match: infra/**\n    disabled: yes\n"), @r#"
     × expected `true` or `false`
      ╭─[mooring.yaml:4:15]
    3 │   - match: infra/**
    4 │     disabled: yes
      ·               ───
      ╰────
     help: `mooring config example` shows how it is written
    "#);
}

#[test]
fn broken_yaml() {
    insta::assert_snapshot!(bad("sources:\n  - name: infra\n   url: x\n"), @r#"
     × not valid YAML: while parsing a block collection, did not find expected '-' indicator
      ╭─[mooring.yaml:3:4]
    2 │   - name: infra
    3 │    url: x
      ·    ▲
      ╰────
     help: check indentation, quotes and brackets here and just before; indent with spaces
    "#);
}

#[test]
fn nothing() {
    insta::assert_snapshot!(bad("# nothing yet\n\n"), @r#"
    × mooring.yaml is empty
    help: start from `mooring config example > mooring.yaml`
    "#);
}

#[test]
fn an_alias_bomb_is_stopped() {
    let mut bomb = "sources:\n  - &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in ["b", "c", "d", "e", "f"]
        .iter()
        .zip(["a", "b", "c", "d", "e"])
    {
        let aliases = vec![format!("*{of}"); 10].join(", ");
        bomb.push_str(&format!("  - &{name} [{aliases}]\n"));
    }
    let report = bad(&bomb);
    assert!(report.contains("too many aliases"), "{report}");
}

#[test]
fn deep_nesting_is_stopped() {
    let report = bad(&format!(
        "sources: {}{}\n",
        "[".repeat(100),
        "]".repeat(100)
    ));
    assert!(report.contains("too much nesting"), "{report}");
}

#[test]
fn files_that_are_none() {
    let dir = tempfile::tempdir().unwrap();
    let says = |path: &Path, what: &str| {
        let report = load(path).expect_err("accepted").report(false, 200);
        assert!(report.contains(what), "{report}");
    };
    says(&dir.path().join("nowhere.yaml"), "there is no file");
    says(dir.path(), "is a directory");
    let file = dir.path().join("mooring.yaml");
    std::fs::write(&file, b"sources: []\nname: \xff\n").unwrap();
    says(&file, "is not UTF-8 text (first seen in line 2)");
    std::fs::write(&file, "#".repeat(5 * 1024 * 1024)).unwrap();
    says(&file, "is larger than 4 MiB");
    std::fs::write(&file, "sources: [{ name: infra, path: infra.git }]\n").unwrap();
    assert_eq!(
        load(&file).unwrap().sources.first().unwrap().location,
        SourceLocation::Local(dir.path().join("infra.git"))
    );
}

#[test]
fn no_secret_in_any_form_of_the_error() {
    let secret = "hunter2hunter2";
    for text in [
        format!("{GOOD}token: {secret}\n"),
        format!("{GOOD}# password: {secret}\nshedule: x\n"),
        format!("{GOOD}api:\n  token: |\n    {secret}\n    a: {secret}\n"),
        format!("{GOOD}api: {{ token_env: \"{secret}-x\" }}\n"),
        format!("{GOOD}api: {{ token_file: {secret}, token_env: A }}\n"),
        format!("{GOOD}env: {{ API_TOKEN: {secret} }}\njobs: 0\n"),
        format!("{GOOD}env: {{ A: [{secret}] }}\n"),
        format!("{GOOD}stacks: [{{ match: infra/*, backend_config: [token={secret}] }}]\n"),
        format!(
            "{GOOD}notify: [{{ name: a, webhook: {{ url: https://h.example.com/{secret} }} }}]\n"
        ),
        format!(
            "{GOOD}artifacts: {{ s3: {{ bucket: a, endpoint: \"https://a:{secret}@s3.example.com\" }} }}\n"
        ),
        format!("sources: [{{ name: a, url: https://{secret}@git.example.com/a/b }}]\n"),
        format!("{GOOD}env: {{ HTTPS_PROXY: \"http://a:{secret}@proxy\" }}\n"),
        format!("{GOOD}password: \"{secret}\n"),
        format!("{GOOD}token: [{secret}\n"),
    ] {
        let error = read(&text).expect_err(&text);
        for shown in [
            error.report(true, 100),
            error.to_string(),
            format!("{error:?}"),
        ] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn only_the_first_twenty_are_drawn() {
    let sources: String = (0..30).map(|n| format!("  - name: s{n}\n")).collect();
    let report = bad(&format!("sources:\n{sources}"));
    assert_eq!(report.matches("this source is nowhere").count(), 20);
    assert!(report.ends_with("and 10 more\n"));
}

#[test]
fn a_line_too_long_to_quote_is_named() {
    let report = bad_with(&format!("x: {}\n", "a".repeat(900)));
    assert!(
        report.contains("mooring.yaml:2:1: unknown key `x`"),
        "{report}"
    );
    assert!(!report.contains("aaaa"));
}

#[test]
fn nothing_written_reaches_the_terminal_as_a_control_character() {
    let report = bad_with("\"a\\e[31mb\": \u{1b}[31m\n");
    assert!(!report.contains('\u{1b}'), "{report}");
}

#[test]
fn files_of_another_system_are_read_alike() {
    let report = bad("\u{feff}sources:\r\n  - name: a\r\n    path: /a\r\n    ref: \"\"\r\n");
    assert!(report.contains("mooring.yaml:4:10"), "{report}");
    assert!(report.contains("no branch or tag"), "{report}");
}
