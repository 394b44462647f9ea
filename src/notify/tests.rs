//! What people read, and how channels are built.

use insta::assert_snapshot;
use jiff::tz::TimeZone;

use super::content::content;
use super::render::{Data, Mail};
use super::settings::{
    ChannelSettings, NotifierSettings, NotifySettings, SmtpAuth, SmtpSettings, SmtpTls, Templates,
    Value,
};
use super::*;
use crate::domain::ids::StackId;

fn rendered(notice: &Notice) -> Mail {
    let renderer = Renderer::new(Templates::default()).unwrap();
    let data = Data::new(&content(notice), notice, "team", &TimeZone::UTC);
    renderer.mail(&data).unwrap()
}

#[test]
fn mails_of_each_kind() {
    for kind in Specimen::ALL {
        let Mail {
            subject,
            text,
            html,
        } = rendered(&kind.notice());
        insta::with_settings!({snapshot_suffix => kind.as_str(), omit_expression => true}, {
            assert_snapshot!("mail", format!("Subject: {subject}\n\n{text}\n\n{html}"));
        });
    }
}

#[test]
fn the_largest_report_is_shown_whole() {
    let Notice::Report(mut report) = Specimen::Report.notice() else {
        unreachable!()
    };
    let long = "<&>".repeat(400);
    let posture = &mut report.posture;
    let mut open = posture.new.items[0].clone();
    open.headline = Some(long.clone());
    open.owners = vec![long.clone()];
    let mut noise = posture.suppressed.items[0].clone();
    noise.reason = long.clone();
    posture.new.items = vec![open.clone(); 20];
    posture.oldest = vec![open; 10];
    posture.suppressed.items = vec![noise; 20];
    let mut labels = posture.groups.labels[0].clone();
    labels.label = long.clone();
    labels.values.items[0].name = Some(long);
    labels.values.items = vec![labels.values.items[0].clone(); 20];
    posture.groups.labels = vec![labels; 20];
    let html = rendered(&Notice::Report(report)).html;
    assert!(html.len() < 102_000, "{}", html.len());
    assert!(html.contains("did not fit into this mail"));
    assert!(html.contains("mooring report --kept"));
}

/// What a command line, an address, a value or a table needs cannot be broken; everything else is.
#[test]
fn plain_text_keeps_within_72_columns() {
    let tables = [Specimen::Report, Specimen::CalmReport];
    for kind in Specimen::ALL
        .into_iter()
        .filter(|kind| !tables.contains(kind))
    {
        let text = rendered(&kind.notice()).text;
        let prose = |line: &&str| !line.starts_with("    ") && !line.starts_with("* ");
        for line in text.lines().filter(prose) {
            let columns = unicode_width::UnicodeWidthStr::width(line);
            assert!(columns <= 72, "{}: {line}", kind.as_str());
        }
    }
}

/// Gmail cuts a mail off after 102 kB, and what it cuts off is the end.
#[test]
fn the_largest_mail_is_shown_whole() {
    let Notice::Alert(mut alert) = samples::drift() else {
        unreachable!()
    };
    let resources = &mut alert.check.findings.resources;
    let mut finding = resources[0].clone();
    let long = crate::domain::value::Value::String("<&>".repeat(400));
    for attribute in &mut finding.attributes {
        attribute.real = long.clone();
    }
    finding.attributes = vec![finding.attributes[0].clone(); 30];
    *resources = vec![finding; 2000];
    let html = rendered(&Notice::Alert(alert)).html;
    assert!(html.len() < 100_000, "{} bytes", html.len());
    assert!(html.contains("and 1,990 more"));
}

#[test]
fn html_escapes_what_the_world_wrote() {
    for notice in samples::all() {
        let html = rendered(&notice).html;
        assert!(!html.contains("<b>*hacked*"), "{html}");
        assert!(!html.contains("<img") && !html.contains("<script"));
        for tag in ["html", "body", "div", "table", "tr", "td", "h2", "p"] {
            let open = html.matches(&format!("<{tag}")).count();
            assert_eq!(open, html.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
    let html = rendered(&samples::drift()).html;
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
        auth: SmtpAuth::Password,
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
        ..NotifySettings::default()
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
        assert!(notifiers.tells_of_receivers(name));
        let delivery = notifiers
            .deliver(&to, &id, &samples::drift(), Timestamp::UNIX_EPOCH, None)
            .await;
        assert_eq!(delivery, Delivery::Accepted { handle: None }, "{name}");
    }
}

/// Long addresses break at their dots.
#[test]
fn no_tag_of_ours_is_shown_as_text() {
    for kind in Specimen::ALL {
        let html = rendered(&kind.notice()).html;
        assert!(!html.contains("&lt;wbr"), "{}: {html}", kind.as_str());
    }
    assert!(
        rendered(&samples::drift())
            .html
            .contains("aws_s3_bucket.<wbr>logs")
    );
}

/// The lightness of a colour as WCAG 2 reckons it, from 0 to 1.
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let part = u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

#[test]
fn every_colour_can_be_read_on_its_ground_by_day_and_by_night() {
    let template = Part::Html.built_in();
    let light = [
        ("#15191e", "#ffffff"),
        ("#59636e", "#ffffff"),
        ("#0b57d0", "#ffffff"),
        ("#15191e", "#fdecea"),
        ("#15191e", "#e6f4ea"),
        ("#15191e", "#eef1f4"),
    ];
    let dark = [
        ("#e8eaed", "#1b1f25"),
        ("#a8b0ba", "#1b1f25"),
        ("#8ab4f8", "#1b1f25"),
        ("#e8eaed", "#12151a"),
        ("#ffd9d4", "#45201d"),
        ("#cdf3d8", "#163822"),
        ("#dfe3e8", "#272c34"),
        // Outlook changes the ground alone.
        ("#e8eaed", "#45201d"),
        ("#e8eaed", "#163822"),
    ];
    for colour in light
        .iter()
        .chain(&dark)
        .flat_map(|(text, ground)| [text, ground])
    {
        assert!(template.contains(colour), "{colour} is no longer used");
    }
    let badges = samples::all();
    let badges = badges.iter().map(|notice| render::colour(&content(notice)));
    let badges = badges.map(|colour| ("#ffffff", colour));
    for (text, ground) in light.into_iter().chain(dark).chain(badges) {
        let (a, b) = (luminance(text), luminance(ground));
        let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
        assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
    }
}
