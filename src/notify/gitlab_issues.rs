//! Issues of a project on GitLab, by its REST API.

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use secrecy::SecretString;
use serde_json::{Value as Json, json};

use super::issues::{Draft, Forge, Issues};
use super::rest::{Request, below, credential};
use super::settings::{Field, FieldKind, Form};
use super::{Channel, Delivery};

/// The issues of one project.
pub(super) const CHANNEL: Channel = Channel {
    form: Form {
        name: "gitlab_issues",
        about: "Issues on GitLab: one for each stack with trouble.",
        fields: &[
            Field {
                name: "project",
                about: "The project, as `group/name` or by its number.",
                kind: FieldKind::Text,
                needed: true,
            },
            Field {
                name: "token",
                about: "a token with the scope `api`",
                kind: FieldKind::Secret,
                needed: true,
            },
            Field {
                name: "url",
                about: "Another GitLab than https://gitlab.com.",
                kind: FieldKind::Url,
                needed: false,
            },
            Field {
                name: "labels",
                about: "Labels that new issues get.",
                kind: FieldKind::Texts,
                needed: false,
            },
        ],
        smtp: false,
    },
    build: |blueprint| {
        let project = blueprint.text("project")?;
        let server = blueprint.server("url", "https://gitlab.com")?;
        Ok(Box::new(Issues {
            forge: GitLab {
                issues: below(&server, ["api", "v4", "projects", project, "issues"]),
                labels: blueprint.values.texts("labels").join(","),
            },
            token: blueprint.secret("token")?,
            http: blueprint.http()?,
        }))
    },
};

/// One project.
struct GitLab {
    issues: Url,
    labels: String,
}

impl Forge for GitLab {
    fn service(&self) -> &'static str {
        "GitLab"
    }

    fn hint(&self) -> &'static str {
        "The project needs to exist and to have issues switched on, and the token the scope `api` \
         and a role that may edit them"
    }

    fn headers(&self, token: &SecretString) -> Result<HeaderMap, Delivery> {
        let token = credential("private-token", "", token)?;
        Ok([token].into_iter().collect())
    }

    // Anybody may open an issue with our marker; those of others are not ours.
    fn list(&self, page: usize, size: usize) -> Request {
        let mut url = self.issues.clone();
        url.query_pairs_mut()
            .append_pair("scope", "created_by_me")
            .append_pair("state", "all")
            .append_pair("order_by", "created_at")
            .append_pair("sort", "desc")
            .append_pair("per_page", &size.to_string())
            .append_pair("page", &page.to_string());
        Request::get(url)
    }

    fn create(&self, draft: &Draft) -> Request {
        let body = json!({
            "title": draft.title.as_deref().unwrap_or_default(),
            "description": draft.text,
            "labels": self.labels,
        });
        Request::with(Method::POST, self.issues.clone(), body)
    }

    fn edit(&self, number: u64, draft: &Draft) -> Request {
        let mut body = json!({"description": draft.text});
        if let Some(title) = &draft.title {
            body["title"] = json!(title);
        }
        if let Some(open) = draft.open {
            body["state_event"] = json!(if open { "reopen" } else { "close" });
        }
        let number = number.to_string();
        let url = below(&self.issues, [number.as_str()]);
        Request::with(Method::PUT, url, body)
    }

    fn comment(&self, number: u64, text: &str) -> Request {
        let number = number.to_string();
        let url = below(&self.issues, [number.as_str(), "notes"]);
        Request::with(Method::POST, url, json!({"body": text}))
    }

    fn number(&self, issue: &Json) -> Option<u64> {
        issue["iid"].as_u64()
    }

    fn text<'a>(&self, issue: &'a Json) -> Option<&'a str> {
        issue["description"].as_str()
    }
}
