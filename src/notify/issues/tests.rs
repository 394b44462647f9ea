//! The life of a stack's issue on both services, against servers written from their documentation:
//! <https://docs.github.com/en/rest/issues/issues?apiVersion=2022-11-28>,
//! <https://docs.github.com/en/rest/issues/comments?apiVersion=2022-11-28>,
//! <https://docs.gitlab.com/api/issues/> and <https://docs.gitlab.com/api/notes/>.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request as Received, Respond, ResponseTemplate};

use super::super::content::content;
use super::super::samples;
use super::super::settings::{ChannelSettings, NotifierSettings, NotifySettings, Value, Values};
use super::super::{Addressee, Notifiers};
use super::*;
use crate::domain::alert::{AlertEvent, AlertKind};
use crate::domain::ids::AlertId;

const TOKEN: &str = "tokentokentoken";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    GitHub,
    GitLab,
}

const BOTH: [Kind; 2] = [Kind::GitHub, Kind::GitLab];

#[derive(Debug, Clone)]
struct Fake {
    title: String,
    text: String,
    open: bool,
    gone: bool,
    by_stranger: bool,
    labels: Json,
    comments: Vec<String>,
}

/// A code host with one project.
#[derive(Clone)]
struct Host {
    kind: Kind,
    issues: Arc<Mutex<Vec<Fake>>>,
    fault: Arc<Mutex<Option<ResponseTemplate>>>,
}

impl Host {
    fn shown(&self, number: usize, fake: &Fake) -> Json {
        let association = if fake.by_stranger {
            "NONE"
        } else {
            "COLLABORATOR"
        };
        match self.kind {
            Kind::GitHub => json!({
                "number": number, "title": fake.title, "body": fake.text,
                "state": if fake.open { "open" } else { "closed" },
                "author_association": association, "user": {"type": "User"},
            }),
            Kind::GitLab => json!({
                "iid": number, "title": fake.title, "description": fake.text,
                "state": if fake.open { "opened" } else { "closed" },
            }),
        }
    }

    fn authorised(&self, request: &Received) -> bool {
        let (name, value) = match self.kind {
            Kind::GitHub => ("authorization", format!("Bearer {TOKEN}")),
            Kind::GitLab => ("private-token", TOKEN.to_owned()),
        };
        request
            .headers
            .get(name)
            .is_some_and(|given| *given == *value)
    }

    fn list(&self, request: &Received) -> ResponseTemplate {
        let asked: BTreeMap<_, _> = request.url.query_pairs().into_owned().collect();
        assert_eq!(asked["state"], "all");
        let page: usize = asked["page"].parse().unwrap();
        let size: usize = asked["per_page"].parse().unwrap();
        let mine = asked
            .get("scope")
            .is_some_and(|scope| scope == "created_by_me");
        let issues = self.issues.lock().unwrap();
        let there = issues.iter().enumerate().rev();
        let there = there.filter(|(_, fake)| !(fake.gone || mine && fake.by_stranger));
        let listed: Vec<Json> = there
            .skip((page - 1) * size)
            .take(size)
            .map(|(index, fake)| self.shown(index + 1, fake))
            .collect();
        ResponseTemplate::new(200).set_body_json(listed)
    }

    fn edit(&self, number: usize, body: &Json) -> ResponseTemplate {
        let mut issues = self.issues.lock().unwrap();
        let fake = &mut issues[number - 1];
        if fake.gone {
            let status = if self.kind == Kind::GitHub { 410 } else { 404 };
            return ResponseTemplate::new(status);
        }
        let text = match self.kind {
            Kind::GitHub => &body["body"],
            Kind::GitLab => &body["description"],
        };
        fake.text = text.as_str().unwrap().to_owned();
        if let Some(title) = body["title"].as_str() {
            fake.title = title.to_owned();
        }
        match (body["state"].as_str(), body["state_event"].as_str()) {
            (Some("open"), None) | (None, Some("reopen")) => fake.open = true,
            (Some("closed"), None) | (None, Some("close")) => fake.open = false,
            (None, None) => {}
            other => panic!("{other:?}"),
        }
        ResponseTemplate::new(200).set_body_json(self.shown(number, fake))
    }

    fn create(&self, body: &Json) -> ResponseTemplate {
        let mut issues = self.issues.lock().unwrap();
        let text = match self.kind {
            Kind::GitHub => &body["body"],
            Kind::GitLab => &body["description"],
        };
        let fake = Fake {
            title: body["title"].as_str().unwrap().to_owned(),
            text: text.as_str().unwrap().to_owned(),
            open: true,
            gone: false,
            by_stranger: false,
            labels: body["labels"].clone(),
            comments: Vec::new(),
        };
        assert!(!fake.title.is_empty());
        let shown = self.shown(issues.len() + 1, &fake);
        issues.push(fake);
        ResponseTemplate::new(201).set_body_json(shown)
    }
}

