//! Asking people: a request for one exact plan, who said what of it, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::binding::Binding;
use super::check::StackCheck;
use super::content::{counts, parts};
use super::ids::{RequestId, RunId, StackId, TokenId};
use super::requirement::{Authors, Requirement, Voter};

/// What people are asked: whether this plan may be applied, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The run that made the plan.
    pub run: RunId,
    /// What exactly would be applied, and to which state.
    pub binding: Binding,
    /// Every one of these has to be met.
    pub requirements: Vec<Requirement>,
    /// The addresses of those who wrote the commit; none if that is not known.
    pub authors: Option<BTreeSet<String>>,
    /// The objects that would change, each with a hash over how.
    pub parts: BTreeMap<String, String>,
    /// The plan as people see it, with why they are asked.
    pub check: StackCheck,
    /// Who wants the stack back as it was at an earlier commit, if that is what the plan is for.
    #[serde(default)]
    pub rollback: Option<Rollback>,
}

/// Somebody wants a stack back as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// Who.
    pub by: String,
    /// Why, for the others.
    pub reason: Option<String>,
    /// What is known of who it is.
    #[serde(default)]
    pub asker: Option<Voter>,
}

impl Asked {
    /// Whose the plan is.
    fn whose(&self) -> Authors<'_> {
        let rollback = self.rollback.as_ref();
        Authors {
            addresses: self.authors.as_ref(),
            asker: rollback.and_then(|rollback| rollback.asker.as_ref()),
        }
    }

    /// A question about the plan that a look saw.
    pub fn new(
        run: RunId,
        binding: Binding,
        requirements: Vec<Requirement>,
        authors: Option<BTreeSet<String>>,
        check: &StackCheck,
    ) -> Self {
        Self {
            run,
            binding,
            requirements,
            authors,
            parts: Self::parts_of(check),
            check: check.clone(),
            rollback: None,
        }
    }

    /// The objects that a plan would change, each with a hash over how.
    pub fn parts_of(check: &StackCheck) -> BTreeMap<String, String> {
        parts(check, &BTreeSet::new(), counts)
    }
}

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who.
    pub voter: Voter,
    /// When.
    pub at: Timestamp,
    /// Why, for the others.
    pub reason: Option<String>,
    /// What showed that it was they.
    #[serde(default)]
    pub proof: Option<Proof>,
}

/// A token of somebody's own, which showed who voted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The token.
    pub token: TokenId,
    /// From when on it opens nothing.
    pub until: Timestamp,
}

impl Vote {
    /// From when on it no longer counts: as long as the token that shows who it was. Proven by none
    /// that is known it never did.
    fn ends(&self) -> Option<Timestamp> {
        let until = self.proof.as_ref().map_or(self.at, |proof| proof.until);
        self.voter.proven.then_some(until)
    }

    fn counts(&self, now: Timestamp) -> bool {
        self.ends().is_none_or(|end| now < end)
    }
}

/// Where a request is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum RequestState {
    /// It waits for people.
    Open,
    /// Enough have said yes; it waits for its apply.
    Approved,
    /// Its apply has begun; it is worth nothing any more.
    Used {
        /// The run that applies.
        run: RunId,
    },
    /// Somebody said no.
    Rejected {
        /// Their vote.
        vote: Vote,
    },
    /// What was asked is not what would be done now.
    Void {
        /// How it differs, one short sentence each.
        differs: Vec<String>,
    },
    /// Its time was up.
    Expired,
}

impl RequestState {
    /// The stable word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Used { .. } => "used",
            Self::Rejected { .. } => "rejected",
            Self::Void { .. } => "void",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing can become of it any more.
    pub const fn is_over(&self) -> bool {
        !matches!(self, Self::Open | Self::Approved)
    }
}

/// A request: at most one of a stack is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// The stack.
    pub stack: StackId,
    /// What is asked.
    pub asked: Asked,
    /// Where it is.
    pub state: RequestState,
    /// Who has said yes, each once.
    pub votes: Vec<Vote>,
    /// When it was made.
    pub asked_at: Timestamp,
    /// When it is worth nothing any more, approved or not.
    pub expires_at: Timestamp,
    /// When its state last changed.
    pub changed_at: Timestamp,
    /// The notifiers that news of it went to.
    #[serde(default)]
    pub told_to: BTreeSet<String>,
    /// How often it has changed: of two changes made at the same time one counts.
    pub revision: u32,
}

/// Something that happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody says yes.
    Approve(Vote),
    /// Somebody says no, even to what is approved already.
    Reject(Vote),
    /// Somebody takes back their yes.
    Revoke(Voter),
    /// A token is taken back, and what was said with it.
    Withdraw(TokenId),
    /// Its apply begins.
    Use(RunId),
    /// What was asked is not what would be done now.
    Void(Vec<String>),
    /// Time passes.
    Pass,
}

/// Why something cannot happen to a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Nothing can become of it any more.
    #[error("the request is {0} already")]
    Over(&'static str),
    /// Too few have said yes.
    #[error("the request is not approved")]
    NotApproved,
    /// The yes of this person does not count.
    #[error("this approval would not count: {0}")]
    NoVoice(String),
    /// The token of this person opens nothing any more.
    #[error("the token of {0} is revoked or expired by now")]
    NoProof(String),
    /// The person has said so already.
    #[error("{0} has approved it already")]
    Again(String),
    /// The person has not said yes.
    #[error("{0} has not approved it")]
    NoVote(String),
    /// It is not over yet.
    #[error("its time is not up")]
    NotYet,
}

