//! The URL of a PostgreSQL database. It holds a password: nothing of it is repeated anywhere but the
//! host and the port, and those only once all of it has the form of a URL.

use std::net::IpAddr;
use std::path::Path;

use secrecy::ExposeSecret;
use sqlx::any::AnyConnectOptions;

use super::super::settings::PostgresSettings;
use super::super::trouble::ServerTrouble;

/// What may stand behind the question mark; everything else would be logged by the library with its
/// value and otherwise ignored.
const KNOWN: [&str; 10] = [
    "application_name",
    "dbname",
    "host",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
];
const MODES: [&str; 6] = [
    "allow",
    "disable",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];
const SPECIAL: &str = "has a `/`, `@`, `:`, `#` or `?` where none belongs, perhaps in the password";

/// Where a database is, and how it is reached.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) options: AnyConnectOptions,
    /// The server, as people may see it.
    pub(super) place: String,
    pub(super) port: u16,
}

/// The options hold the URL with its password.
impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Address").field(&self.place).finish()
    }
}

impl Address {
    /// Reads it as it is now.
    pub(super) fn read(settings: &PostgresSettings) -> Result<Self, ServerTrouble> {
        let read = settings.url.read();
        let secret = read.map_err(|error| ServerTrouble::NoUrl(error.to_string()))?;
        Self::parse(secret.expose_secret().trim(), settings.ca_file.as_deref())
    }

    fn parse(text: &str, ca_file: Option<&Path>) -> Result<Self, ServerTrouble> {
        let bad = ServerTrouble::BadUrl;
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(bad("does not begin with postgres://"));
        }
        // The parser's own words may repeat a part of the URL.
        let parsed = text.parse::<AnyConnectOptions>();
        let mut options = parsed.map_err(|_| bad("is none, or its password is not encoded"))?;
        let url = &mut options.database_url;
        let database = url.path().trim_start_matches('/');
        if url.fragment().is_some() || database.contains(['/', '@', ':']) {
            return Err(bad(SPECIAL));
        }
        let said: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let value = |key: &str| {
            let mut pairs = said.iter().rev();
            pairs.find(|(k, _)| k == key).map(|(_, v)| v.as_str())
        };
        if said.iter().any(|(key, _)| !KNOWN.contains(&key.as_str())) {
            return Err(bad("has a parameter that is not known here"));
        }
        if database.is_empty() && value("dbname").is_none() {
            return Err(bad("names no database"));
        }
        if value("sslmode").is_some_and(|mode| !MODES.contains(&mode)) {
            return Err(bad("has an sslmode that there is not"));
        }
        let port = value("port").map(str::parse::<u16>).transpose();
        let port = port.map_err(|_| bad("has a port that is no number"))?;
        let port = port.or(url.port()).unwrap_or(5432);
        let host = value("host").or_else(|| url.host_str());
        let host = host.filter(|host| !host.is_empty());
        let host = host.ok_or(bad("names no server"))?.replace("%2F", "/");
        let place = format!("{host}:{port}");
        let mut add = Vec::new();
        if value("application_name").is_none() {
            add.push(("application_name", "mooring".to_owned()));
        }
        if value("sslmode").is_none() && !is_here(&host) {
            add.push(("sslmode", "verify-full".to_owned()));
        }
        if let (None, Some(file)) = (value("sslrootcert"), ca_file) {
            add.push(("sslrootcert", file.display().to_string()));
        }
        url.query_pairs_mut().extend_pairs(add);
        Ok(Self {
            options,
            place,
            port,
        })
    }
}

/// Whether what is sent stays on this machine.
fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.starts_with('/')
        || host == "localhost"
        || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> String {
        let address = Address::parse(text, Some(Path::new("/etc/ca.pem"))).unwrap();
        address.options.database_url.to_string()
    }

    #[test]
    fn a_server_elsewhere_has_to_prove_who_it_is_unless_the_url_says_otherwise() {
        assert_eq!(
            url("postgres://m:x@db.example.com/m"),
            "postgres://m:x@db.example.com/m?application_name=mooring&sslmode=verify-full\
             &sslrootcert=%2Fetc%2Fca.pem"
        );
        assert!(url("postgres://m@db.example.com/m?sslmode=require").contains("?sslmode=require&"));
        for here in ["127.0.0.1", "[::1]", "localhost", "%2Frun%2Fpostgresql"] {
            let url = url(&format!("postgresql://m@{here}/m"));
            assert!(!url.contains("sslmode"), "{url}");
        }
        assert!(!url("postgres://x/m?host=/run/pg").contains("sslmode"));
        assert!(url("postgres://localhost/m?host=db").contains("verify-full"));
    }

    #[test]
    fn a_place_is_the_host_and_the_port() {
        let place = |text: &str| Address::parse(text, None).unwrap().place;
        assert_eq!(place("postgres://u:p@db/m"), "db:5432");
        assert_eq!(place("postgres://u:p@db:5433/m"), "db:5433");
        assert_eq!(
            place("postgres://u@%2Frun%2Fpg/m?port=7"),
            "/run/pg:7",
            "a directory of sockets"
        );
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_it() {
        for (text, cause) in [
            ("mysql://u:p@db/m", "does not begin with postgres://"),
            ("postgres://u:se:cret", "is none, or its password"),
            ("postgres://u:12/cret@db/m", "perhaps in the password"),
            ("postgres://u:12#cret@db/m", "perhaps in the password"),
            ("postgres://u:12?cret@db/m", "a parameter that is not known"),
            ("postgres://u:p@db/", "names no database"),
            ("postgres://u:p@db/m?sslmode=full", "an sslmode that there"),
            ("postgres:///m", "names no server"),
            ("postgres://u:p@db/m?port=x", "a port that is no number"),
        ] {
            let error = Address::parse(text, None).unwrap_err().to_string();
            assert!(error.contains(cause), "{text}: {error}");
            assert!(!error.contains("cret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_url_shows_its_password(password in "[a-zA-Z0-9/@:#?&=%+]{6,30}") {
            let text = format!("postgres://u:{password}@db.example.com/m");
            match Address::parse(&text, None) {
                Ok(address) => {
                    prop_assert_eq!(format!("{address:?}"), "Address(\"db.example.com:5432\")");
                }
                Err(error) => prop_assert!(!error.to_string().contains(&password)),
            }
        }
    }
}
