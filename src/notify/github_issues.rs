//! Issues of a repository on GitHub, by its REST API.

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use secrecy::SecretString;
use serde_json::{Value as Json, json};

use super::issues::{Draft, Forge, Issues};
use super::rest::{Request, below, credential};
use super::settings::{Field, FieldKind, Form};
use super::{Channel, Delivery, NotifyError};

/// The issues of one repository.
pub(super) const CHANNEL: Channel = Channel {
    form: Form {
        name: "github_issues",
        about: "Issues on GitHub: one for each stack with trouble.",
        fields: &[
            Field {
                name: "repository",
                about: "The repository, as `owner/name`.",
                kind: FieldKind::Text,
                needed: true,
            },
            Field {
                name: "token",
                about: "a token that may write issues",
                kind: FieldKind::Secret,
                needed: true,
            },
            Field {
                name: "api_url",
                about: "The API of another GitHub, such as https://github.example.com/api/v3.",
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
        let written = blueprint.text("repository")?;
        let parts = written.split_once('/');
        let usable = |part: &str| !part.is_empty() && !part.contains('/');
        let (owner, name) = parts
            .filter(|(owner, name)| usable(owner) && usable(name))
            .ok_or_else(|| NotifyError::Unusable {
                name: blueprint.name.to_owned(),
                field: "repository",
                value: written.to_owned(),
                cause: "write it as `owner/name`".to_owned(),
            })?;
        let server = blueprint.server("api_url", "https://api.github.com")?;
        Ok(Box::new(Issues {
            forge: GitHub {
                issues: below(&server, ["repos", owner, name, "issues"]),
                labels: blueprint.values.texts("labels").to_vec(),
            },
            token: blueprint.secret("token")?,
            http: blueprint.http()?,
        }))
    },
};

/// One repository.
struct GitHub {
    issues: Url,
    labels: Vec<String>,
}

impl Forge for GitHub {
    fn service(&self) -> &'static str {
        "GitHub"
    }

    fn hint(&self) -> &'static str {
        "The repository needs to exist and to have issues switched on, and the token the right to \
         write them"
    }

    fn headers(&self, token: &SecretString) -> Result<HeaderMap, Delivery> {
        let mut headers: HeaderMap = [credential("authorization", "Bearer ", token)?]
            .into_iter()
            .collect();
        let version = HeaderValue::from_static("2022-11-28");
        headers.insert("x-github-api-version", version);
        let json = HeaderValue::from_static("application/vnd.github+json");
        headers.insert(ACCEPT, json);
        Ok(headers)
    }

    fn list(&self, page: usize, size: usize) -> Request {
        let mut url = self.issues.clone();
        url.query_pairs_mut()
            .append_pair("state", "all")
            .append_pair("sort", "created")
            .append_pair("direction", "desc")
            .append_pair("per_page", &size.to_string())
            .append_pair("page", &page.to_string());
        Request::get(url)
    }

    fn create(&self, draft: &Draft) -> Request {
        let body = json!({
            "title": draft.title.as_deref().unwrap_or_default(),
            "body": draft.text,
            "labels": self.labels,
        });
        Request::with(Method::POST, self.issues.clone(), body)
    }

    fn edit(&self, number: u64, draft: &Draft) -> Request {
        let mut body = json!({"body": draft.text});
        if let Some(title) = &draft.title {
            body["title"] = json!(title);
        }
        match draft.open {
            Some(true) => body["state"] = json!("open"),
            Some(false) => {
                body["state"] = json!("closed");
                body["state_reason"] = json!("completed");
            }
            None => {}
        }
        let number = number.to_string();
        let url = below(&self.issues, [number.as_str()]);
        Request::with(Method::PATCH, url, body)
    }

    fn comment(&self, number: u64, text: &str) -> Request {
        let number = number.to_string();
        let url = below(&self.issues, [number.as_str(), "comments"]);
        Request::with(Method::POST, url, json!({"body": text}))
    }

    fn number(&self, issue: &Json) -> Option<u64> {
        issue["number"].as_u64()
    }

    // Pull requests are listed among the issues. In a public repository anybody can open an issue
    // with our marker; ours come from an app or from somebody who belongs to the repository.
    fn text<'a>(&self, issue: &'a Json) -> Option<&'a str> {
        let belongs = matches!(
            issue["author_association"].as_str(),
            Some("OWNER" | "MEMBER" | "COLLABORATOR")
        );
        let app = issue["user"]["type"].as_str() == Some("Bot");
        if issue.get("pull_request").is_some() || !(belongs || app) {
            return None;
        }
        issue["body"].as_str()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn only_issues_of_those_who_belong_to_the_repository_are_believed() {
        let github = GitHub {
            issues: Url::parse("https://api.github.com/repos/acme/infra/issues").unwrap(),
            labels: Vec::new(),
        };
        let issue = |association: &str, user: &str| {
            json!({
                "number": 7, "body": "x",
                "author_association": association, "user": {"type": user},
            })
        };
        assert_eq!(github.text(&issue("COLLABORATOR", "User")), Some("x"));
        assert_eq!(github.text(&issue("NONE", "Bot")), Some("x"));
        // What Mooring has just created is known all the same, or it would create another.
        let stranger = issue("CONTRIBUTOR", "User");
        assert_eq!(github.text(&stranger), None);
        assert_eq!(github.number(&stranger), Some(7));
        let mut request = issue("OWNER", "User");
        request["pull_request"] = json!({});
        assert_eq!(github.text(&request), None);
    }
}