impl Request {
    /// A new request.
    pub fn new(
        id: RequestId,
        stack: StackId,
        asked: Asked,
        lasts: SignedDuration,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            stack,
            asked,
            state: RequestState::Open,
            votes: Vec::new(),
            asked_at: now,
            expires_at: now.checked_add(lasts).unwrap_or(Timestamp::MAX),
            changed_at: now,
            told_to: BTreeSet::new(),
            revision: 0,
        }
    }

    /// What is still needed, one line for each requirement that is not met.
    pub fn missing(&self) -> Vec<String> {
        let asked = &self.asked;
        let requirements = asked.requirements.iter();
        requirements
            .filter_map(|requirement| {
                let voters = self.votes.iter().map(|vote| &vote.voter);
                let count = requirement.missing(voters, asked.whose());
                (count > 0).then(|| requirement.words(count, asked.whose()))
            })
            .collect()
    }

    /// Whether it may be used at a time.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.state == RequestState::Approved
            && now < self.expires_at
            && self.counting(now).missing().is_empty()
    }

    /// Who has said yes.
    pub fn approvers(&self) -> Vec<String> {
        self.votes.iter().map(|v| v.voter.name.clone()).collect()
    }

    /// The request with the votes alone that count at a time.
    #[must_use]
    pub fn counting(&self, now: Timestamp) -> Self {
        let mut request = self.clone();
        request.votes.retain(|vote| vote.counts(now));
        request
    }

    /// When time alone changes something about it: it expires, or a vote no longer counts. None once it
    /// is over.
    pub fn due_at(&self) -> Option<Timestamp> {
        let ends = self.votes.iter().filter_map(Vote::ends);
        let due = ends.chain([self.expires_at]).min();
        due.filter(|_| !self.state.is_over())
    }

    /// Whose votes of an earlier revision it no longer has.
    pub fn lost_since(&self, before: &Self) -> Vec<String> {
        let lost = before
            .votes
            .iter()
            .filter(|vote| !self.votes.contains(vote));
        lost.map(|vote| vote.voter.name.clone()).collect()
    }

    /// The request after something happened to it.
    ///
    /// # Errors
    /// If it cannot happen; the request stays as it was.
    pub fn after(&self, event: Event, now: Timestamp) -> Result<Self, Unfit> {
        if self.state.is_over() {
            return Err(Unfit::Over(self.state.as_str()));
        }
        // Time goes before anything else: what comes too late finds nothing.
        if now >= self.expires_at {
            return match event {
                Event::Pass => Ok(self.in_state(RequestState::Expired, now)),
                _ => Err(Unfit::Over(RequestState::Expired.as_str())),
            };
        }
        match event {
            Event::Approve(vote) => self.counting(now).approved(vote, now),
            Event::Reject(vote) => Ok(self.in_state(RequestState::Rejected { vote }, now)),
            Event::Revoke(voter) => {
                let rest = self.without(|vote| vote.voter.name == voter.name, now);
                rest.ok_or(Unfit::NoVote(voter.name))
            }
            Event::Withdraw(token) => {
                let with = |vote: &Vote| vote.proof.as_ref().is_some_and(|p| p.token == token);
                let rest = self.without(with, now);
                rest.ok_or_else(|| Unfit::NoVote(format!("the token {token}")))
            }
            Event::Use(run) if self.is_live(now) => {
                Ok(self.counting(now).in_state(RequestState::Used { run }, now))
            }
            Event::Use(_) => Err(Unfit::NotApproved),
            Event::Void(differs) => Ok(self.in_state(RequestState::Void { differs }, now)),
            Event::Pass => {
                let rest = self.without(|vote| !vote.counts(now), now);
                rest.ok_or(Unfit::NotYet)
            }
        }
    }

    fn approved(&self, vote: Vote, now: Timestamp) -> Result<Self, Unfit> {
        let name = &vote.voter.name;
        if !vote.counts(now) {
            return Err(Unfit::NoProof(name.clone()));
        }
        if self.votes.iter().any(|known| known.voter.name == *name) {
            return Err(Unfit::Again(name.clone()));
        }
        let asked = &self.asked;
        let requirements = asked.requirements.iter();
        let objections: Vec<String> = requirements
            .filter_map(|requirement| requirement.objection(&vote.voter, asked.whose()))
            .collect();
        if objections.len() == asked.requirements.len()
            && let Some(objection) = objections.into_iter().next()
        {
            return Err(Unfit::NoVoice(objection));
        }
        let mut request = self.clone();
        request.votes.push(vote);
        let state = match request.missing().is_empty() {
            true => RequestState::Approved,
            false => RequestState::Open,
        };
        Ok(request.in_state(state, now))
    }

    /// The request without some of its votes; none if it has none of them.
    fn without(&self, gone: impl Fn(&Vote) -> bool, now: Timestamp) -> Option<Self> {
        let mut request = self.clone();
        request.votes.retain(|vote| !gone(vote));
        if request.votes.len() == self.votes.len() {
            return None;
        }
        let state = match request.missing().is_empty() {
            true => self.state.clone(),
            false => RequestState::Open,
        };
        Some(request.in_state(state, now))
    }

    fn in_state(&self, state: RequestState, now: Timestamp) -> Self {
        Self {
            state,
            changed_at: now,
            revision: self.revision.saturating_add(1),
            ..self.clone()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
