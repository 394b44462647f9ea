#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::artifacts::settings::ArtifactSettings;
use crate::domain::ids::StackId;
use crate::domain::policy::{PolicyMode, SafeAction};
use crate::git::settings::SourceLocation;
use crate::notify::settings::{ChannelSettings, SmtpTls};
use crate::reconcile::settings::{EnvValue, StackSettings};
use crate::secret::SecretSource;

const GOOD: &str = "sources: [{ name: infra, path: /srv/git/infra }]\n";

fn read(text: &str) -> Result<Settings, ConfigError> {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    parse(text, "mooring.yaml", Path::new("/etc/mooring"), now)
}

fn good(text: &str) -> Settings {
    read(text).unwrap_or_else(|error| panic!("{}", error.report(false, 100)))
}

/// The report on a file that has to be refused.
fn bad(text: &str) -> String {
    read(text).expect_err("accepted").report(false, 100)
}

/// The report on something added to a good file.
fn bad_with(text: &str) -> String {
    bad(&format!("{GOOD}{text}"))
}

/// What the rules make of the general settings for one directory.
fn settings_of(settings: &Settings, dir: &str) -> StackSettings {
    let mut stack = settings.defaults.clone();
    for rule in &settings.stacks {
        if rule.pattern.is_match(dir) {
            rule.overrides.apply(&mut stack);
        }
    }
    stack
}

mod good_files {
    use super::*;

    #[test]
    fn the_example_loads() {
        let settings = good(&example());
        assert_eq!(settings.jobs, 4);
        assert_eq!(settings.defaults.policy.policy.mode, PolicyMode::Heal);
        let [tags, alarms] = settings.defaults.policy.policy.safe.as_slice() else {
            panic!("two rules");
        };
        assert_eq!(tags.name, "aws_s3_bucket tags");
        assert_eq!(tags.actions, [SafeAction::Update]);
        assert_eq!(alarms.name, "alarms");
        assert!(alarms.resource_type.is_match("aws_cloudwatch_metric_alarm"));
        assert_eq!(settings.severities.0.len(), 1);
        assert_eq!(settings.summary.unwrap().notifiers, ["team"]);
        assert!(
            matches!(settings.artifacts, ArtifactSettings::S3 { bucket, .. } if bucket == "acme-mooring")
        );
        let exclude = &settings.sources.first().unwrap().exclude;
        assert!(exclude.is_match("examples/a") && !exclude.is_match("live/examples"));
    }

