//! Mail through a real SMTP server that wants STARTTLS and a password. Needs the lab
//! (`MOORING_LAB`, a directory with `venv` and `tls`).

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mooring::domain::counts::VerdictCounts;
use mooring::domain::ids::{MessageId, SourceName};
use mooring::domain::notice::{Notice, SummaryNotice};
use mooring::notify::settings::{
    ChannelSettings, NotifierSettings, NotifySettings, SmtpAuth, SmtpSettings, SmtpTls, Value,
};
use mooring::notify::{Delivery, Notifiers, Specimen};
use mooring::secret::SecretSource;

/// A server of this test alone; ends with it, because its standard input closes.
struct Server {
    process: Child,
    port: u16,
    dir: tempfile::TempDir,
    lab: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

impl Server {
    fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    fn start_with(options: &[&str]) -> Option<Self> {
        let Some(lab) = std::env::var_os("MOORING_LAB").map(PathBuf::from) else {
            eprintln!("SKIPPED: MOORING_LAB is not set, so no mail goes to a real SMTP server");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("password"), "correct horse\n").unwrap();
        let mut process = Command::new(lab.join("venv/bin/python"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/smtp.py"))
            .arg("--dir")
            .arg(dir.path().join("mail"))
            .arg("--cert")
            .arg(lab.join("tls/server.pem"))
            .arg("--key")
            .arg(lab.join("tls/server.key"))
            .args(["--user", "mooring", "--password-file"])
            .arg(dir.path().join("password"))
            .arg("--down-file")
            .arg(dir.path().join("down"))
            .arg("--sessions-file")
            .arg(dir.path().join("sessions"))
            .arg("--until-eof")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the lab's Python starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.trim().parse().expect("the server prints its port");
        Some(Self {
            process,
            port,
            dir,
            lab,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn settings(&self, to: &[&str], password: &Path) -> NotifySettings {
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
            smtp: Some(SmtpSettings {
                host: "localhost".to_owned(),
                port: self.port,
                from: "Mooring <mooring@example.com>".to_owned(),
                tls: SmtpTls::StartTls,
                auth: SmtpAuth::Password,
                credentials: Some((
                    "mooring".to_owned(),
                    SecretSource::File(password.to_owned()),
                )),
            }),
            ca_file: Some(self.lab.join("tls/ca.pem")),
            ..NotifySettings::default()
        }
    }

    fn with_auth(&self, auth: SmtpAuth, password: &Path) -> NotifySettings {
        let mut settings = self.settings(&["a@example.com"], password);
        settings.smtp.as_mut().unwrap().auth = auth;
        settings
    }

    /// The connection of each mail, in the order of their coming.
    fn connections(&self) -> Vec<String> {
        let lines = std::fs::read_to_string(self.path("sessions")).unwrap_or_default();
        lines.lines().map(str::to_owned).collect()
    }

    /// Accepted mails in the order of their coming.
    fn mails(&self) -> Vec<String> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.path("mail"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
            .iter()
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect()
    }
}

fn notice() -> Notice {
    Notice::Summary(SummaryNotice {
        source: SourceName::new("infra"),
        at: "2026-11-23T10:05:00Z".parse().unwrap(),
        stacks: Vec::new(),
        counts: VerdictCounts::default(),
    })
}

/// One delivery to each recipient.
async fn deliver_all(settings: &NotifySettings) -> Vec<Delivery> {
    let id = MessageId::from_uuid(uuid::Uuid::from_u128(7));
    let date = "2026-11-23T10:06:00Z".parse().unwrap();
    let notifiers = Notifiers::build(settings).unwrap();
    let mut deliveries = Vec::new();
    for to in notifiers.addressees() {
        deliveries.push(notifiers.deliver(&to, &id, &notice(), date, None).await);
    }
    deliveries
}

async fn deliver(settings: &NotifySettings) -> Delivery {
    let mut deliveries = deliver_all(settings).await;
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    deliveries.remove(0)
}

#[tokio::test]
async fn a_mail_arrives_and_its_duplicate_has_the_same_identity() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.settings(&["Ann <a@example.com>"], &server.path("password"));
    assert_eq!(
        deliver(&settings).await,
        Delivery::Accepted { handle: None }
    );
    assert_eq!(
        deliver(&settings).await,
        Delivery::Accepted { handle: None }
    );
    let mails = server.mails();
    let [first, second] = mails.as_slice() else {
        panic!("{mails:?}");
    };
    for header in [
        "X-Rcpt: a@example.com",
        "To: Ann <a@example.com>",
        "From: Mooring <mooring@example.com>",
        "Subject: Mooring: 0 stacks, 0 in sync (first look at infra)",
        "Date: Mon, 23 Nov 2026 10:06:00 +0000",
        "Message-ID: <00000000-0000-0000-0000-000000000007@mooring.example.com>",
        "In-Reply-To: <summary-1795428300@mooring.example.com>",
        "References: <summary-1795428300@mooring.example.com>",
        "Auto-Submitted: auto-generated",
    ] {
        assert!(
            first.contains(&format!("{header}\r\n")),
            "{header} in {first}"
        );
    }
    assert!(first.contains("multipart/alternative"));
    assert!(first.contains("text/plain") && first.contains("text/html"));
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_wrong_password_is_tried_again_and_a_rotated_one_works_at_once() {
    let Some(server) = Server::start() else {
        return;
    };
    let password = server.path("mine");
    let settings = server.settings(&["a@example.com"], &password);
    std::fs::write(&password, "wrong horse").unwrap();
    let Delivery::Retry { error, .. } = deliver(&settings).await else {
        panic!("a refused password is tried again");
    };
    assert!(error.contains("user name or password"), "{error}");
    assert!(!error.contains("wrong horse"), "{error}");
    std::fs::write(&password, "correct horse").unwrap();
    assert_eq!(
        deliver(&settings).await,
        Delivery::Accepted { handle: None }
    );
}

#[tokio::test]
async fn a_server_that_is_down_is_tried_again() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.settings(&["a@example.com"], &server.path("password"));
    std::fs::write(server.path("down"), "").unwrap();
    let delivery = deliver(&settings).await;
    assert!(
        matches!(&delivery, Delivery::Retry { error, .. } if error.contains("421")),
        "{delivery:?}"
    );
    std::fs::remove_file(server.path("down")).unwrap();
    assert_eq!(
        deliver(&settings).await,
        Delivery::Accepted { handle: None }
    );
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn a_refused_recipient_concerns_nobody_else() {
    let Some(server) = Server::start() else {
        return;
    };
    let to = [
        "refused@example.com",
        "b@example.com",
        "busy@example.com",
        "c@example.com",
    ];
    let settings = server.settings(&to, &server.path("password"));
    let deliveries = deliver_all(&settings).await;
    let [
        refused,
        Delivery::Accepted { .. },
        busy,
        Delivery::Accepted { .. },
    ] = deliveries.as_slice()
    else {
        panic!("{deliveries:?}");
    };
    assert!(
        matches!(refused, Delivery::Rejected { error } if error.contains("no such user")),
        "{refused:?}"
    );
    assert!(
        matches!(busy, Delivery::Retry { error, .. } if error.contains("mailbox busy")),
        "{busy:?}"
    );
    let mails = server.mails();
    let [first, second] = mails.as_slice() else {
        panic!("{mails:?}");
    };
    assert!(first.contains("X-Rcpt: b@") && !first.contains("c@example.com"));
    assert!(second.contains("X-Rcpt: c@") && !second.contains("b@example.com"));
}

#[tokio::test]
async fn several_mails_in_a_row_share_a_connection_until_the_password_is_rotated() {
    let Some(server) = Server::start() else {
        return;
    };
    let password = server.path("password");
    let settings = server.settings(&["a@example.com", "b@example.com"], &password);
    let notifiers = Notifiers::build(&settings).unwrap();
    for round in 1..=2_u128 {
        std::fs::write(&password, format!("horse number {round}")).unwrap();
        for to in notifiers.addressees() {
            let id = MessageId::from_uuid(uuid::Uuid::from_u128(round));
            let date = "2026-11-23T10:06:00Z".parse().unwrap();
            let delivery = notifiers.deliver(&to, &id, &notice(), date, None).await;
            assert_eq!(delivery, Delivery::Accepted { handle: None });
        }
    }
    let connections = server.connections();
    let [a, b, c, d] = connections.as_slice() else {
        panic!("{connections:?}");
    };
    assert_eq!((a, c), (b, d));
    assert_ne!(a, c, "the new password signed in anew");
}

#[tokio::test]
async fn each_way_of_signing_in_works_where_it_is_the_only_one() {
    for (name, auth) in [
        ("PLAIN", SmtpAuth::Plain),
        ("LOGIN", SmtpAuth::Login),
        ("LOGIN", SmtpAuth::Password),
        ("XOAUTH2", SmtpAuth::Xoauth2),
    ] {
        let Some(server) = Server::start_with(&["--only-auth", name]) else {
            return;
        };
        let settings = server.with_auth(auth, &server.path("password"));
        let delivery = deliver(&settings).await;
        assert_eq!(delivery, Delivery::Accepted { handle: None }, "{name}");
        let wrong = server.path("wrong");
        std::fs::write(&wrong, "wrong horse").unwrap();
        let delivery = deliver(&server.with_auth(auth, &wrong)).await;
        let Delivery::Retry { error, .. } = delivery else {
            panic!("{name}: {delivery:?}");
        };
        let hint = if auth == SmtpAuth::Xoauth2 {
            "refuses the access token"
        } else {
            "refuses the user name or password"
        };
        assert!(error.contains(hint), "{name}: {error}");
        assert!(!error.contains("wrong horse"), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_know_the_way_of_signing_in_is_told_of() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.with_auth(SmtpAuth::Xoauth2, &server.path("password"));
    let delivery = deliver(&settings).await;
    assert!(
        matches!(&delivery, Delivery::Retry { error, .. } if error.contains("smtp.auth")),
        "{delivery:?}"
    );
}

#[tokio::test]
async fn the_mails_of_an_alert_arrive_as_one_conversation() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.settings(&["a@example.com"], &server.path("password"));
    let notifiers = Notifiers::build(&settings).unwrap();
    let now = "2026-11-23T10:06:00Z".parse().unwrap();
    let mut known = None;
    for (n, kind) in [Specimen::Deleted, Specimen::Resolved]
        .into_iter()
        .enumerate()
    {
        let notice = kind.as_of(now, uuid::Uuid::from_u128(5));
        let id = MessageId::from_uuid(uuid::Uuid::from_u128(n as u128));
        let to = notifiers.addressees().remove(0);
        let delivery = notifiers.deliver(&to, &id, &notice, now, known.as_deref());
        let Delivery::Accepted { handle } = delivery.await else {
            panic!("{kind:?}");
        };
        known = handle.or(known);
    }
    let mails = server.mails();
    let [first, last] = mails.as_slice() else {
        panic!("{mails:?}");
    };
    let header = |mail: &str, name: &str| {
        let mail = mail.replace("\r\n ", " ");
        let mut lines = mail.lines();
        let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_default().to_owned()
    };
    let subject = header(first, "Subject");
    assert!(subject.contains("aws_db_instance.main"), "{subject}");
    assert_eq!(header(last, "Subject"), format!("Re: {subject}"));
    assert_eq!(header(last, "References"), header(first, "References"));
    assert_ne!(header(last, "Message-ID"), header(first, "Message-ID"));
    assert_eq!(header(first, "Importance"), "high");
    assert_eq!(header(last, "Importance"), "");
    assert_eq!(header(last, "X-Mooring-Event"), "resolved");
}
