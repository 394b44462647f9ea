//! One fetch, over https or ssh: list the refs, and receive a pack only if the commit is not there.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::credentials::helper::Action;
use gix::credentials::protocol::Outcome;
use gix::protocol::transport::client::blocking_io::http;
use gix::remote::Direction;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::failure::{self, NoCredentials};
use super::progress::Pulse;
use super::reference::Wanted;
use super::remote::{Login, Remote, Way};
use super::ssh::{self, Leash, Session};
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
    let (pulse, leash, stop) = (
        Pulse::default(),
        Leash::default(),
        Arc::new(AtomicBool::new(false)),
    );
    let (answer, answered) = mpsc::sync_channel(1);
    let make = {
        let (remote, pulse, leash, stop) = (
            remote.clone(),
            pulse.clone(),
            leash.clone(),
            Arc::clone(&stop),
        );
        move || Attempt::new(remote, wanted, pulse, leash, stop)
    };
    std::thread::Builder::new()
        .name("git-fetch".to_owned())
        .spawn(move || {
            let _ = answer.send(make().and_then(|attempt| attempt.run(&repo.to_thread_local())));
        })
        .map_err(|error| failure::local(&error, "starting a fetch"))?;
    let give_up = || {
        stop.store(true, Ordering::Relaxed);
        leash.cut();
    };

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
            give_up();
            stopped = Some(Instant::now());
        }
        if stopped.is_some_and(|since| since.elapsed() > GRACE) {
            return Err(interrupted(&remote.url));
        }
        if pulse.beat() != beat {
            beat = pulse.beat();
            moved = Instant::now();
        } else if moved.elapsed() > STALL_LIMIT {
            give_up();
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

type Transport = Box<dyn gix::protocol::transport::client::blocking_io::Transport + Send>;
type Connection<'a, 'repo> = gix::remote::Connection<'a, 'a, 'repo, Transport>;

/// Everything one fetch needs, owned, so that it can outlive an impatient caller.
struct Attempt {
    remote: Remote,
    login: Option<Login>,
    roots: Option<Vec<reqwest::Certificate>>,
    wanted: Wanted,
    pulse: Pulse,
    stop: Arc<AtomicBool>,
    leash: Leash,
    session: RefCell<Option<Session>>,
}

impl Attempt {
    fn new(
        remote: Remote,
        wanted: Wanted,
        pulse: Pulse,
        leash: Leash,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        let roots = remote.roots()?;
        Ok(Self {
            login: remote.login(roots.as_deref())?,
            roots,
            remote,
            wanted,
            pulse,
            stop,
            leash,
            session: RefCell::default(),
        })
    }

    fn run(&self, repo: &gix::Repository) -> Result<Fetched, Failure> {
        let fetched = self.fetch(repo);
        self.leash.cut();
        if let Err(failure) = &fetched
            && failure.kind == FailureKind::RepositoryRefused
        {
            self.remote.forget_login();
        }
        fetched
    }

    fn fetch(&self, repo: &gix::Repository) -> Result<Fetched, Failure> {
        let specs: Vec<String> = self
            .wanted
            .candidates()
            .iter()
            .map(|name| format!("+{name}:{}", kept_as(name)))
            .collect();
        let source = self.source(repo, &specs)?;
        let prepared = self
            .connect(&source)?
            .prepare_fetch(self.pulse.clone(), gix::remote::ref_map::Options::default())
            .map_err(|error| self.refused(&error))?;
        let Some(commit) = self.pick(&prepared.ref_map().remote_refs) else {
            return Err(self.wanted.not_found(self.list(repo)?));
        };
        let received = !repo.has_object(commit);
        if received {
            prepared
                .receive(self.pulse.clone(), &self.stop)
                .map_err(|error| self.refused(&error))?;
        }
        repo.find_commit(commit)
            .map_err(|_| self.wanted.not_a_commit())?;
        Ok(Fetched { commit, received })
    }

    fn refused(&self, error: &gix::Error) -> Failure {
        let url = &self.remote.url;
        if let (Way::Ssh { address, key }, Some(session)) = (&self.remote.way, self.session.take())
        {
            return ssh::failure(error, &session.last_words(), url, address, key);
        }
        failure::remote(error, url, &self.masker())
    }

    fn source<'repo>(
        &self,
        repo: &'repo gix::Repository,
        specs: &[String],
    ) -> Result<gix::Remote<'repo>, Failure> {
        gix::url::parse(self.remote.url.as_bytes().as_bstr())
            .and_then(|url| repo.remote_at_without_url_rewrite(url))
            .and_then(|remote| {
                remote
                    .with_fetch_tags(gix::remote::fetch::Tags::None)
                    .with_refspecs(
                        specs.iter().map(|spec| spec.as_bytes().as_bstr()),
                        Direction::Fetch,
                    )
            })
            .map_err(|error| self.refused(&error))
    }

    fn connect<'a, 'repo>(
        &'a self,
        source: &'a gix::Remote<'repo>,
    ) -> Result<Connection<'a, 'repo>, Failure> {
        if let Way::Ssh { address, key } = &self.remote.way {
            let (session, transport) = Session::start(address, key, &self.leash)?;
            self.session.replace(Some(session));
            return Ok(source.to_connection_with_transport(transport));
        }
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
        let connection = source
            .connect(Direction::Fetch)
            .map_err(|error| self.refused(&error))?;
        Ok(connection
            .with_credentials(|action| self.credentials(action))
            .with_transport_options(Box::new(options)))
    }

    /// Answers instead of credential helpers and prompts. The token goes to the configured host
    /// only, wherever a redirect leads.
    fn credentials(&self, action: Action) -> gix::Result<Option<Outcome>> {
        let Action::Get(context) = action else {
            return Ok(None);
        };
        let Some(login) = &self.login else {
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
                username: login.username.clone(),
                password: login.token.expose_secret().to_owned(),
                oauth_refresh_token: None,
            },
            next: context.into(),
        }))
    }

    /// The object that the wanted ref leads to, tags peeled.
    fn pick(&self, advertised: &[gix::protocol::handshake::Ref]) -> Option<ObjectId> {
        if let Some(commit) = self.wanted.id() {
            return Some(commit);
        }
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
    fn list(&self, repo: &gix::Repository) -> Result<Vec<String>, Failure> {
        let specs = ["refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*"].map(str::to_owned);
        let source = self.source(repo, &specs)?;
        let (map, _) = self
            .connect(&source)?
            .ref_map(self.pulse.clone(), gix::remote::ref_map::Options::default())
            .map_err(|error| self.refused(&error))?;
        Ok(map
            .remote_refs
            .iter()
            .map(|advertised| advertised.unpack().0.to_string())
            .collect())
    }

    fn masker(&self) -> Masker {
        let login = self.login.as_ref();
        Masker::new(login.map(|login| login.token.expose_secret()))
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
    use super::super::settings::Access;
    use super::*;
    use crate::secret::SecretSource;

    #[test]
    fn the_token_goes_to_the_configured_host_only() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "tok-0123456789").unwrap();
        let access = Access::Token {
            username: "mooring".to_owned(),
            token: SecretSource::File(file),
        };
        let attempt = Attempt::new(
            Remote::new("https://git.example/x.git", &access, None).unwrap(),
            Wanted::parse(None).unwrap(),
            Pulse::default(),
            Leash::default(),
            Arc::default(),
        )
        .unwrap();
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
