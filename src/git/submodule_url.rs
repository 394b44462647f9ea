//! Where a submodule is, and whether that is the source's own server.

use reqwest::Url;

use super::settings::SshAddress;

/// The URL of a submodule as `.gitmodules` has it, relative to the URL of the repository that this
/// stands in. None if it leads nowhere, to this machine, or holds credentials.
pub(super) fn join(written: &str, base: Option<&str>) -> Option<String> {
    let url = match written.starts_with("./") || written.starts_with("../") {
        false => written.to_owned(),
        true => relative(written, base?)?,
    };
    let good = SshAddress::parse(&url).is_some()
        || Url::parse(&url).is_ok_and(|url| {
            url.scheme() == "https"
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        });
    good.then_some(url)
}

fn relative(written: &str, base: &str) -> Option<String> {
    let mut base = base.trim_end_matches('/');
    let mut rest = written;
    let mut sign = '/';
    loop {
        if let Some(after) = rest.strip_prefix("../") {
            // What is above the first directory is the server.
            let least = base.find("://").map_or(0, |at| at + 3);
            let above = base.get(least..)?;
            let cut = above.rfind(['/', ':'])?;
            sign = if above.get(cut..)?.starts_with(':') {
                ':'
            } else {
                '/'
            };
            base = base.get(..least + cut)?;
            rest = after;
        } else if let Some(after) = rest.strip_prefix("./") {
            rest = after;
        } else {
            return Some(format!("{base}{sign}{rest}"));
        }
    }
}

/// Whether two https URLs lead to the same server.
pub(super) fn same_origin(a: &str, b: &str) -> bool {
    let origin = |text: &str| {
        let url = Url::parse(text).ok()?;
        let host = url.host_str()?.to_owned();
        (url.scheme() == "https").then(|| (host, url.port_or_known_default()))
    };
    origin(a).is_some_and(|a| Some(a) == origin(b))
}

/// Whether an ssh address and an https URL, both with the usual port, name the same server.
pub(super) fn same_host(address: &SshAddress, url: &str) -> bool {
    address.port.is_none()
        && Url::parse(url).is_ok_and(|url| {
            url.scheme() == "https"
                && url.port().is_none()
                && url
                    .host_str()
                    .is_some_and(|host| host.eq_ignore_ascii_case(&address.host))
        })
}

/// The https URL of what is behind an ssh address on a server that offers both.
pub(super) fn translated(address: &SshAddress) -> String {
    format!(
        "https://{}/{}",
        address.host,
        address.path.trim_start_matches('/')
    )
}

/// Where the repository of an https URL is behind ssh on the same server.
pub(super) fn behind_ssh(address: &SshAddress, url: &str) -> Option<SshAddress> {
    let path = Url::parse(url).ok()?.path().to_owned();
    SshAddress::parse(&format!("ssh://{}@{}{path}", address.user, address.host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_urls_begin_at_the_repository() {
        let https = "https://git.example.com/acme/infra.git";
        for (written, base, expected) in [
            (
                "../modules.git",
                https,
                "https://git.example.com/acme/modules.git",
            ),
            ("../../other/m", https, "https://git.example.com/other/m"),
            (
                "./nested",
                https,
                "https://git.example.com/acme/infra.git/nested",
            ),
            ("../m.git", "git@host:acme/infra.git", "git@host:acme/m.git"),
            ("../m.git", "git@host:infra.git", "git@host:m.git"),
            ("../m", "ssh://git@host:2222/a/b", "ssh://git@host:2222/a/m"),
            (
                "https://elsewhere.example.com/m",
                https,
                "https://elsewhere.example.com/m",
            ),
        ] {
            assert_eq!(
                join(written, Some(base)).as_deref(),
                Some(expected),
                "{written}"
            );
        }
    }

    #[test]
    fn what_leads_to_this_machine_or_off_the_server_is_no_url() {
        let https = Some("https://git.example.com/acme/infra.git");
        for written in [
            "/srv/git/secret",
            "file:///srv/git/secret",
            "../../../../etc",
            "http://git.example.com/m",
            "https://user:word@git.example.com/m",
            "ext::sh -c id",
            "-oProxyCommand=id:x",
            "git://host/x",
            "secret",
        ] {
            assert_eq!(join(written, https), None, "{written}");
        }
        assert_eq!(join("../m", None), None);
    }

    #[test]
    fn another_port_or_host_is_another_server() {
        let same = |a: &str, b: &str| same_origin(a, b);
        assert!(same("https://h.example/a", "https://h.example:443/b"));
        assert!(!same("https://h.example/a", "https://h.example:8443/a"));
        assert!(!same("https://h.example/a", "https://h.example.evil/a"));
        assert!(!same("http://h.example/a", "http://h.example/a"));
        let address =
            SshAddress::parse("git@h.example:a/b").unwrap_or_else(|| panic!("an address"));
        assert!(same_host(&address, "https://H.example/x"));
        assert!(!same_host(&address, "https://h.example:8443/x"));
        assert_eq!(translated(&address), "https://h.example/a/b");
        let behind = behind_ssh(&address, "https://h.example/c/d.git");
        assert_eq!(
            behind.map(|address| address.path).as_deref(),
            Some("/c/d.git")
        );
        for path in ["a';touch${IFS}x;'", "a%27b", "a b"] {
            let behind = behind_ssh(&address, &format!("https://h.example/{path}"));
            assert_eq!(behind, None, "{path}");
        }
    }
}
