//! Issues of a code host: one for each stack, open as long as anything is wrong with it. Its text
//! shows the stack as it is now; comments tell what happened.

use std::collections::BTreeMap;

use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::domain::ids::StackId;
use crate::domain::notice::{Notice, Turn};
use crate::secret::{Masker, SecretSource};

use super::content::Content;
use super::http::HttpSender;
use super::markdown::{brief, escape, whole};
use super::rest::{Answer, Request};
use super::words::cut;
use super::{Delivery, Letter, Notifier, Pending, Preview, read_secret};

/// Below the limits of both services (255 for titles, 65,536 for texts of GitHub).
const TITLE_CHARACTERS: usize = 200;
const TEXT_CHARACTERS: usize = 60_000;
/// Issues of a page, and pages looked through for one of ours: those are among the newest, unless
/// Mooring forgot about them long ago.
const PAGE: usize = 100;
const PAGES: usize = 5;

/// What a service understands: pure, so that each differs in words only.
pub(super) trait Forge: Send + Sync {
    /// Its name.
    fn service(&self) -> &'static str;
    /// What to look after if it says that something is missing or forbidden.
    fn hint(&self) -> &'static str;
    /// The headers of each request.
    fn headers(&self, token: &SecretString) -> Result<HeaderMap, Delivery>;
    /// Issues in any state, newest first.
    fn list(&self, page: usize, size: usize) -> Request;
    /// A new issue.
    fn create(&self, draft: &Draft) -> Request;
    /// Another title, text or state.
    fn edit(&self, number: u64, draft: &Draft) -> Request;
    /// A comment.
    fn comment(&self, number: u64, text: &str) -> Request;
    /// The number of an issue.
    fn number(&self, issue: &Json) -> Option<u64>;
    /// The text of a listed issue; none of one that Mooring cannot have made.
    fn text<'a>(&self, issue: &'a Json) -> Option<&'a str>;
}

/// What an issue is to be.
pub(super) struct Draft {
    /// The title; none leaves it.
    pub(super) title: Option<String>,
    pub(super) text: String,
    /// Whether it is to be open; none leaves that as it is.
    pub(super) open: Option<bool>,
}

/// Delivers to the issues of one project.
pub(super) struct Issues<F> {
    pub(super) forge: F,
    pub(super) token: SecretSource,
    pub(super) http: HttpSender,
}

/// What is remembered of a stack.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// The number of its issue.
    issue: Option<u64>,
    /// Its open alerts by conversation, each as one line.
    open: BTreeMap<String, String>,
}

impl<F: Forge> Notifier for Issues<F> {
    fn takes_each(&self) -> bool {
        true
    }

    // It is about no stack, and issues are.
    fn tells_of_receivers(&self) -> bool {
        false
    }

    fn send<'a>(&'a self, letter: Letter<'a>) -> Pending<'a> {
        Box::pin(async move {
            match self.deliver(letter).await {
                Ok(handle) => Delivery::Accepted { handle },
                Err(delivery) => delivery,
            }
        })
    }

    fn thread(&self, notice: &Notice) -> String {
        match notice.stack() {
            Some(stack) => format!("stack-{stack}"),
            None => notice.conversation(),
        }
    }

    fn preview(&self, letter: Letter<'_>) -> Vec<Preview> {
        vec![Preview::new(
            "md",
            whole(&letter.content(), TEXT_CHARACTERS),
        )]
    }
}

impl<F: Forge> Issues<F> {
    // The issue is edited first, which can be repeated, and the comment comes last. An issue that
    // was made just before a crash is found by its marker. So a delivery that is repeated leaves at
    // most one comment too many.
    async fn deliver(&self, letter: Letter<'_>) -> Result<Option<String>, Delivery> {
        let notice = letter.notice;
        let Some(stack) = notice.stack() else {
            return Ok(None);
        };
        let service = Service {
            issues: self,
            token: read_secret(&self.token).await?,
        };
        let content = letter.content();
        let handle = letter.handle.map(serde_json::from_str::<Kept>);
        let mut kept = handle.and_then(Result::ok).unwrap_or_default();
        let turn = notice.turn();
        match turn {
            Turn::Begins | Turn::GoesOn | Turn::IsTaken => {
                let line = content.subject.clone();
                kept.open.insert(notice.conversation(), line);
            }
            Turn::Ends => {
                kept.open.remove(&notice.conversation());
            }
            Turn::Alone => {
                if let Some(issue) = kept.issue {
                    let text = whole(&content, TEXT_CHARACTERS);
                    service.comment(issue, &text).await?;
                }
                return Ok(None);
            }
        }
        let draft = draft(notice, &content, &kept);
        let known = match kept.issue {
            Some(issue) if service.edit(issue, &draft).await? => Some(issue),
            _ => match service.find(stack).await? {
                Some(issue) if service.edit(issue, &draft).await? => Some(issue),
                _ => None,
            },
        };
        kept.issue = match known {
            Some(issue) => {
                service.comment(issue, &brief(&content)).await?;
                Some(issue)
            }
            None if turn == Turn::Ends => None,
            None => Some(service.create(&draft).await?),
        };
        // Text and numbers are always JSON.
        Ok(serde_json::to_string(&kept).ok())
    }
}

