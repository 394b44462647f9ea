//! Replicas that are containers, on a network with the containers of a database and of a store: what
//! `docker/compose.replicas.yaml` describes, from images that are made here.

use std::net::IpAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret;

use super::compose::Compose;
use super::replica::Replica;
use super::site::Site;
use super::store;
use super::world::{KEY, TOKEN};
use crate::harness::docker::{BASE, Made, address, base_image, docker, succeed, text, unless_gone};
use crate::harness::{eventually, skipped};

const DATABASE_BASE: &str = "mooring-lab-database";
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
const PASSWORD: &str = "only-for-the-database-beside";
/// The user of the image, for whoever may give files away; else it is whoever runs the tests.
const USER: u32 = 10001;

/// What the image that compose names does when it starts.
const DATABASE: &str = r#"
data=/var/lib/postgresql/data
as() { name=$1; shift; exec setpriv --reuid=postgres --regid=postgres --init-groups "$PROGRAMS/$name" "$@"; }
if [ ! -e $data/PG_VERSION ]; then
    chown postgres $data
    (as initdb --no-sync --no-locale --encoding=UTF8 --username="$POSTGRES_USER" --auth=scram-sha-256 \
        --auth-local=trust --pwfile="$POSTGRES_PASSWORD_FILE" --pgdata=$data)
    echo 'host all all all scram-sha-256' >>$data/pg_hba.conf
    echo "CREATE DATABASE $POSTGRES_USER" | (as postgres --single -D $data postgres)
fi
as postgres -D $data -c listen_addresses=* -c unix_socket_directories=/tmp -c fsync=off -c max_connections=60
"#;

/// A network, and who is on it.
pub(super) struct Network {
    made: Made,
    compose: Compose,
    /// Where the directory is that all see.
    world: PathBuf,
    gateway: IpAddr,
    user: u32,
}

impl Network {
    /// Makes the network; none, said loudly, where images cannot be made.
    pub(super) fn start(test: &str) -> Option<Box<dyn Site>> {
        let images = base_image(BASE, &[]);
        let images = images.and_then(|()| base_image(DATABASE_BASE, &["postgresql-15"]));
        if let Err(reason) = images {
            skipped(test, &reason);
            return None;
        }
        let made = Made::new("replicas");
        let name = made.name();
        succeed(&["network", "create", "--label", name, name]);
        let me = rustix::process::geteuid();
        let gateway = "{{(index .IPAM.Config 0).Gateway}}";
        let gateway = succeed(&["network", "inspect", "--format", gateway, name]);
        Some(Box::new(Self {
            gateway: gateway.parse().unwrap(),
            made,
            compose: Compose::read(),
            user: if me.is_root() { USER } else { me.as_raw() },
            world: PathBuf::new(),
        }))
    }

    fn container(&self, of: &str) -> String {
        format!("{}-{of}", self.made.name())
    }

    fn replica(&self, at: usize) -> String {
        self.container(&format!("r{at}"))
    }

    /// What `docker run` is told for a service, but for the image and what follows that.
    fn options(&self, service: &str, container: &str, home: &Path) -> Vec<String> {
        let name = self.made.name();
        let own = ["--name", container, "--label", name, "--network", name];
        let mut options: Vec<String> = own.map(str::to_owned).into();
        options.extend(self.compose.options(service, &self.world, home));
        options
    }

    /// Runs a service under its name, which is how the others find it.
    fn run(&self, service: &str, options: &[&str], command: &[&str]) {
        let container = self.container(service);
        let mut run = vec!["run".to_owned(), "--detach".to_owned()];
        run.extend(self.options(service, &container, Path::new("")));
        let own = [&["--network-alias", service], options, command].concat();
        run.extend(own.into_iter().map(str::to_owned));
        succeed(&run);
    }

    fn wait_for_database(&self) {
        eventually("the database answers", Duration::from_secs(60), || {
            self.psql("SELECT 1").status.success().then_some(())
        });
    }

