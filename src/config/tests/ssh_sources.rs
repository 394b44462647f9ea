//! Sources behind ssh and behind GitHub Apps.

use super::*;
use crate::git::settings::{Access, GithubApp, SourceLocation, SshKey};
use crate::secret::SecretSource;

fn location(source: &str) -> SourceLocation {
    let settings = good(&format!("sources:\n  - {{ name: a, {source} }}\n"));
    settings.sources.first().unwrap().location.clone()
}

#[test]
fn a_key_and_host_keys_go_with_an_ssh_address() {
    for url in [
        "ssh://git@git.example.com/acme/infra.git",
        "git@git.example.com:acme/infra.git",
    ] {
        let keys = "ssh_key_file: /run/key, known_hosts_file: /run/known";
        assert_eq!(
            location(&format!("url: \"{url}\", {keys}")),
            SourceLocation::Remote {
                url: url.to_owned(),
                access: Access::Ssh(SshKey {
                    key_file: "/run/key".into(),
                    known_hosts_file: "/run/known".into(),
                }),
            }
        );
    }
}

#[test]
fn an_app_stands_in_for_a_token() {
    let app = "app_id: 1, installation_id: 2, private_key_env: KEY";
    let url = "https://github.example.com/acme/infra.git";
    for (more, api_url) in [
        ("", "https://api.github.com"),
        (
            ", api_url: \"https://github.example.com/api/v3/\"",
            "https://github.example.com/api/v3",
        ),
    ] {
        assert_eq!(
            location(&format!("url: \"{url}\", github_app: {{ {app}{more} }}")),
            SourceLocation::Remote {
                url: url.to_owned(),
                access: Access::GithubApp(GithubApp {
                    app_id: 1,
                    installation_id: 2,
                    private_key: SecretSource::Env("KEY".to_owned()),
                    api_url: api_url.to_owned(),
                }),
            }
        );
    }
}

#[test]
fn what_does_not_go_together_is_told() {
    let says = |source: &str, words: &str| {
        let report = bad(&format!("sources:\n  - {{ name: a, {source} }}\n"));
        assert!(report.contains(words), "{source}: {report}");
    };
    let ssh = "url: \"git@git.example.com:acme/infra.git\"";
    let https = "url: \"https://git.example.com/acme/infra.git\"";
    let keys = "ssh_key_file: /run/key, known_hosts_file: /run/known";
    let app = "github_app: { app_id: 1, installation_id: 2, private_key_file: k }";
    says(ssh, "needs a key, and host keys to trust");
    says(
        &format!("{ssh}, ssh_key_file: /run/key"),
        "needs a key, and host keys",
    );
    says(
        &format!("{ssh}, {keys}, token_file: t"),
        "no token and no app",
    );
    says(&format!("{ssh}, {keys}, {app}"), "no token and no app");
    says(&format!("{https}, {keys}"), "no address for it");
    says(
        &format!("{https}, token_file: t, {app}"),
        "both a token and a `github_app`",
    );
    says(
        &format!("{https}, github_app: {{ app_id: 1, installation_id: 2 }}"),
        "no private key",
    );
    says(
        &format!(
            "{https}, github_app: {{ app_id: 1, installation_id: 2, private_key_file: k, api_url: \"http://x\" }}"
        ),
        "no https URL of an API",
    );
    says(&format!("path: /srv/x, {keys}"), "needs no credentials");
    says(
        &format!("{ssh}, ssh_key_file: \"/run/%h\", known_hosts_file: /run/known"),
        "cannot be given this path",
    );
    for url in [
        "ssh://-oProxyCommand=x/y",
        "git@host:a b",
        "ssh://git:pass@host/x",
    ] {
        says(
            &format!("url: \"{url}\", {keys}"),
            "no address of a repository behind ssh",
        );
    }
}
