//! Where the database is.

use super::*;
use crate::secret::SecretSource;

#[test]
fn a_database_on_a_server() {
    let settings = good(&format!(
        "{GOOD}ca_file: ca.pem\nstore: {{ postgres_url_file: pg-url }}\n"
    ));
    let database = settings.database.unwrap();
    let url = SecretSource::File("/etc/mooring/pg-url".into());
    assert_eq!((database.url, database.max_connections), (url, 5));
    assert_eq!(database.ca_file, Some("/etc/mooring/ca.pem".into()));
    let written = "store: { postgres_url_env: PG_URL, max_connections: 3 }\n";
    let database = good(&format!("{GOOD}{written}")).database.unwrap();
    let url = SecretSource::Env("PG_URL".to_owned());
    assert_eq!((database.url, database.max_connections), (url, 3));
    assert!(good(GOOD).database.is_none());
}

#[test]
fn a_key_of_ones_own() {
    let settings = good(&format!("{GOOD}installation_key_file: keys/mooring\n"));
    let file = settings.installation_key_file.unwrap();
    assert_eq!(file, Path::new("/etc/mooring/keys/mooring"));
    assert_eq!(good(GOOD).installation_key_file, None);
}

#[test]
fn replicas_that_are_there_for_some_stacks() {
    let (store, which) = (
        "store: { postgres_url_file: pg-url }\n",
        "only: { stacks: [\"a/**\"] }",
    );
    let settings = good(&format!(
        "{GOOD}{store}replicas: [{{ name: eu-*, {which} }}]\n"
    ));
    assert!(!settings.dedications.is_empty());
    assert!(good(GOOD).dedications.is_empty());
    let alone = bad_with(&format!("replicas: [{{ name: eu-*, {which} }}]\n"));
    assert!(alone.contains("only one replica"), "{alone}");
    let all = bad_with(&format!(
        "{store}replicas: [{{ name: eu-*, only: {{}} }}]\n"
    ));
    assert!(all.contains("which stacks these replicas take"), "{all}");
}

#[test]
fn a_database_that_is_nowhere() {
    insta::assert_snapshot!(bad_with("store: {}\n"), @"
    × mooring.yaml: the URL of the database (`store`) is nowhere
    help: the URL is a secret: put it in a file and name that with `postgres_url_file`, or name an
          environment variable with `postgres_url_env`; without `store` the database is a file in
          the data directory
    ");
    insta::assert_snapshot!(bad_with("store: { max_connections: 1 }\n"), @"
     × one connection writes, one listens and at least one reads
      ╭─[mooring.yaml:2:27]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ store: { max_connections: 1 }
      ·                           ─
      ╰────
     help: write a number from 3 to 100

     × the URL of the database (`store`) is nowhere
      ╭─[mooring.yaml:2:27]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ store: { max_connections: 1 }
      ·                           ─
      ╰────
     help: the URL is a secret: put it in a file and name that with `postgres_url_file`, or name an
           environment variable with `postgres_url_env`; without `store` the database is a file in
           the data directory
    ");
}

#[test]
fn a_url_of_a_database_in_the_file() {
    insta::assert_snapshot!(bad_with("store: { postgres_url: \"postgres://m:hunter2hunter2@db/m\" }\n"), @"
     × unknown key `postgres_url`
      ╭─[mooring.yaml:2:10]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ store: { postgres_url: ***
      ·          ────────────
      ╰────
     help: a secret is never written here: put it in a file and name that with `postgres_url_file`,
           or name an environment variable with `postgres_url_env`
    ");
    insta::assert_snapshot!(bad_with("store: { postgres_url_env: \"postgres://m:hunter2hunter2@db/m\" }\n"), @"
     × this is no name of an environment variable
      ╭─[mooring.yaml:2:28]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ store: { postgres_url_env: ***
      ·                            ───
      ╰────
     help: write the variable's name, not its value: letters, digits and `_`
    ");
}