    #[test]
    fn every_key_stands_in_the_example() {
        let example = example();
        let missing: Vec<String> = mask::known_keys()
            .into_iter()
            .filter(|key| {
                !example.lines().any(|line| {
                    let found = line
                        .match_indices(&format!("{key}:"))
                        .any(|(at, _)| line.get(..at).unwrap().ends_with([' ', '{']));
                    found || line.starts_with(&format!("{key}:"))
                })
            })
            .collect();
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn the_smallest_useful_configuration_loads() {
        let settings = good(
            r#"
sources:
  - name: infra
    url: https://git.example.com/acme/infra.git
    token_file: /run/secrets/git-token
schedule: "*/30 * * * *"
policy:
  mode: observe          # observe | heal (repair safe drift, hold code) | sync (also apply safe merged code)
notify:
  - name: oncall
    slack: { webhook_url_file: /run/secrets/slack }
  - name: team
    email: { to: [platform@example.com] }
smtp: { host: smtp.example.com, port: 587, from: mooring@example.com, username: mooring, password_file: /run/secrets/smtp }
"#,
        );
        let source = settings.sources.first().unwrap();
        assert_eq!(
            source.location,
            SourceLocation::Remote {
                url: "https://git.example.com/acme/infra.git".into(),
                username: "git".into(),
                token: Some(SecretSource::File("/run/secrets/git-token".into())),
            }
        );
        let [oncall, team] = settings.notify.notifiers.as_slice() else {
            panic!("two receivers");
        };
        assert!(
            matches!(&oncall.channel, ChannelSettings::Slack { webhook_url }
            if *webhook_url == SecretSource::File("/run/secrets/slack".into()))
        );
        assert!(
            matches!(&team.channel, ChannelSettings::Email { to } if to == &["platform@example.com"])
        );
        let smtp = settings.notify.smtp.unwrap();
        assert_eq!(
            (smtp.tls, smtp.credentials),
            (
                SmtpTls::StartTls,
                Some((
                    "mooring".into(),
                    SecretSource::File("/run/secrets/smtp".into())
                ))
            )
        );
    }

    #[test]
    fn what_is_not_written_has_its_default() {
        let settings = good(GOOD);
        assert_eq!(settings.data_dir, Path::new("/var/lib/mooring"));
        assert_eq!(settings.api.listen.to_string(), "127.0.0.1:8080");
        assert!(settings.api.token.is_none() && settings.summary.is_none());
        assert!(settings.jobs > 0);
        assert_eq!(settings.artifacts, ArtifactSettings::Local);
        assert_eq!(settings.shutdown_grace, Duration::from_mins(10));
        let source = settings.sources.first().unwrap();
        assert_eq!(
            (source.poll, &source.reference),
            (Duration::from_mins(1), &None)
        );
        let defaults = settings.defaults;
        assert_eq!(defaults.engine, "terraform");
        assert_eq!(defaults.policy.policy.mode, PolicyMode::Observe);
        assert!(defaults.policy.policy.safe.is_empty());
        assert_eq!(defaults.policy.hold_off, Duration::ZERO);
        assert_eq!(defaults.policy.pending_after, Duration::from_hours(24));
        assert_eq!(defaults.policy.confirm_after, Duration::from_mins(1));
        assert_eq!(defaults.policy.max_age, Duration::from_hours(24));
        assert_eq!(defaults.timeouts.apply, Duration::from_hours(2));
    }

    #[test]
    fn relative_paths_start_at_the_file() {
        let settings = good(
            "data_dir: data\nengine: ../bin/tofu\nca_file: /etc/ssl/ca.pem\n\
             api: { token_file: secrets/api }\nsources: [{ name: infra, path: infra.git }]\n",
        );
        assert_eq!(settings.data_dir, Path::new("/etc/mooring/data"));
        assert_eq!(settings.ca_file, Some("/etc/ssl/ca.pem".into()));
        assert_eq!(settings.defaults.engine, "/etc/mooring/../bin/tofu");
        assert_eq!(
            settings.api.token,
            Some(SecretSource::File("/etc/mooring/secrets/api".into()))
        );
        assert_eq!(
            settings.sources.first().unwrap().location,
            SourceLocation::Local("/etc/mooring/infra.git".into())
        );
    }

    #[test]
    fn a_later_rule_overrides_only_what_it_sets() {
        let settings = good(&format!(
            r#"{GOOD}
policy: {{ mode: heal, hold_off: 5m, safe: [{{ type: a, attributes: [tags] }}] }}
timeouts: {{ plan: 10m, apply: 1h }}
env: {{ A: general, B: "0123", C: {{ env: FROM }} }}
stacks:
  - match: "infra/prod/**"
    policy: {{ mode: observe }}
    timeouts: {{ plan: 20m }}
    env: {{ A: prod }}
    labels: {{ tier: prod }}
  - match: "infra/**/web"
    policy: {{ hold_off: 1h, safe: [] }}
    timeouts: {{ init: 1m }}
    labels: {{ team: "7" }}
    timezone: Asia/Tokyo
"#
        ));
        let web = settings_of(&settings, "infra/prod/web");
        assert_eq!(web.policy.policy.mode, PolicyMode::Observe);
        assert!(web.policy.policy.safe.is_empty());
        assert_eq!(web.policy.hold_off, Duration::from_hours(1));
        assert_eq!(web.timeouts.init, Duration::from_mins(1));
        assert_eq!(web.timeouts.plan, Duration::from_mins(20));
        assert_eq!(web.timeouts.apply, Duration::from_hours(1));
        assert_eq!(web.labels.len(), 2);
        let value = |name| web.plan_env.get(name);
        assert_eq!(value("A"), Some(&EnvValue::Plain("prod".into())));
        assert_eq!(value("B"), Some(&EnvValue::Plain("0123".into())));
        assert_eq!(
            value("C"),
            Some(&EnvValue::Secret(SecretSource::Env("FROM".into())))
        );
        let db = settings_of(&settings, "infra/dev/db");
        assert_eq!(db.policy.policy.mode, PolicyMode::Heal);
        assert_eq!(db.policy.policy.safe.len(), 1);
        assert_eq!(db.timeouts.plan, Duration::from_mins(10));
    }

    #[test]
    fn a_stack_can_change_only_the_zone_of_its_schedule() {
        let settings = good(&format!(
            "{GOOD}schedule: \"0 3 * * *\"\njitter: 0s\n\
             stacks: [{{ match: \"infra/**\", timezone: Asia/Tokyo }}]\n"
        ));
        let next = |stack: &StackSettings| {
            let after = "2026-01-01T00:00:00Z".parse().unwrap();
            stack
                .schedule
                .next(after, &StackId::new("infra/a"))
                .unwrap()
        };
        assert_eq!(next(&settings.defaults).to_string(), "2026-01-01T03:00:00Z");
        let tokyo = settings_of(&settings, "infra/a");
        assert_eq!(next(&tokyo).to_string(), "2026-01-01T18:00:00Z");
    }

    #[test]
    fn anchors_and_merge_keys_work() {
        let settings = good(
            "sources:\n  - &base { name: a, path: /a, poll: 5m }\n  - { <<: *base, name: b }\n",
        );
        let names: Vec<&str> = settings.sources.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(
            settings
                .sources
                .iter()
                .all(|s| s.poll == Duration::from_mins(5))
        );
    }

    #[test]
    fn the_schema_describes_the_file() {
        let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
        let at = |pointer: &str| schema.pointer(pointer).unwrap_or(&serde_json::Value::Null);
        assert_eq!(at("/title"), "mooring.yaml");
        assert_eq!(at("/additionalProperties"), false);
        assert_eq!(at("/properties/jobs/minimum"), 1);
        assert!(
            at("/properties/schedule/description")
                .as_str()
                .unwrap()
                .contains("cron")
        );
        assert_eq!(at("/$defs/Source/required/0"), "name");
        assert_eq!(at("/$defs/Source/additionalProperties"), false);
        assert_eq!(at("/$defs/EnvironmentValue/anyOf/0/type"), "string");
        let modes = at("/$defs/PolicyMode").to_string();
        assert!(
            modes.contains("\"heal\"") && !modes.contains("\"sync\""),
            "{modes}"
        );
        let actions = at("/$defs/SafeAction").to_string();
        assert!(
            actions.contains("\"create\"") && !actions.contains("\"delete\""),
            "{actions}"
        );
    }
}

mod bad_files {
    use super::*;

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
         help: allowed here: `listen`, `token_file`, `token_env`
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
    fn other_transports_than_https() {
        insta::assert_snapshot!(bad("sources:\n  - { name: a, url: \"http://git.example.com/acme/infra.git\" }\n  - { name: b, url: \"git@git.example.com:acme/infra.git\" }\n  - { name: c, url: \"ssh://git@git.example.com/acme/infra.git\" }\n"), @r#"
         × over http anybody on the way could change what Mooring applies
          ╭─[mooring.yaml:2:21]
        1 │ sources:
        2 │   - { name: a, url: "http://git.example.com/***           " }
          ·                     ───────────────────────────────────────
        3 │   - { name: b, url: "git@git.example.com:acme/infra.git" }
          ╰────
         help: use the repository's https URL; name a private certificate authority with the top-level
               key `ca_file`

         × repositories over SSH are not supported yet
          ╭─[mooring.yaml:3:21]
        2 │   - { name: a, url: "http://git.example.com/***           " }
        3 │   - { name: b, url: "git@git.example.com:acme/infra.git" }
          ·                     ────────────────────────────────────
        4 │   - { name: c, url: "ssh://***
          ╰────
         help: use the repository's https URL with `token_file`

         × repositories over SSH are not supported yet
          ╭─[mooring.yaml:4:21]
        3 │   - { name: b, url: "git@git.example.com:acme/infra.git" }
        4 │   - { name: c, url: "ssh://***
          ·                     ──────────
          ╰────
         help: use the repository's https URL with `token_file`
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
        insta::assert_snapshot!(bad_with("schedule: nightly\nsummary: { schedule: \"0 0 30 2 *\", notify: [] }\nstacks:\n  - match: \"infra/**\"\n    timezone: Europe/Berln\n    schedule: \"0 0 * * *\"\n"), @r#"
         × `nightly` is not a five-field cron expression: Invalid pattern: Pattern must have 5 fields
         │ when seconds are disallowed.
          ╭─[mooring.yaml:2:11]
        1 │ sources: [{ name: infra, path: /srv/git/infra }]
        2 │ schedule: nightly
          ·           ───────
        3 │ summary: { schedule: "0 0 30 2 *", notify: [] }
          ╰────
         help: write minute, hour, day of month, month and day of week, for example `*/30 * * * *`

         × `0 0 30 2 *` never comes
          ╭─[mooring.yaml:3:22]
        2 │ schedule: nightly
        3 │ summary: { schedule: "0 0 30 2 *", notify: [] }
          ·                      ────────────
        4 │ stacks:
          ╰────
         help: choose a date that exists, for example `0 0 1 * *`

         × the summary goes to nobody
          ╭─[mooring.yaml:3:44]
        2 │ schedule: nightly
        3 │ summary: { schedule: "0 0 30 2 *", notify: [] }
          ·                                            ─
        4 │ stacks:
          ╰────
         help: name receivers, for example `notify: [team]`

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
         help: write a number with a unit: `30s`, `5m`, `1h30m` (a day is `24h`)

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
         help: write a shorter one; the units are s, m and h
        "#);
    }

    #[test]
    fn the_mode_that_is_not_there_yet() {
        insta::assert_snapshot!(bad_with("policy:\n  mode: sync\nstacks:\n  - match: infra/*\n    policy: { mode: heel }\n"), @r#"
         × the mode `sync` is not available yet
          ╭─[mooring.yaml:3:9]
        2 │ policy:
        3 │   mode: sync
          ·         ────
        4 │ stacks:
          ╰────
         help: use `heal`: it repairs safe drift and holds merged code back

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
        insta::assert_snapshot!(bad_with("policy:\n  safe:\n    - type: aws_s3_bucket\n    - type: \"aws_{\"\n      attributes: [tags]\n      actions: [update, delete, updat]\n  severities:\n    - { type: aws_vpc, attributes: [tags.Env], severity: low }\n"), @r#"
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
         help: patterns are written like `aws_*`, `live/**` or `{a,b}`; put them in quotes

         × no rule can make `delete` automatic
          ╭─[mooring.yaml:7:25]
        6 │       attributes: [tags]
        7 │       actions: [update, delete, updat]
          ·                         ──────
        8 │   severities:
          ╰────
         help: take it away: what cannot be undone is always left to a person; a rule can cover `update`
               and `create`

         × `updat` is no action
          ╭─[mooring.yaml:7:33]
        6 │       attributes: [tags]
        7 │       actions: [update, delete, updat]
          ·                                 ─────
        8 │   severities:
          ╰────
         help: did you mean `update`?

         × severities go by top-level attributes
          ╭─[mooring.yaml:9:37]
        8 │   severities:
        9 │     - { type: aws_vpc, attributes: [tags.Env], severity: low }
          ·                                     ────────
          ╰────
         help: write the part before the first dot
        "#);
    }

    #[test]
    fn receivers() {
        insta::assert_snapshot!(bad_with("notify:\n  - name: team\n    email: { to: [nobody] }\n  - name: team\n    slack: {}\n  - name: none\nsummary: { schedule: \"0 8 * * *\", notify: [taem, ops] }\n"), @r#"
         × there is no server to send this e-mail
          ╭─[mooring.yaml:4:18]
        3 │   - name: team
        4 │     email: { to: [nobody] }
          ·                  ─
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
          ╭─[mooring.yaml:5:11]
        4 │     email: { to: [nobody] }
        5 │   - name: team
          ·           ────
        6 │     slack: {}
          ╰────
         help: the URL is a secret: put it in a file and name that with `webhook_url_file`, or name an
               environment variable with `webhook_url_env`

         × this receiver cannot be reached
          ╭─[mooring.yaml:7:11]
        6 │     slack: {}
        7 │   - name: none
          ·           ────
        8 │ summary: { schedule: "0 8 * * *", notify: [taem, ops] }
          ╰────
         help: add `slack`, `email` or `webhook`

         × no receiver is called `taem`
          ╭─[mooring.yaml:8:44]
        7 │   - name: none
        8 │ summary: { schedule: "0 8 * * *", notify: [taem, ops] }
          ·                                            ────
          ╰────
         help: did you mean `team`?

         × no receiver is called `ops`
          ╭─[mooring.yaml:8:50]
        7 │   - name: none
        8 │ summary: { schedule: "0 8 * * *", notify: [taem, ops] }
          ·                                                  ───
          ╰────
         help: add a receiver of this name to the top-level list `notify`
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
    fn no_source() {
        insta::assert_snapshot!(bad("jobs: 2\n"), @r#"
        × mooring.yaml: there is no source to follow
        help: add a repository: `sources: [{ name: infra, url: https://… }]`
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
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*") {
        if let Err(error) = read(&text) {
            error.report(true, 80);
        }
    }

    #[test]
    fn near_misses_never_panic(
        text in "([a-z]{1,3}|sources|policy|safe|env|name|: |:\n|\n|  |- |\\[|\\]|\\{|\\}|, |\"|'|&a |\\*a|<<|!|\\||>|#|\u{e9}|\t|\r\n|0|1h|https://|@)*",
        cut in 0usize..4000,
    ) {
        let mut example = example();
        let at = (0..=cut.min(example.len())).rev().find(|at| example.is_char_boundary(*at)).unwrap();
        example.insert_str(at, &text);
        for text in [text, example] {
            if let Err(error) = read(&text) {
                error.report(false, 80);
            }
        }
    }
}