/// How a stack's issue is recognised, whatever becomes of its title.
fn marker(stack: &StackId) -> String {
    let stack = stack.as_str().replace('&', "&amp;").replace('>', "&gt;");
    format!("<!-- mooring stack: {stack} -->")
}

fn draft(notice: &Notice, content: &Content, kept: &Kept) -> Draft {
    let ends = notice.turn() == Turn::Ends;
    let over = ends && kept.open.is_empty();
    let mut text = String::new();
    if let Some(stack) = notice.stack() {
        text.push_str(&format!("{}\n", marker(stack)));
    }
    text.push_str(&whole(content, TEXT_CHARACTERS / 2));
    let conversation = notice.conversation();
    let mut others = kept.open.iter().filter(|(key, _)| **key != conversation);
    if let Some(first) = others.next() {
        let title = if ends { "Still open" } else { "Also open" };
        text.push_str(&format!("\n**{title}**\n\n"));
        for (_, line) in std::iter::once(first).chain(others) {
            text.push_str(&format!("- {}\n", escape(line)));
        }
    }
    text.push_str("\nMooring keeps this text up to date and closes the issue when all is well.\n");
    Draft {
        title: (!ends || over).then(|| cut(&content.headline, TITLE_CHARACTERS)),
        text: cut(&text, TEXT_CHARACTERS),
        open: match notice.turn() {
            // Whoever closed it by hand hears that the trouble goes on.
            Turn::Begins | Turn::GoesOn => Some(true),
            Turn::Ends if over => Some(false),
            Turn::Ends | Turn::IsTaken | Turn::Alone => None,
        },
    }
}

/// The service with the token of this delivery.
struct Service<'a, F> {
    issues: &'a Issues<F>,
    token: SecretString,
}

impl<F: Forge> Service<'_, F> {
    async fn ask(&self, request: Request) -> Result<Answer, Delivery> {
        let masker = Masker::new([self.token.expose_secret()]);
        let headers = self.issues.forge.headers(&self.token)?;
        self.issues.http.ask(request, headers, &masker).await
    }

    fn refusal(&self, answer: &Answer) -> Delivery {
        let forge = &self.issues.forge;
        answer.refusal(forge.service(), forge.hint())
    }

    /// Whether there was such an issue: a person may have deleted or moved it.
    async fn edit(&self, number: u64, draft: &Draft) -> Result<bool, Delivery> {
        let answer = self.ask(self.issues.forge.edit(number, draft)).await?;
        match answer.status.as_u16() {
            301 | 404 | 410 => Ok(false),
            _ if answer.status.is_success() => Ok(true),
            _ => Err(self.refusal(&answer)),
        }
    }

    /// Comments, unless the issue is gone.
    async fn comment(&self, number: u64, text: &str) -> Result<(), Delivery> {
        let answer = self.ask(self.issues.forge.comment(number, text)).await?;
        match answer.status.as_u16() {
            301 | 404 | 410 => Ok(()),
            _ if answer.status.is_success() => Ok(()),
            _ => Err(self.refusal(&answer)),
        }
    }

    /// The newest issue of ours about this stack.
    async fn find(&self, stack: &StackId) -> Result<Option<u64>, Delivery> {
        let marker = marker(stack);
        for page in 1..=PAGES {
            let answer = self.ask(self.issues.forge.list(page, PAGE)).await?;
            let listed = match &answer.json {
                Json::Array(listed) if answer.status.is_success() => listed,
                _ => return Err(self.refusal(&answer)),
            };
            let forge = &self.issues.forge;
            let ours = |issue: &&Json| {
                let text = forge.text(issue);
                text.is_some_and(|text| text.starts_with(&marker))
            };
            if let Some(issue) = listed.iter().find(ours) {
                return Ok(forge.number(issue));
            }
            if listed.len() < PAGE {
                break;
            }
        }
        Ok(None)
    }

    async fn create(&self, draft: &Draft) -> Result<u64, Delivery> {
        let answer = self.ask(self.issues.forge.create(draft)).await?;
        let created = self.issues.forge.number(&answer.json);
        created
            .filter(|_| answer.status.is_success())
            .ok_or_else(|| self.refusal(&answer))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