    fn psql(&self, statement: &str) -> std::process::Output {
        let user = self.compose.variable("db", "POSTGRES_USER");
        docker(&[
            "exec",
            &self.container("db"),
            &format!("{PROGRAMS}/psql"),
            "-XqAt",
            "--host=/tmp",
            "--username",
            user,
            "--dbname",
            user,
            "--command",
            statement,
        ])
    }
}

impl Site for Network {
    fn furnish(&mut self, world: &Path, seats: &[PathBuf]) -> String {
        world.clone_into(&mut self.world);
        std::fs::set_permissions(world, PermissionsExt::from_mode(0o755)).unwrap();
        for seat in seats {
            for dir in ["data", "home", "tmp"] {
                std::fs::create_dir_all(seat.join(dir)).unwrap();
                self.give(&seat.join(dir));
            }
        }
        let secrets = world.join("secrets");
        std::fs::create_dir(&secrets).unwrap();
        let secret = |name: &str, value: &[u8]| std::fs::write(secrets.join(name), value).unwrap();
        let snapshots = age::x25519::Identity::generate().to_string();
        secret("api-token", TOKEN.as_bytes());
        secret("installation-key", &KEY);
        secret("snapshots-key", snapshots.expose_secret().as_bytes());
        secret("postgres-password", PASSWORD.as_bytes());
        let url = self.compose.database_url(PASSWORD);
        secret("postgres-url", url.as_bytes());

        self.made.build_image(world, None);
        let programs = format!("PROGRAMS={PROGRAMS}");
        let database = [DATABASE_BASE, "sh", "-ec", DATABASE];
        self.run(
            "db",
            &["--stop-signal", "INT", "--env", &programs],
            &database,
        );
        let program = std::env::current_exe().unwrap();
        let program = format!("{}:/store:ro", program.display());
        self.run("s3", &["--volume", &program, BASE], &store::COMMAND);
        self.wait_for_database();
        format!(
            "data_dir: /var/lib/mooring/data\n{}",
            self.compose.settings()
        )
    }

    fn host(&self) -> IpAddr {
        self.gateway
    }

    fn give(&self, path: &Path) {
        chown(path, Some(self.user), None).unwrap();
    }

    fn start(
        &self,
        at: usize,
        dir: &Path,
        configuration: &str,
        env: &[(String, String)],
    ) -> Replica {
        std::fs::write(self.world.join("mooring.yaml"), configuration).unwrap();
        let container = self.replica(at);
        let mut options = self.options("mooring", &container, dir);
        options.push(format!("--user={}:0", self.user));
        // So that the engine knows whose it is.
        options.push(format!("--hostname=r{at}"));
        options.push(format!("--volume={0}:{0}", self.world.display()));
        options.push("--env=MOORING_LOG=info,mooring=debug".to_owned());
        for (name, value) in env {
            options.push(format!("--env={name}={value}"));
            if name == "LD_PRELOAD" {
                options.push(format!("--volume={value}:{value}:ro"));
            }
        }
        options.push(self.made.name().to_owned());
        Replica::in_container(&container, dir, &options)
    }

    fn cut(&self, at: usize) {
        let container = self.replica(at);
        let network = self.made.name();
        unless_gone(&container, &["network", "disconnect", network, &container]);
    }

    fn mend(&self, at: usize) {
        let container = self.replica(at);
        let network = self.made.name();
        unless_gone(&container, &["network", "connect", network, &container]);
    }

    fn reset(&self, at: usize) {
        if let Some(address) = address(&self.replica(at)) {
            self.sql(&format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE client_addr = '{address}'"
            ));
        }
    }

    fn stop_database(&mut self) {
        succeed(&["stop", "--time", "30", &self.container("db")]);
    }

    fn run_database(&mut self) {
        succeed(&["start", &self.container("db")]);
        self.wait_for_database();
    }

    fn sql(&self, statement: &str) -> String {
        let output = self.psql(statement);
        assert!(output.status.success(), "{statement}: {output:?}");
        text(&output.stdout).trim().to_owned()
    }

    fn has_store(&self) -> bool {
        true
    }

    fn told_soak(&self) -> &'static str {
        "MOORING_BROKEN_CONTAINERS=yes "
    }
}