impl Respond for Host {
    fn respond(&self, request: &Received) -> ResponseTemplate {
        if !self.authorised(request) {
            return ResponseTemplate::new(401);
        }
        if let Some(fault) = self.fault.lock().unwrap().take() {
            return fault;
        }
        let (base, edit, comments) = match self.kind {
            Kind::GitHub => ("/repos/acme/infra/issues", "PATCH", "comments"),
            Kind::GitLab => ("/api/v4/projects/acme%2Finfra/issues", "PUT", "notes"),
        };
        let rest = request.url.path().strip_prefix(base).unwrap();
        let parts: Vec<&str> = rest.split('/').skip(1).collect();
        let body: Json = serde_json::from_slice(&request.body).unwrap_or_default();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", []) => self.list(request),
            ("POST", []) => self.create(&body),
            (method, [number]) if method == edit => self.edit(number.parse().unwrap(), &body),
            ("POST", [number, last]) if *last == comments => {
                let number: usize = number.parse().unwrap();
                let fake = &mut self.issues.lock().unwrap()[number - 1];
                fake.comments
                    .push(body["body"].as_str().unwrap().to_owned());
                ResponseTemplate::new(201).set_body_json(json!({"id": 1}))
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A host, a notifier that writes to it, and what it remembers of the stack.
struct Desk {
    host: Host,
    notifiers: Notifiers,
    handle: Option<String>,
    _server: MockServer,
    _dir: tempfile::TempDir,
}

impl Desk {
    async fn at(kind: Kind) -> Self {
        let host = Host {
            kind,
            issues: Arc::default(),
            fault: Arc::default(),
        };
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(host.clone())
            .mount(&server)
            .await;
        let dir = tempfile::tempdir().unwrap();
        let token = dir.path().join("token");
        std::fs::write(&token, TOKEN).unwrap();
        let (channel, project, url) = match kind {
            Kind::GitHub => ("github_issues", "repository", "api_url"),
            Kind::GitLab => ("gitlab_issues", "project", "url"),
        };
        let values: Values = [
            (project, Value::Text("acme/infra".to_owned())),
            (url, Value::Text(server.uri())),
            ("token", Value::Secret(SecretSource::File(token))),
            (
                "labels",
                Value::Texts(vec!["drift".to_owned(), "ops".to_owned()]),
            ),
        ]
        .into_iter()
        .collect();
        let settings = NotifySettings {
            notifiers: vec![NotifierSettings {
                name: "desk".to_owned(),
                channel: ChannelSettings { channel, values },
            }],
            ..NotifySettings::default()
        };
        Self {
            host,
            notifiers: Notifiers::build(&settings).unwrap(),
            handle: None,
            _server: server,
            _dir: dir,
        }
    }

    async fn try_telling(&self, notice: &Notice) -> Delivery {
        let to = Addressee {
            notifier: "desk".to_owned(),
            recipient: None,
        };
        let id = samples::message_id();
        let handle = self.handle.as_deref();
        self.notifiers
            .deliver(&to, &id, notice, Timestamp::UNIX_EPOCH, handle)
            .await
    }

    async fn tell(&mut self, notice: &Notice) {
        match self.try_telling(notice).await {
            Delivery::Accepted { handle } => self.handle = handle.or(self.handle.take()),
            other => panic!("{other:?}"),
        }
    }

    fn issues(&self) -> Vec<Fake> {
        self.host.issues.lock().unwrap().clone()
    }

    fn change(&self, index: usize, how: impl FnOnce(&mut Fake)) {
        how(&mut self.host.issues.lock().unwrap()[index]);
    }

    fn fault(&self, response: ResponseTemplate) {
        *self.host.fault.lock().unwrap() = Some(response);
    }
}

/// Another alert of the same stack.
fn other(notice: Notice, event: AlertEvent) -> Notice {
    let Notice::Alert(mut alert) = notice else {
        unreachable!()
    };
    alert.alert = AlertId::from_uuid(uuid::Uuid::from_u128(77));
    alert.event = event;
    if event == AlertEvent::Resolved {
        alert.kind = AlertKind::Failed;
    }
    Notice::Alert(alert)
}

#[tokio::test]
async fn an_issue_lives_as_long_as_any_trouble_of_its_stack() {
    for kind in BOTH {
        let mut desk = Desk::at(kind).await;
        desk.tell(&samples::drift()).await;
        let [issue] = desk.issues().try_into().unwrap();
        assert!(issue.open && issue.comments.is_empty(), "{issue:?}");
        match kind {
            Kind::GitHub => assert_eq!(issue.labels, json!(["drift", "ops"])),
            Kind::GitLab => assert_eq!(issue.labels, json!("drift,ops")),
        }
        desk.tell(&other(samples::failed(), AlertEvent::Opened))
            .await;
        desk.tell(&samples::deleted()).await;
        let [issue] = desk.issues().try_into().unwrap();
        assert_eq!(issue.comments.len(), 2);
        assert!(issue.text.contains("**Also open**"), "{}", issue.text);

        desk.tell(&samples::resolved()).await;
        let [issue] = desk.issues().try_into().unwrap();
        assert!(issue.open, "another alert is open");
        assert!(issue.text.contains("**Still open**"), "{}", issue.text);
        desk.tell(&other(samples::resolved(), AlertEvent::Resolved))
            .await;
        let [issue] = desk.issues().try_into().unwrap();
        assert!(!issue.open);
        assert_eq!(issue.comments.len(), 4);

        desk.tell(&samples::drift()).await;
        let [issue] = desk.issues().try_into().unwrap();
        assert!(issue.open, "the trouble is back");
        desk.tell(&samples::repaired()).await;
        let [issue] = desk.issues().try_into().unwrap();
        assert!(issue.comments.last().unwrap().contains("What was put back"));
    }
}

#[tokio::test]
async fn people_may_close_or_delete_an_issue() {
    for kind in BOTH {
        let mut desk = Desk::at(kind).await;
        desk.tell(&samples::drift()).await;
        desk.change(0, |issue| issue.open = false);
        desk.tell(&samples::deleted()).await;
        assert!(desk.issues()[0].open, "the trouble goes on");

        desk.change(0, |issue| issue.gone = true);
        desk.tell(&samples::deleted()).await;
        let issues = desk.issues();
        assert_eq!(issues.len(), 2);
        assert!(issues[1].open && issues[1].comments.is_empty());

        desk.change(1, |issue| issue.gone = true);
        desk.tell(&samples::resolved()).await;
        assert_eq!(desk.issues().len(), 2, "nothing is left to be told");
    }
}

#[tokio::test]
async fn what_was_forgotten_is_found_again_and_strangers_are_not_believed() {
    for kind in BOTH {
        let mut desk = Desk::at(kind).await;
        desk.tell(&samples::drift()).await;
        desk.handle = None;
        desk.tell(&samples::drift()).await;
        assert_eq!(desk.issues().len(), 1);

        desk.change(0, |issue| issue.by_stranger = true);
        desk.handle = None;
        desk.tell(&samples::drift()).await;
        assert_eq!(desk.issues().len(), 2);
    }
}

#[tokio::test]
async fn limits_are_obeyed_and_refusals_say_what_to_do() {
    let desk = Desk::at(Kind::GitHub).await;
    let notice = samples::drift();
    let abuse = json!({"message": "You have exceeded a secondary rate limit."});
    desk.fault(
        ResponseTemplate::new(403)
            .insert_header("retry-after", "90")
            .set_body_json(abuse),
    );
    let Delivery::Retry { error, after } = desk.try_telling(&notice).await else {
        panic!("a limit passes");
    };
    assert_eq!(after, Some(SignedDuration::from_secs(90)));
    assert!(!error.contains("the right to"), "{error}");
    let off = json!({"message": "Issues are disabled for this repo"});
    desk.fault(ResponseTemplate::new(410).set_body_json(off));
    let Delivery::Retry { error, .. } = desk.try_telling(&notice).await else {
        panic!("they may be switched on");
    };
    assert!(error.contains("have issues switched on"), "{error}");
    desk.fault(ResponseTemplate::new(422).set_body_string(TOKEN));
    let Delivery::Rejected { error } = desk.try_telling(&notice).await else {
        panic!("the same would be refused again");
    };
    assert!(!error.contains(TOKEN), "{error}");
    assert!(desk.issues().is_empty());
}

#[tokio::test]
async fn a_summary_opens_no_issue() {
    let mut desk = Desk::at(Kind::GitHub).await;
    desk.tell(&samples::first_sight()).await;
    desk.tell(&samples::repaired()).await;
    desk.tell(&samples::resolved()).await;
    assert!(desk.issues().is_empty());
}

#[tokio::test]
async fn issues_of_stacks_are_not_asked_to_tell_of_receivers() {
    let mut desk = Desk::at(Kind::GitLab).await;
    assert!(!desk.notifiers.tells_of_receivers("desk"));
    desk.tell(&super::super::Specimen::Undelivered.notice())
        .await;
    assert!(desk.issues().is_empty());
}

#[test]
fn what_an_issue_says() {
    let notice = samples::drift();
    let mut kept = Kept::default();
    kept.open
        .insert("x".to_owned(), "[failed] @acme".to_owned());
    let draft = draft(&notice, &content(&notice), &kept);
    let title = draft.title.unwrap();
    insta::assert_snapshot!(format!("{title}\n\n{}", draft.text));
    insta::assert_snapshot!("a_comment", brief(&content(&samples::resolved())));
}

#[test]
fn a_name_cannot_end_the_marker() {
    let marker = marker(&StackId::new("infra/a--> @all"));
    assert_eq!(marker.matches("-->").count(), 1, "{marker}");
}
