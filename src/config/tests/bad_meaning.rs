//! Files whose meaning is wrong.

use super::*;

#[test]
fn credentials_in_a_url() {
    insta::assert_snapshot!(bad("sources:\n  - name: infra\n    url: https://joe:hunter2hunter2@git.example.com/acme/infra.git\n"), @r#"
     × credentials stand in this URL
      ╭─[mooring.yaml:3:10]
    2 │   - name: infra
    3 │     url: https://***
      ·          ───────────
      ╰────
     help: take them out, put the token in a file and name that with `token_file`
    "#);
}

#[test]
fn http_is_refused() {
    insta::assert_snapshot!(bad("sources:\n  - { name: a, url: \"http://git.example.com/acme/infra.git\" }\n"), @r#"
     × over http anybody on the way could change what Mooring applies
      ╭─[mooring.yaml:2:21]
    1 │ sources:
    2 │   - { name: a, url: "http://git.example.com/***           " }
      ·                     ───────────────────────────────────────
      ╰────
     help: use the repository's https URL; name a private certificate authority with the top-level
           key `ca_file`
    "#);
}

#[test]
fn where_a_source_is() {
    insta::assert_snapshot!(bad("sources:\n  - name: Infra\n  - name: b\n    path: /srv/b\n    url: https://git.example.com/b/b\n  - name: b\n    url: https://git.example.com/b/b\n    token_file: b\n    token_env: B\n"), @r#"
     × `Infra` is no name
      ╭─[mooring.yaml:2:11]
    1 │ sources:
    2 │   - name: Infra
      ·           ─────
    3 │   - name: b
      ╰────
     help: use lower-case letters, digits, `-` and `_`, beginning with a letter or digit

     × this source is nowhere
      ╭─[mooring.yaml:2:11]
    1 │ sources:
    2 │   - name: Infra
      ·           ─────
    3 │   - name: b
      ╰────
     help: add `url: https://…`, or `path: …` for a repository on this machine

     × this source has both a `url` and a `path`
      ╭─[mooring.yaml:4:11]
    3 │   - name: b
    4 │     path: /srv/b
      ·           ──────
    5 │     url: https://git.example.com/***
      ╰────
     help: keep one of the two

     × a second source is called `b`
      ╭─[mooring.yaml:6:11]
    5 │     url: https://git.example.com/***
    6 │   - name: b
      ·           ─
    7 │     url: https://git.example.com/***
      ╰────
     help: give each its own name

     × this secret is given as a file and as an environment variable
      ╭─[mooring.yaml:9:16]
    8 │     token_file: *
    9 │     token_env: B
      ·                ─
      ╰────
     help: keep one of the two
    "#);
}

#[test]
fn schedules() {
    insta::assert_snapshot!(bad_with("schedule: nightly\nreports: [{ name: all, schedule: \"0 0 30 2 *\", notify: [] }]\nstacks:\n  - match: \"infra/**\"\n    timezone: Europe/Berln\n    schedule: \"0 0 * * *\"\n"), @r#"
     × `nightly` is not a five-field cron expression: Invalid pattern: Pattern must have 5 fields
     │ when seconds are disallowed.
      ╭─[mooring.yaml:2:11]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ schedule: nightly
      ·           ───────
    3 │ reports: [{ name: all, schedule: "0 0 30 2 *", notify: [] }]
      ╰────
     help: write minute, hour, day of month, month and day of week, for example `*/30 * * * *`

     × `0 0 30 2 *` never comes
      ╭─[mooring.yaml:3:34]
    2 │ schedule: nightly
    3 │ reports: [{ name: all, schedule: "0 0 30 2 *", notify: [] }]
      ·                                  ────────────
    4 │ stacks:
      ╰────
     help: choose a date that exists, for example `0 0 1 * *`

     × the report goes to nobody
      ╭─[mooring.yaml:3:56]
    2 │ schedule: nightly
    3 │ reports: [{ name: all, schedule: "0 0 30 2 *", notify: [] }]
      ·                                                        ─
    4 │ stacks:
      ╰────
     help: name receivers, for example `notify: [team]`, or take the key away: the routes say who
           then

     × `Europe/Berln` is no time zone of the IANA database
      ╭─[mooring.yaml:6:15]
    5 │   - match: "infra/**"
    6 │     timezone: Europe/Berln
      ·               ────────────
    7 │     schedule: "0 0 * * *"
      ╰────
     help: did you mean `Europe/Berlin`?
    "#);
}

#[test]
fn durations_and_numbers() {
    insta::assert_snapshot!(bad_with("jobs: 0\njitter: 5\nshutdown_grace: 0s\npolicy: { hold_off: -1m, max_age: 90000h }\n"), @r#"
     × this many runs at once cannot be
      ╭─[mooring.yaml:2:7]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ jobs: 0
      ·       ─
    3 │ jitter: 5
      ╰────
     help: choose between 1 and 256

     × this is no duration
      ╭─[mooring.yaml:3:9]
    2 │ jobs: 0
    3 │ jitter: 5
      ·         ─
    4 │ shutdown_grace: 0s
      ╰────
     help: write a number with a unit: `30s`, `5m`, `1h30m`, `90d` (a day is 24 hours)

     × this duration is shorter than a second
      ╭─[mooring.yaml:4:17]
    3 │ jitter: 5
    4 │ shutdown_grace: 0s
      ·                 ──
    5 │ policy: { hold_off: -1m, max_age: 90000h }
      ╰────
     help: write a second or more, for example `1m`

     × this duration is negative
      ╭─[mooring.yaml:5:21]
    4 │ shutdown_grace: 0s
    5 │ policy: { hold_off: -1m, max_age: 90000h }
      ·                     ───
      ╰────
     help: write it without the sign

     × this duration is longer than a year
      ╭─[mooring.yaml:5:35]
    4 │ shutdown_grace: 0s
    5 │ policy: { hold_off: -1m, max_age: 90000h }
      ·                                   ──────
      ╰────
     help: write a shorter one; the units are s, m, h and d
    "#);
}

#[test]
fn a_mode_that_there_is_not() {
    insta::assert_snapshot!(bad_with("policy:\n  mode: sync\nstacks:\n  - match: infra/*\n    policy: { mode: heel }\n"), @r#"
     × `heel` is no mode
      ╭─[mooring.yaml:6:21]
    5 │   - match: infra/*
    6 │     policy: { mode: heel }
      ·                     ────
      ╰────
     help: did you mean `heal`?
    "#);
}

#[test]
fn rules_that_go_too_far() {
    insta::assert_snapshot!(bad_with("policy:\n  safe:\n    - type: aws_s3_bucket\n    - type: \"aws_{\"\n      attributes: [tags]\n      actions: [update, delete, updat]\n"), @r#"
     × this rule covers updates but no attributes
      ╭─[mooring.yaml:4:13]
    3 │   safe:
    4 │     - type: aws_s3_bucket
      ·             ─────────────
    5 │     - type: "aws_{"
      ╰────
     help: name what may be put back, for example `attributes: [tags]`

     × this is no pattern: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
      ╭─[mooring.yaml:5:13]
    4 │     - type: aws_s3_bucket
    5 │     - type: "aws_{"
      ·             ───────
    6 │       attributes: [tags]
      ╰────
     help: patterns are written like `aws_*`, `tags.*` or `{a,b}`, without dots inside of braces; put
           them in quotes

     × no rule can make `delete` automatic
      ╭─[mooring.yaml:7:25]
    6 │       attributes: [tags]
    7 │       actions: [update, delete, updat]
      ·                         ──────
      ╰────
     help: take it away: what cannot be undone is always left to a person; a rule can cover `update`
           and `create`

     × `updat` is no action
      ╭─[mooring.yaml:7:33]
    6 │       attributes: [tags]
    7 │       actions: [update, delete, updat]
      ·                                 ─────
      ╰────
     help: did you mean `update`?
    "#);
}

#[test]
fn rules_that_judge() {
    insta::assert_snapshot!(bad_with("policy:\n  severities:\n    - { type: aws_vpc, attributes: [tags..Env], severity: low }\n    - { type: aws_vpc, attributes: [\"{a.b}\"], severity: low, reason: \"\" }\n  noise:\n    - { type: \"*\", attributes: [\"*\"], reason: all of it }\n    - { type: aws_vpc, attributes: [], reason: \" \" }\n  irreversible:\n    - { type: \"\", attributes: [], reason: why }\n"), @r#"
     × `tags..Env` has a step without a name
      ╭─[mooring.yaml:4:37]
    3 │   severities:
    4 │     - { type: aws_vpc, attributes: [tags..Env], severity: low }
      ·                                     ─────────
    5 │     - { type: aws_vpc, attributes: ["{a.b}"], severity: low, reason: "" }
      ╰────
     help: write one name after each dot; lists and their indices are no steps

     × this is no pattern: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
      ╭─[mooring.yaml:5:37]
    4 │     - { type: aws_vpc, attributes: [tags..Env], severity: low }
    5 │     - { type: aws_vpc, attributes: ["{a.b}"], severity: low, reason: "" }
      ·                                     ───────
    6 │   noise:
      ╰────
     help: patterns are written like `aws_*`, `tags.*` or `{a,b}`, without dots inside of braces; put
           them in quotes

     × this is empty
      ╭─[mooring.yaml:5:70]
    4 │     - { type: aws_vpc, attributes: [tags..Env], severity: low }
    5 │     - { type: aws_vpc, attributes: ["{a.b}"], severity: low, reason: "" }
      ·                                                                      ──
    6 │   noise:
      ╰────
     help: write it, or take the key away

     × this would hide every change by hand that no apply puts back
      ╭─[mooring.yaml:7:33]
    6 │   noise:
    7 │     - { type: "*", attributes: ["*"], reason: all of it }
      ·                                 ───
    8 │     - { type: aws_vpc, attributes: [], reason: " " }
      ╰────
     help: name the attributes that change by themselves

     × this noise names no attributes
      ╭─[mooring.yaml:8:36]
    7 │     - { type: "*", attributes: ["*"], reason: all of it }
    8 │     - { type: aws_vpc, attributes: [], reason: " " }
      ·                                    ─
    9 │   irreversible:
      ╰────
     help: name what changes by itself, for example `attributes: [desired_capacity]`

     × this is empty
      ╭─[mooring.yaml:8:48]
    7 │     - { type: "*", attributes: ["*"], reason: all of it }
    8 │     - { type: aws_vpc, attributes: [], reason: " " }
      ·                                                ───
    9 │   irreversible:
      ╰────
     help: write it, or take the key away

     × this is empty
       ╭─[mooring.yaml:10:15]
     9 │   irreversible:
    10 │     - { type: "", attributes: [], reason: why }
       ·               ──
       ╰────
     help: write it, or take the key away

     × this names no attributes
       ╭─[mooring.yaml:10:31]
     9 │   irreversible:
    10 │     - { type: "", attributes: [], reason: why }
       ·                               ─
       ╰────
     help: name them, or take `attributes` away: then the objects themselves are meant
    "#);
}

#[test]
fn rules_that_judge_without_a_reason_or_with_an_unknown_origin() {
    insta::assert_snapshot!(bad_with("policy:\n  noise:\n    - { type: aws_vpc, attributes: [tags] }\n"), @r#"
     × `reason` is missing here
      ╭─[mooring.yaml:4:24]
    3 │   noise:
    4 │     - { type: aws_vpc, attributes: [tags] }
      ·                        ──────────
      ╰────
     help: add `reason: …`
    "#);
    insta::assert_snapshot!(bad_with("policy:\n  severities:\n    - { type: aws_vpc, origin: [drifted], severity: low }\n"), @r#"
     × this is none of the allowed values
      ╭─[mooring.yaml:4:33]
    3 │   severities:
    4 │     - { type: aws_vpc, origin: [drifted], severity: low }
      ·                                 ───────
      ╰────
     help: did you mean `drift`?
    "#);
}

#[test]
fn receivers() {
    insta::assert_snapshot!(bad_with("notify:\n  - name: team\n    email: { to: [nobody] }\n  - name: team\n    slack: {}\n  - name: none\nreports: [{ name: all, schedule: \"0 8 * * *\", notify: [taem, ops] }]\n"), @r#"
     × there is no server to send this e-mail
      ╭─[mooring.yaml:4:5]
    3 │   - name: team
    4 │     email: { to: [nobody] }
      ·     ─────
    5 │   - name: team
      ╰────
     help: add the top-level key `smtp`, for example `smtp: { host: smtp.example.com, from:
           mooring@example.com }`

     × this is no e-mail address
      ╭─[mooring.yaml:4:19]
    3 │   - name: team
    4 │     email: { to: [nobody] }
      ·                   ──────
    5 │   - name: team
      ╰────
     help: write the address alone, for example `platform@example.com`

     × a second receiver is called `team`
      ╭─[mooring.yaml:5:11]
    4 │     email: { to: [nobody] }
    5 │   - name: team
      ·           ────
    6 │     slack: {}
      ╰────
     help: give each its own name

     × the URL of this receiver's webhook is nowhere
      ╭─[mooring.yaml:6:5]
    5 │   - name: team
    6 │     slack: {}
      ·     ─────
    7 │   - name: none
      ╰────
     help: the URL is a secret: put it in a file and name that with `webhook_url_file`, or name an
           environment variable with `webhook_url_env`

     × this receiver cannot be reached
      ╭─[mooring.yaml:7:11]
    6 │     slack: {}
    7 │   - name: none
      ·           ────
    8 │ reports: [{ name: all, schedule: "0 8 * * *", notify: [taem, ops] }]
      ╰────
     help: give it a channel, such as `email` or `slack`

     × no receiver is called `taem`
      ╭─[mooring.yaml:8:56]
    7 │   - name: none
    8 │ reports: [{ name: all, schedule: "0 8 * * *", notify: [taem, ops] }]
      ·                                                        ────
      ╰────
     help: did you mean `team`?

     × no receiver is called `ops`
      ╭─[mooring.yaml:8:62]
    7 │   - name: none
    8 │ reports: [{ name: all, schedule: "0 8 * * *", notify: [taem, ops] }]
      ·                                                              ───
      ╰────
     help: allowed here: `none`, `team`
    "#);
}

#[test]
fn smtp_password_in_the_clear() {
    insta::assert_snapshot!(bad_with("smtp: { host: smtp.example.com, from: m@example.com, tls: none, username: m, password_env: SMTP }\n"), @r#"
     × the password would cross the network unprotected
      ╭─[mooring.yaml:2:15]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ smtp: { host: smtp.example.com, from: m@example.com, tls: none, username: m, password_env: SMTP }
      ·               ────────────────
      ╰────
     help: use `tls: starttls` or `tls: tls`
    "#);
}

#[test]
fn environment() {
    insta::assert_snapshot!(bad_with("env:\n  AWS_ACCOUNT: 0123\n  DEBUG: true\n  GITHUB_TOKEN: ghp_16C7e42F292c6912E7\n  VAULT_TOKEN_FILE: /run/secrets/vault\n  TF_WORKSPACE: x\n  TF_CLI_ARGS_plan: \"-parallelism=3 -target=a.b\"\n  NOWHERE: {}\n"), @r#"
     × the value of `AWS_ACCOUNT` is not written as text
      ╭─[mooring.yaml:3:16]
    2 │ env:
    3 │   AWS_ACCOUNT: ***
      ·                ───
    4 │   DEBUG: ***
      ╰────
     help: put it in quotes, so that it is passed on exactly as written

     × the value of `DEBUG` is not written as text
      ╭─[mooring.yaml:4:10]
    3 │   AWS_ACCOUNT: ***
    4 │   DEBUG: ***
      ·          ───
    5 │   GITHUB_TOKEN: ***
      ╰────
     help: put it in quotes, so that it is passed on exactly as written

     × `GITHUB_TOKEN` looks like a secret and is written here
      ╭─[mooring.yaml:5:17]
    4 │   DEBUG: ***
    5 │   GITHUB_TOKEN: ***
      ·                 ───
    6 │   VAULT_TOKEN_FILE: ***
      ╰────
     help: put it in a file and write `{ file: … }`, or pass it on from Mooring's own environment
           with `{ env: … }`

     × `TF_WORKSPACE` is set by Mooring itself
      ╭─[mooring.yaml:7:17]
    6 │   VAULT_TOKEN_FILE: ***
    7 │   TF_WORKSPACE: *
      ·                 ─
    8 │   TF_CLI_ARGS_plan: ***
      ╰────
     help: set `workspace` of the stack instead

     × `-target` would make every plan incomplete
      ╭─[mooring.yaml:8:21]
    7 │   TF_WORKSPACE: *
    8 │   TF_CLI_ARGS_plan: ***
      ·                     ───
    9 │   NOWHERE: **
      ╰────
     help: take it away: Mooring only trusts whole plans

     × the value of `NOWHERE` is nowhere
      ╭─[mooring.yaml:9:12]
    8 │   TF_CLI_ARGS_plan: ***
    9 │   NOWHERE: **
      ·            ─
      ╰────
     help: write `{ file: … }` or `{ env: … }`
    "#);
}

#[test]
fn stacks() {
    insta::assert_snapshot!(bad_with("stacks:\n  - match: infar/live\n    backend_config: [\"key=a\", \"secret_key=hunter2hunter2\"]\n    watch: [../x]\n    workspace: a b\n"), @r#"
     × no source is called `infar`, so this matches no stack
      ╭─[mooring.yaml:3:12]
    2 │ stacks:
    3 │   - match: infar/live
      ·            ──────────
    4 │     backend_config: ***
      ╰────
     help: did you mean `infra`?

     × this backend setting is a credential: it would stand in the process list
      ╭─[mooring.yaml:4:31]
    3 │   - match: infar/live
    4 │     backend_config: ***
      ·                               ▲
    5 │     watch: [../x]
      ╰────
     help: pass it by the backend's own environment variable, from a file: `env:
           { AWS_SECRET_ACCESS_KEY: { file: … } }`

     × this path leads out of the repository
      ╭─[mooring.yaml:5:13]
    4 │     backend_config: ***
    5 │     watch: [../x]
      ·             ────
    6 │     workspace: a b
      ╰────
     help: write it relative to the repository's root

     × this is no name of a workspace
      ╭─[mooring.yaml:6:16]
    5 │     watch: [../x]
    6 │     workspace: a b
      ·                ───
      ╰────
     help: write it as `terraform workspace list` shows it
    "#);
}

#[test]
fn no_source() {
    insta::assert_snapshot!(bad("jobs: 2\n"), @r#"
    × mooring.yaml: there is no source to follow
    help: add a repository: `sources: [{ name: infra, url: https://… }]`
    "#);
}

#[test]
fn artifacts_that_would_not_be_kept_as_meant() {
    insta::assert_snapshot!(bad_with("artifacts:\n  keep: 2h\n  s3:\n    bucket: a/b\n    sse: aes256\n    kms_key_id: alias/a\n    attempts: 0\n"), @r"
     × copies would be gone before anybody reads them
      ╭─[mooring.yaml:3:9]
    2 │ artifacts:
    3 │   keep: 2h
      ·         ──
    4 │   s3:
      ╰────
     help: write a day or more, for example `90d`, or `forever`

     × this is no bucket name
      ╭─[mooring.yaml:5:13]
    4 │   s3:
    5 │     bucket: a/b
      ·             ───
    6 │     sse: aes256
      ╰────
     help: write the name alone; what comes before keys is `prefix`

     × this key would not be used
      ╭─[mooring.yaml:7:17]
    6 │     sse: aes256
    7 │     kms_key_id: alias/a
      ·                 ───────
    8 │     attempts: 0
      ╰────
     help: write `sse: kms` as well, or take the key away

     × this many attempts cannot be
      ╭─[mooring.yaml:8:15]
    7 │     kms_key_id: alias/a
    8 │     attempts: 0
      ·               ─
      ╰────
     help: choose between 1 and 10
    ");
    for keep in ["10", "3y", "2000d", "-9d"] {
        let said = bad_with(&format!("artifacts: {{ keep: {keep} }}\n"));
        assert!(said.contains("duration"), "{said}");
    }
}

#[test]
fn snapshots_that_would_not_be_sealed_or_kept_as_meant() {
    let private = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    let said = bad_with(&format!(
        "snapshots:\n  keep: 2h\n  keep_last: 0\n  recipients:\n    - {private}\n"
    ));
    assert!(!said.contains("GFPYYSJZ"), "{said}");
    insta::assert_snapshot!(said, @r"
     × copies would be gone before anybody reads them
      ╭─[mooring.yaml:3:9]
    2 │ snapshots:
    3 │   keep: 2h
      ·         ──
    4 │   keep_last: 0
      ╰────
     help: write a day or more, for example `90d`, or `forever`

     × the last snapshot always stays
      ╭─[mooring.yaml:4:14]
    3 │   keep: 2h
    4 │   keep_last: 0
      ·              ─
    5 │   recipients:
      ╰────
     help: write 1 or more

     × this is no public key of age
      ╭─[mooring.yaml:6:7]
    5 │   recipients:
    6 │     ***
      ·       ─
      ╰────
     help: write what `age-keygen -y KEYFILE` prints, beginning with `age1`; a private key belongs
           into a file that `key_file` names
    ");
    let said = bad_with(&format!("snapshots: {{ recipients: [{private}] }}\n"));
    assert!(!said.contains("GFPYYSJZ"), "{said}");
    let said = bad_with(&format!("snapshots: {{ recipients: {private} }}\n"));
    assert!(!said.contains("GFPYYSJZ"), "{said}");
    let said = bad_with("snapshots: { key_file: /a, key_env: B }\n");
    assert!(
        said.contains("as a file and as an environment variable"),
        "{said}"
    );
}

#[test]
fn auth_without_anybody_to_sign_in() {
    insta::assert_snapshot!(bad_with("smtp: { host: smtp.example.com, from: m@example.com, auth: xoauth2 }\n"), @r#"
     × nobody signs in at this server
      ╭─[mooring.yaml:2:60]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ smtp: { host: smtp.example.com, from: m@example.com, auth: xoauth2 }
      ·                                                            ───────
      ╰────
     help: add `username` and `password_file`, or take `auth` away
    "#);
}

#[test]
fn templates_that_are_not_there() {
    insta::assert_snapshot!(bad_with("templates: nowhere/\n"), @r#"
     × cannot read /etc/mooring/nowhere/: No such file or directory (os error 2)
      ╭─[mooring.yaml:2:12]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ templates: nowhere/
      ·            ────────
      ╰────
     help: name a directory that exists and that this user may read
    "#);
}

#[test]
fn templates_that_no_message_can_be_made_with() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display().to_string();
    std::fs::write(
        dir.path().join("subject.txt"),
        "{{ subject }}\n{{ subjekt }}\n",
    )
    .unwrap();
    let text = format!(
        "notify: [{{ name: a, email: {{ to: [a@example.com], templates: {path} }} }}]\n\
         smtp: {{ host: smtp.example.com, from: m@example.com }}\n"
    );
    for text in [text, format!("templates: {path}\n")] {
        let report = bad_with(&text).replace('\n', " ");
        assert!(
            report.contains("subject.txt:2: undefined value"),
            "{report}"
        );
        assert!(report.contains("`{{ subjekt }}`"), "{report}");
        assert!(report.contains("mooring config templates"), "{report}");
    }
}

#[test]
fn a_heart_that_nobody_hears() {
    insta::assert_snapshot!(bad_with("heartbeat: { every: 5s }\n"), @"
     × the heart would beat too often
      ╭─[mooring.yaml:2:21]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ heartbeat: { every: 5s }
      ·                     ──
      ╰────
     help: write ten seconds or more, for example `1m`

     × the URL of the dead man's switch (`heartbeat`) is nowhere
      ╭─[mooring.yaml:2:21]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ heartbeat: { every: 5s }
      ·                     ──
      ╰────
     help: the URL is a secret: put it in a file and name that with `url_file`, or name an
           environment variable with `url_env`
    ");
    insta::assert_snapshot!(bad_with("heartbeat: {}\n"), @"
    × mooring.yaml: the URL of the dead man's switch (`heartbeat`) is nowhere
    help: the URL is a secret: put it in a file and name that with `url_file`, or name an
          environment variable with `url_env`
    ");
    insta::assert_snapshot!(bad_with("heartbeat: { url: https://hc-ping.com/abcdefghijkl }\n"), @"
     × unknown key `url`
      ╭─[mooring.yaml:2:14]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ heartbeat: { url: https://hc-ping.com/***          }
      ·              ───
      ╰────
     help: a secret is never written here: put it in a file and name that with `url_file`, or name an
           environment variable with `url_env`
    ");
}

#[test]
fn a_budget_that_limits_nothing() {
    insta::assert_snapshot!(bad("sources: [{ name: a, path: /srv/git/a }]\nbudgets:\n  - name: prod\n    when: { stacks: [\"a/**\"] }\n"), @r#"
     × this budget limits nothing
      ╭─[mooring.yaml:3:11]
    2 │ budgets:
    3 │   - name: prod
      ·           ────
    4 │     when: { stacks: ["a/**"] }
      ╰────
     help: add `runs`, the most at once, or `starts: { runs: 30, within: 1m }`
    "#);
}
