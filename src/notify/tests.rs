//! What people read, and how channels are built.

use insta::assert_snapshot;

use super::content::content;
use super::render::Renderer;
use super::settings::{
    ChannelSettings, NotifierSettings, NotifySettings, SmtpSettings, SmtpTls, Value,
};
use super::*;
use crate::domain::ids::StackId;

fn mail(notice: &Notice) -> String {
    let renderer = Renderer::new().unwrap();
    let content = content(notice);
    let text = renderer.text(&content).unwrap();
    format!("Subject: {}\n\n{text}", content.subject)
}

#[test]
fn mail_about_drift() {
    assert_snapshot!(mail(&samples::drift()), @r##"
    Subject: [drifted, high] infra/live/web@prod: aws_security_group.web and 2 more

    infra/live/web@prod: drifted – high severity
    Seen 2026-11-23 10:00 UTC, commit 0123456789, workspace prod

    What changed
    - aws_security_group.web – high: changed where the configuration does not look; an apply will not put it back
        ingress: now also {cidr_blocks: ["0.0.0.0/0"], from_port: 22, protocol: "tcp", to_port: 22}
    - module.db["main"].aws_ssm_parameter.password – medium: changed outside Terraform
        value: changed; the value is sensitive and not shown
    - aws_s3_bucket.logs – low: changed outside Terraform
        tags.Env: was "prod", is now "<b>*hacked*</b> & `more`"; Git wants "prod"

    What Mooring does
    - It changes nothing by itself: a person has to decide.
    - aws_security_group.web: high severity change that an apply would absorb into the state

    What you can do
    - Change aws_security_group.web back by hand before anything is applied, or write it into the code: no apply puts it back, and the next one hides it.
    - Put it back: terraform apply in live/web of infra (workspace prod).
    - Or keep it: write it into the code in live/web of infra (workspace prod) and merge.
    - See all of it:
        mooring show infra/live/web@prod
    "##);
}

#[test]
fn mail_about_a_deleted_database_while_code_is_waiting() {
    assert_snapshot!(mail(&samples::deleted()), @r##"
    Subject: [drifted, critical, changed] infra/live/web@prod: aws_db_instance.main

    infra/live/web@prod: drifted, and code is waiting to be applied – critical severity
    Seen 2026-11-23 10:00 UTC, commit 0123456789, workspace prod
    It is another trouble than last told; open since 2026-11-23 10:00 UTC

    What changed
    - aws_db_instance.main – critical: deleted by hand; an apply creates it again, empty
      also waiting in Git: 1 resource

    What Mooring does
    - It changes nothing by itself: a person has to decide.
    - pending code blocks the repair: applying would also deploy it

    What you can do
    - Careful: an apply now can lose data (aws_db_instance.main). Make sure of a backup first.
    - Put it back: terraform apply in live/web of infra (workspace prod). This also deploys the code that is waiting.
    - Or leave it gone: take it out of the code in live/web of infra (workspace prod) and merge.
    - See all of it:
        mooring show infra/live/web@prod
    "##);
}

#[test]
fn mail_about_a_failure() {
    assert_snapshot!(mail(&samples::failed()), @r##"
    Subject: [failed: locked] infra/live/web@prod: the state is locked by ci@runner-7 (operation apply, since 2026-11-23 09:12 UTC)

    infra/live/web@prod: cannot be checked (locked) – high severity
    Seen 2026-11-23 10:00 UTC, commit 0123456789, workspace prod

    What happened
    - locked – the state is locked by ci@runner-7 (operation apply, since 2026-11-23 09:12 UTC)

    What Mooring does
    - It changes nothing, and looks again on schedule.

    What you can do
    - Wait until that apply ends; if it is dead, release the lock with terraform force-unlock.
    - Until then nobody knows whether this stack has drifted.
    - See all of it:
        mooring show infra/live/web@prod
    "##);
}

#[test]
fn mail_about_an_end() {
    assert_snapshot!(mail(&samples::resolved()), @r##"
    Subject: [resolved] infra/live/web@prod: drift put right outside Mooring

    infra/live/web@prod: drift put right outside Mooring
    The stack is now in sync.
    Open from 2026-11-23 10:00 UTC to 2026-11-23 11:30 UTC
    "##);
}

#[test]
fn mail_about_a_repair() {
    assert_snapshot!(mail(&samples::repaired()), @r##"
    Subject: [repaired] infra/live/web@prod: aws_s3_bucket.logs

    infra/live/web@prod: repaired by Mooring; now in sync
    Seen 2026-11-23 10:02 UTC, commit 0123456789, workspace prod
    Run 01935000-0000-7000-8000-000000000003

    What was put back
    - aws_s3_bucket.logs – low: had been changed outside Terraform
        tags.Env: put back from "<b>*hacked*</b> & `more`" to "prod"

    Why that was allowed
    - aws_s3_bucket.logs is drift and safe by rule

    What you can do
    - Nothing has to be done. If somebody needed the change, write it into the code.
    - See all of it:
        mooring show infra/live/web@prod
    "##);
}

#[test]
fn an_unverified_repair_does_not_say_that_anything_is_repaired() {
    assert_snapshot!(mail(&samples::unverified()), @r##"
    Subject: [applied, not verified] infra/live/web@prod: aws_s3_bucket.logs

    infra/live/web@prod: Mooring applied a repair and could not check the result
    Seen 2026-11-23 10:02 UTC, commit 0123456789, workspace prod
    Run 01935000-0000-7000-8000-000000000003

    What happened
    - locked – the state is locked by ci@runner-7 (operation apply, since 2026-11-23 09:12 UTC)

    What was to be put back
    - aws_s3_bucket.logs – low: changed outside Terraform
        tags.Env: was "prod", is now "<b>*hacked*</b> & `more`"; Git wants "prod"

    Why that was allowed
    - aws_s3_bucket.logs is drift and safe by rule

    What you can do
    - Look at the stack before anything else is applied.
    - See all of it:
        mooring show infra/live/web@prod
    "##);
}

#[test]
fn mail_about_a_first_look() {
    assert_snapshot!(mail(&samples::first_sight()), @r##"
    Subject: Mooring: 5 stacks, 3 in sync (first look at infra)

    5 stacks: 3 in sync, 1 drifted, 1 impossible to check (first look at infra)
    Made 2026-11-23 10:05 UTC
    This is the first look at this source. What was found is the baseline: it alerts nobody until it changes.

    Worth a look
    - infra/live/db – impossible to check (high) since 2026-11-23 10:00 UTC
        credentials_refused: the backend refused the credentials
    - infra/live/web@prod – drifted (low) since 2026-11-23 10:00 UTC
        aws_s3_bucket.logs: tags.Env

    What you can do
    - See them all:
        mooring stacks
    - Begin with the worst:
        mooring show infra/live/db
    "##);
}

#[test]
fn html_escapes_what_the_world_wrote() {
    let renderer = Renderer::new().unwrap();
    for notice in samples::all() {
        let html = renderer.html(&content(&notice)).unwrap();
        assert!(!html.contains("<b>*hacked*"), "{html}");
        assert!(!html.contains("<img") && !html.contains("<script"));
        for tag in ["html", "body", "div", "ul", "li", "h2"] {
            let open = html.matches(&format!("<{tag}")).count();
            assert_eq!(open, html.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
    let html = renderer.html(&content(&samples::drift())).unwrap();
    assert!(html.contains("&lt;b&gt;*hacked*&lt;"), "{html}");
}

#[test]
fn a_subject_is_one_short_line() {
    let Notice::Alert(mut alert) = samples::drift() else {
        unreachable!()
    };
    alert.stack = StackId::new(format!(
        "infra/a\r\nBcc: all@example.com\u{202e}/{}",
        "x".repeat(500)
    ));
    let subject = content(&Notice::Alert(alert)).subject;
    assert!(subject.chars().count() <= 200);
    assert!(!subject.contains(['\r', '\n', '\u{202e}']), "{subject:?}");
}

fn smtp() -> SmtpSettings {
    SmtpSettings {
        host: "smtp.example.com".to_owned(),
        port: 587,
        from: "Mooring <mooring@example.com>".to_owned(),
        tls: SmtpTls::StartTls,
        credentials: None,
    }
}

fn mail_to(to: &[&str], smtp: Option<SmtpSettings>) -> NotifySettings {
    NotifySettings {
        notifiers: vec![NotifierSettings {
            name: "team".to_owned(),
            channel: ChannelSettings {
                channel: "email",
                values: [(
                    "to",
                    Value::Texts(to.iter().map(|&to| to.to_owned()).collect()),
                )]
                .into_iter()
                .collect(),
            },
        }],
        smtp,
        ca_file: None,
    }
}

#[test]
fn what_cannot_work_is_refused_when_it_is_built() {
    let refused = |settings: &NotifySettings| Notifiers::build(settings).unwrap_err().to_string();
    assert_snapshot!(refused(&mail_to(&["a@example.com"], None)), @r##"
    the notifier team sends e-mail, but there is no SMTP server: add `smtp`
    "##);
    assert_snapshot!(refused(&mail_to(&[], Some(smtp()))), @r#"the notifier team has no recipient: add one to `to`"#);
    assert_snapshot!(refused(&mail_to(&["platform"], Some(smtp()))), @r##"
    "platform" (a recipient of team) is not an e-mail address: Invalid input
    "##);
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, "no certificate").unwrap();
    let settings = NotifySettings {
        ca_file: Some(ca.clone()),
        ..NotifySettings::default()
    };
    assert!(refused(&settings).contains("there is no PEM certificate in it"));
    std::fs::remove_file(&ca).unwrap();
    assert!(refused(&settings).contains("No such file"));
}

#[test]
fn a_setting_that_cannot_be_used_is_refused_when_it_is_built() {
    let refused = |channel, values: &[(&'static str, &str)]| {
        let texts = values
            .iter()
            .map(|&(field, text)| (field, Value::Text(text.to_owned())));
        let settings = NotifySettings {
            notifiers: vec![NotifierSettings {
                name: "a".to_owned(),
                channel: ChannelSettings {
                    channel,
                    values: texts.collect(),
                },
            }],
            ..NotifySettings::default()
        };
        Notifiers::build(&settings).unwrap_err().to_string()
    };
    assert_snapshot!(
        refused("github_issues", &[("repository", "https://github.com/acme/infra")]),
        @r#""https://github.com/acme/infra" (`repository` of a) is not usable: write it as `owner/name`"#
    );
    assert_snapshot!(
        refused("matrix", &[("room", "ops"), ("homeserver", "https://m.example.com")]),
        @r#""ops" (`room` of a) is not usable: a room's id begins with `!`, an alias with `#`"#
    );
    assert_snapshot!(
        refused("gitlab_issues", &[("project", "a/b"), ("url", "ftp://x")]),
        @r#""ftp://x" (`url` of a) is not usable: it begins with neither http nor https"#
    );
}

#[tokio::test]
async fn a_notifier_that_left_the_configuration_rejects() {
    let notifiers = Notifiers::build(&mail_to(&["a@example.com"], Some(smtp()))).unwrap();
    for (notifier, recipient, word) in [
        ("gone", None, "no notifier gone"),
        ("team", Some("b@example.com"), "this recipient"),
        ("team", None, "this recipient"),
    ] {
        let delivery = notifiers
            .deliver(
                &addressee(notifier, recipient),
                &samples::message_id(),
                &samples::drift(),
                Timestamp::UNIX_EPOCH,
                None,
            )
            .await;
        assert!(
            matches!(&delivery, Delivery::Rejected { error } if error.contains(word)),
            "{delivery:?}"
        );
    }
}

fn addressee(notifier: &str, recipient: Option<&str>) -> Addressee {
    Addressee {
        notifier: notifier.to_owned(),
        recipient: recipient.map(str::to_owned),
    }
}

#[test]
fn each_recipient_of_a_mail_is_an_addressee() {
    let to = ["a@example.com", "Bea <b@example.com>", "<a@example.com>"];
    let notifiers = Notifiers::build(&mail_to(&to, Some(smtp()))).unwrap();
    let wanted = [
        addressee("team", Some("a@example.com")),
        addressee("team", Some("b@example.com")),
    ];
    assert_eq!(notifiers.addressees(), wanted);
    assert_eq!(notifiers.addressees_of("team"), wanted);
    assert_eq!(notifiers.addressees_of("gone"), []);
}

#[tokio::test]
async fn a_webhook_and_slack_get_their_bodies() {
    use wiremock::matchers::{body_partial_json, header, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    let server = MockServer::start().await;
    let id = samples::message_id();
    Mock::given(path("/hook"))
        .and(header("webhook-id", id.to_string()))
        .and(header(
            "content-type",
            "application/cloudevents+json; charset=utf-8",
        ))
        .and(header("authorization", "Bearer tokentoken"))
        .and(body_partial_json(
            serde_json::json!({"id": id.to_string(), "data": {"version": 1}}),
        ))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/slack"))
        .and(body_partial_json(serde_json::json!({
            "text": "[drifted, high] infra/live/web@prod: aws_security_group.web and 2 more",
        })))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let dir = tempfile::tempdir().unwrap();
    let secret = |name: &str, text: String| {
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        SecretSource::File(file)
    };
    let notifiers = [
        (
            "slack",
            vec![(
                "webhook_url",
                secret("slack", format!("{}/slack", server.uri())),
            )],
        ),
        (
            "webhook",
            vec![
                ("url", secret("hook", format!("{}/hook", server.uri()))),
                ("token", secret("token", "tokentoken".to_owned())),
            ],
        ),
    ];
    let settings = NotifySettings {
        notifiers: notifiers
            .into_iter()
            .map(|(channel, secrets)| NotifierSettings {
                name: channel.to_owned(),
                channel: ChannelSettings {
                    channel,
                    values: secrets
                        .into_iter()
                        .map(|(field, source)| (field, Value::Secret(source)))
                        .collect(),
                },
            })
            .collect(),
        ..NotifySettings::default()
    };
    let notifiers = Notifiers::build(&settings).unwrap();
    for name in ["slack", "webhook"] {
        let to = addressee(name, None);
        assert_eq!(notifiers.addressees_of(name), std::slice::from_ref(&to));
        let delivery = notifiers
            .deliver(&to, &id, &samples::drift(), Timestamp::UNIX_EPOCH, None)
            .await;
        assert_eq!(delivery, Delivery::Accepted { handle: None }, "{name}");
    }
}
