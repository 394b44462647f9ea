//! One fetch over https: list the refs, and receive a pack only if the commit is not there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::credentials::helper::Action;
use gix::credentials::protocol::Outcome;
use gix::protocol::transport::client::blocking_io::http;
use gix::remote::Direction;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::failure::{self, NoCredentials};
use super::progress::Pulse;
use super::reference::Wanted;
use super::remote::Remote;
use crate::domain::failure::{Failure, FailureKind};
use crate::secret::Masker;

/// A fetch in which nothing has moved for this long is given up. (A single read that stalls is
/// given up by the HTTP client after 30 seconds already.)
pub const STALL_LIMIT: Duration = Duration::from_secs(60);

/// How often a running fetch is looked at for interruption and progress.
const GLANCE: Duration = Duration::from_millis(100);

/// How long an interrupted fetch may take to clean up before it is left to end by itself.
const GRACE: Duration = Duration::from_secs(1);

/// What a fetch found.
pub(super) struct Fetched {
    /// The commit that the ref leads to.
    pub(super) commit: ObjectId,
    /// Whether objects came with it.
    pub(super) received: bool,
}

/// Fetches into `repo`, in a thread of its own so that neither a stalled server nor a slow one
/// keeps the caller from an interrupt.
pub(super) fn fetch(
    repo: gix::ThreadSafeRepository,
    remote: &Remote,
    wanted: Wanted,
    interrupt: &AtomicBool,
) -> Result<Fetched, Failure> {
    let attempt = Attempt {
        token: remote.token()?,
        roots: remote.roots()?,
        remote: remote.clone(),
        wanted,
        pulse: Pulse::default(),
        stop: Arc::new(AtomicBool::new(false)),
    };
    let (pulse, stop) = (attempt.pulse.clone(), Arc::clone(&attempt.stop));
    let (answer, answered) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("git-fetch".to_owned())
        .spawn(move || {
            let _ = answer.send(attempt.run(&repo.to_thread_local()));
        })
        .map_err(|error| failure::local(&error, "starting a fetch"))?;

    let mut beat = pulse.beat();
    let mut moved = Instant::now();
    let mut stopped: Option<Instant> = None;
    loop {
        match answered.recv_timeout(GLANCE) {
            Ok(_) if stopped.is_some() => return Err(interrupted(&remote.url)),
            Ok(result) => return result,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(Failure::new(
                    FailureKind::Internal,
                    format!("cannot fetch {}: the fetch broke off", remote.url),
                    "this is a defect in Mooring: please report it with the log",
                ));
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if interrupt.load(Ordering::Relaxed) && stopped.is_none() {
            stop.store(true, Ordering::Relaxed);
            stopped = Some(Instant::now());
        }
        if stopped.is_some_and(|since| since.elapsed() > GRACE) {
            return Err(interrupted(&remote.url));
        }
        if pulse.beat() != beat {
            beat = pulse.beat();
            moved = Instant::now();
        } else if moved.elapsed() > STALL_LIMIT {
            stop.store(true, Ordering::Relaxed);
            return Err(Failure::new(
                FailureKind::RepositoryUnreachable,
                format!(
                    "cannot fetch {}: nothing came for {} s",
                    remote.url,
                    STALL_LIMIT.as_secs()
                ),
                "the server or the network is stuck; it is tried again on schedule",
            ));
        }
    }
}

fn interrupted(url: &str) -> Failure {
    Failure::new(
        FailureKind::Interrupted,
        format!("the fetch of {url} was interrupted"),
        "nothing to do: the next run fetches again",
    )
}

/// Everything one fetch needs, owned, so that it can outlive an impatient caller.
struct Attempt {
    remote: Remote,
    token: Option<SecretString>,
    roots: Option<Vec<reqwest::Certificate>>,
    wanted: Wanted,
    pulse: Pulse,
    stop: Arc<AtomicBool>,
}

impl Attempt {
    fn run(&self, repo: &gix::Repository) -> Result<Fetched, Failure> {
        let refused = |error: gix::Error| failure::remote(&error, &self.remote.url, &self.masker());
        let specs: Vec<String> = self
            .wanted
            .candidates()
            .iter()
            .map(|name| format!("+{name}:{}", kept_as(name)))
            .collect();
        let source = self.source(repo, &specs).map_err(refused)?;
        let prepared = self
            .connect(&source)
            .and_then(|connection| {
                connection
                    .prepare_fetch(self.pulse.clone(), gix::remote::ref_map::Options::default())
            })
            .map_err(refused)?;
        let Some(commit) = self.pick(&prepared.ref_map().remote_refs) else {
            return Err(match self.list(repo) {
                Ok(names) => self.wanted.not_found(names),
                Err(error) => refused(error),
            });
        };
        let received = !repo.has_object(commit);
        if received {
            prepared
                .receive(self.pulse.clone(), &self.stop)
                .map_err(refused)?;
        }
        repo.find_commit(commit)
            .map_err(|_| self.wanted.not_a_commit())?;
        Ok(Fetched { commit, received })
    }

    fn source<'repo>(
        &self,
        repo: &'repo gix::Repository,
        specs: &[String],
    ) -> gix::Result<gix::Remote<'repo>> {
        let url = gix::url::parse(self.remote.url.as_bytes().as_bstr())?;
        repo.remote_at_without_url_rewrite(url)?
            .with_fetch_tags(gix::remote::fetch::Tags::None)
            .with_refspecs(
                specs.iter().map(|spec| spec.as_bytes().as_bstr()),
                Direction::Fetch,
            )
    }

    fn connect<'a, 'repo>(
        &'a self,
        source: &'a gix::Remote<'repo>,
    ) -> gix::Result<
        gix::remote::Connection<
            'a,
            'a,
            'repo,
            Box<dyn gix::protocol::transport::client::blocking_io::Transport + Send>,
        >,
    > {
        let roots = self.roots.clone();
        let backend = http::reqwest::Options {
            configure_client: Some(Box::new(move |builder| {
                Ok(match &roots {
                    Some(roots) => builder.tls_certs_merge(roots.clone()),
                    None => builder,
                })
            })),
            configure_request: None,
        };
        let options = http::Options {
            backend: Some(Arc::new(Mutex::new(backend))),
            ..http::Options::default()
        };
        Ok(source
            .connect(Direction::Fetch)?
            .with_credentials(|action| self.credentials(action))
            .with_transport_options(Box::new(options)))
    }

    /// Answers instead of credential helpers and prompts. The token goes to the configured host
    /// only, wherever a redirect leads.
    fn credentials(&self, action: Action) -> gix::Result<Option<Outcome>> {
        let Action::Get(context) = action else {
            return Ok(None);
        };
        let Some(token) = &self.token else {
            return Err(gix::Error::from_error(NoCredentials::NotConfigured));
        };
        let origin = |text: &[u8]| {
            let url = gix::url::parse(text.as_bstr()).ok()?;
            let host = url.host().map(str::to_owned);
            Some((url.scheme, host, url.port))
        };
        let asked = context.url.as_ref().and_then(|url| origin(url));
        if asked.is_none() || asked != origin(self.remote.url.as_bytes()) {
            return Err(gix::Error::from_error(NoCredentials::ElsewhereAsked));
        }
        Ok(Some(Outcome {
            identity: gix::sec::identity::Account {
                username: self.remote.username.clone(),
                password: token.expose_secret().to_owned(),
                oauth_refresh_token: None,
            },
            next: context.into(),
        }))
    }

    /// The object that the wanted ref leads to, tags peeled.
    fn pick(&self, advertised: &[gix::protocol::handshake::Ref]) -> Option<ObjectId> {
        self.wanted.candidates().iter().find_map(|wanted| {
            advertised.iter().find_map(|advertised| {
                let (name, target, peeled) = advertised.unpack();
                (name == wanted.as_bytes())
                    .then(|| peeled.or(target).map(gix::oid::to_owned))
                    .flatten()
            })
        })
    }

    /// The names of all branches and tags.
    fn list(&self, repo: &gix::Repository) -> gix::Result<Vec<String>> {
        let specs = ["refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*"].map(str::to_owned);
        let source = self.source(repo, &specs)?;
        let (map, _) = self
            .connect(&source)?
            .ref_map(self.pulse.clone(), gix::remote::ref_map::Options::default())?;
        Ok(map
            .remote_refs
            .iter()
            .map(|advertised| advertised.unpack().0.to_string())
            .collect())
    }

    fn masker(&self) -> Masker {
        Masker::new(self.token.as_ref().map(ExposeSecret::expose_secret))
    }
}

/// Where the mirror keeps a ref of the remote. A digest has no `/`, so that a branch `a` that
/// became `a/b` is in nobody's way.
fn kept_as(name: &str) -> String {
    format!("refs/mooring/{}", hex::encode(Sha256::digest(name)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn remote(url: &str) -> Remote {
        Remote {
            url: url.to_owned(),
            username: "mooring".to_owned(),
            token: None,
            ca_file: None,
        }
    }

    #[test]
    fn the_token_goes_to_the_configured_host_only() {
        let attempt = Attempt {
            remote: remote("https://git.example/x.git"),
            token: Some("tok-0123456789".into()),
            roots: None,
            wanted: Wanted::parse(None).unwrap(),
            pulse: Pulse::default(),
            stop: Arc::default(),
        };
        let asked = |url: &str| attempt.credentials(Action::get_for_url(url));
        let given = asked("https://git.example/x.git").ok().flatten();
        assert_eq!(
            given.map(|outcome| outcome.identity.password).as_deref(),
            Some("tok-0123456789")
        );
        for elsewhere in [
            "https://evil.example/x.git",
            "http://git.example/x.git",
            "https://git.example:8443/x.git",
        ] {
            assert!(asked(elsewhere).is_err(), "{elsewhere}");
        }
    }
}
