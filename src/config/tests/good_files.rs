use std::time::Duration;

use super::*;
use crate::artifacts::settings::{ArtifactPlace, ArtifactSettings, Encryption, Keep};
use crate::domain::finding::{FindingAction, Origin, Severity};
use crate::domain::ids::StackId;
use crate::domain::policy::PolicyMode;
use crate::domain::report::Each;
use crate::git::settings::{Access, SourceLocation};
use crate::notify::settings::SmtpTls;
use crate::reconcile::settings::EnvValue;
use crate::secret::SecretSource;

#[test]
fn the_example_loads() {
    let settings = good(&example());
    assert_eq!(settings.jobs, 4);
    assert_eq!(settings.defaults.policy.policy.mode, PolicyMode::Heal);
    let policy = &settings.defaults.policy.policy;
    let names: Vec<&str> = policy.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(
        names,
        ["databases", "access", "autoscaling", "small-changes"]
    );
    assert_eq!((policy.windows.len(), policy.freezes.len()), (1, 1));
    let [tags, alarms, again] = settings.defaults.policy.policy.safe.as_slice() else {
        panic!("three rules");
    };
    assert_eq!(tags.name, "aws_s3_bucket tags");
    assert_eq!(tags.when.actions, [FindingAction::Update]);
    assert_eq!(alarms.name, "alarms");
    assert!(alarms.when.types[0].is_match("aws_cloudwatch_metric_alarm"));
    assert_eq!(again.when.actions, [FindingAction::Create]);
    assert_eq!(
        (&again.name, again.when.attributes.len()),
        (&alarms.name, 0)
    );
    let rules = &settings.rules;
    assert_eq!(rules.severities.len(), 2);
    assert_eq!(
        rules.severities[1].origins,
        [Origin::Drift, Origin::Unenforced]
    );
    assert_eq!(
        rules.severities[1].reason.as_deref(),
        Some("who pays for it")
    );
    assert_eq!(rules.noise[0].reason, "the autoscaler sets it");
    assert!(rules.irreversible[0].attributes.is_empty());
    assert_eq!(rules.irreversible[1].attributes[0].as_str(), "definition");
    let [fleet, owners] = settings.reports.as_slice() else {
        panic!("two reports");
    };
    assert_eq!((fleet.name.as_str(), &fleet.each), ("fleet-weekly", &None));
    assert_eq!(fleet.notifiers, ["team"]);
    assert_eq!(fleet.since, Some(jiff::SignedDuration::from_hours(7 * 24)));
    assert_eq!(fleet.filter.severity, Some(Severity::Low));
    assert_eq!(fleet.filter.which.labels["tier"].as_str(), "prod*");
    let monday: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
    let due = fleet.schedule.next(monday, &StackId::new("x")).unwrap();
    assert_eq!(due.to_string(), "2026-11-23T07:00:00Z", "in Berlin");
    assert_eq!(owners.each, Some(Each::Owner));
    assert!(owners.notifiers.is_empty() && owners.since.is_none());
    let ArtifactPlace::S3(s3) = settings.artifacts.place else {
        panic!("a bucket");
    };
    assert_eq!(s3.bucket, "acme-mooring");
    assert_eq!(s3.profile.as_deref(), Some("mooring"));
    let key = Some("alias/mooring".to_owned());
    assert_eq!(s3.encryption, Encryption::Kms { key });
    assert_eq!((s3.attempts, s3.timeout), (3, Duration::from_mins(1)));
    let keys = &settings.snapshots.keys;
    let file = SecretSource::File("/run/secrets/snapshots-key".into());
    assert_eq!((keys.key.as_ref(), keys.recipients.len()), (Some(&file), 1));
    let heartbeat = settings.heartbeat.unwrap();
    assert_eq!(heartbeat.every, Duration::from_mins(1));
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
            access: Access::Token {
                username: "git".into(),
                token: SecretSource::File("/run/secrets/git-token".into()),
            },
        }
    );
    let [oncall, team] = settings.notify.notifiers.as_slice() else {
        panic!("two receivers");
    };
    assert_eq!(oncall.channel.channel, "slack");
    assert_eq!(
        oncall.channel.values.secret("webhook_url"),
        Some(&SecretSource::File("/run/secrets/slack".into()))
    );
    assert_eq!(team.channel.channel, "email");
    assert_eq!(team.channel.values.texts("to"), ["platform@example.com"]);
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
    assert!(settings.api.token.is_none() && settings.reports.is_empty());
    assert!(settings.jobs > 0);
    let ninety_days = Duration::from_hours(90 * 24);
    let artifacts = ArtifactSettings {
        place: ArtifactPlace::Local,
        keep: Keep::For(ninety_days),
    };
    assert_eq!(settings.artifacts, artifacts);
    let snapshots = settings.snapshots;
    assert!(snapshots.keys.key.is_none() && snapshots.keys.recipients.is_empty());
    assert_eq!(
        (snapshots.keep, snapshots.keep_last),
        (Keep::For(ninety_days), 20)
    );
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
fn artifacts_are_kept_as_long_as_is_written() {
    for (written, keep) in [
        ("36h", Keep::For(Duration::from_hours(36))),
        ("1d 12h", Keep::For(Duration::from_hours(36))),
        ("52w", Keep::For(Duration::from_hours(52 * 7 * 24))),
        ("forever", Keep::Forever),
    ] {
        let settings = good(&format!("{GOOD}artifacts: {{ keep: {written} }}\n"));
        assert_eq!(settings.artifacts.keep, keep, "{written}");
    }
    let settings = good(&format!(
        "{GOOD}artifacts: {{ s3: {{ bucket: a, sse: kms, timeout: 5s, attempts: 1 }} }}\n"
    ));
    let ArtifactPlace::S3(s3) = settings.artifacts.place else {
        panic!("a bucket");
    };
    assert_eq!(s3.encryption, Encryption::Kms { key: None });
    assert_eq!((s3.attempts, s3.timeout), (1, Duration::from_secs(5)));
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
    let rest: String = (0..300)
        .map(|n| format!("  - {{ <<: *base, name: s{n} }}\n"))
        .collect();
    let settings = good(&format!(
        "sources:\n  - &base {{ name: a, path: /a, poll: 5m }}\n{rest}"
    ));
    assert_eq!(settings.sources.len(), 301);
    assert_eq!(settings.sources.last().unwrap().name.as_str(), "s299");
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
    assert!(!schema.to_string().contains("null"));
    let modes = at("/$defs/PolicyMode").to_string();
    assert!(
        modes.contains("\"heal\"") && modes.contains("\"sync\""),
        "{modes}"
    );
    let actions = at("/$defs/SafeAction").to_string();
    assert!(
        actions.contains("\"create\"") && !actions.contains("\"delete\""),
        "{actions}"
    );
}
