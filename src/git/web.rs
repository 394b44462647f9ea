//! Where people look at code: addresses of lines on the services that keep repositories.

use reqwest::Url;

use super::settings::SshAddress;
use super::submodule_url::translated;
use crate::domain::ids::CommitId;
use crate::domain::place::BlockPlace;

/// A service that shows code, by the shape of its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forge {
    GitHub,
    GitLab,
    /// Forgejo and Codeberg too.
    Gitea,
    Bitbucket,
}

impl Forge {
    /// The service behind a host. One's own server is known by the name that it is usually given:
    /// `gitlab.example.com`.
    fn of(host: &str) -> Option<Self> {
        let named = |name: &str| host.split('.').any(|label| label == name);
        match host {
            "bitbucket.org" => Some(Self::Bitbucket),
            "codeberg.org" => Some(Self::Gitea),
            _ if named("github") => Some(Self::GitHub),
            _ if named("gitlab") => Some(Self::GitLab),
            _ if named("gitea") || named("forgejo") => Some(Self::Gitea),
            _ => None,
        }
    }

    /// What stands between the repository and the commit.
    const fn way(self) -> &'static [&'static str] {
        match self {
            Self::GitHub => &["blob"],
            Self::GitLab => &["-", "blob"],
            Self::Gitea => &["src", "commit"],
            Self::Bitbucket => &["src"],
        }
    }

    fn lines(self, first: u32, last: u32) -> String {
        match self {
            _ if first == last && self != Self::Bitbucket => format!("L{first}"),
            _ if first == last => format!("lines-{first}"),
            Self::GitHub | Self::Gitea => format!("L{first}-L{last}"),
            Self::GitLab => format!("L{first}-{last}"),
            Self::Bitbucket => format!("lines-{first}:{last}"),
        }
    }
}

/// The address of the lines of a block at a commit, if the repository is on a service that is known.
/// Whatever else its URL holds, user and password among it, is not in the answer.
pub fn permalink(repository: &str, commit: &CommitId, place: &BlockPlace) -> Option<String> {
    let mut url = match SshAddress::parse(repository) {
        Some(address) if address.port.is_none() => Url::parse(&translated(&address)).ok()?,
        Some(_) => return None,
        None => Url::parse(repository).ok()?,
    };
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let forge = Forge::of(url.host_str()?)?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_query(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(path.strip_suffix(".git").unwrap_or(&path));
    url.path_segments_mut()
        .ok()?
        .extend(forge.way())
        .push(commit.as_str())
        .extend(place.file.split('/'));
    url.set_fragment(Some(&forge.lines(place.first, place.last)));
    // Signs that end an address where it stands in Markdown or in Slack's markup.
    let link = String::from(url).replace('(', "%28").replace(')', "%29");
    Some(link.replace('|', "%7C").replace('\'', "%27"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(repository: &str, file: &str, first: u32, last: u32) -> Option<String> {
        let place = BlockPlace {
            file: file.to_owned(),
            first,
            last,
        };
        permalink(repository, &CommitId::new("c0ffee"), &place)
    }

    #[test]
    fn each_service_has_its_addresses() {
        for (repository, expected) in [
            (
                "https://github.com/acme/infra.git",
                "https://github.com/acme/infra/blob/c0ffee/live/main.tf#L3-L9",
            ),
            (
                "https://github.example.com:8443/acme/infra/",
                "https://github.example.com:8443/acme/infra/blob/c0ffee/live/main.tf#L3-L9",
            ),
            (
                "git@github.com:acme/infra.git",
                "https://github.com/acme/infra/blob/c0ffee/live/main.tf#L3-L9",
            ),
            (
                "ssh://git@gitlab.com/acme/infra.git",
                "https://gitlab.com/acme/infra/-/blob/c0ffee/live/main.tf#L3-9",
            ),
            (
                "https://gitlab.com/acme/platform/infra.git",
                "https://gitlab.com/acme/platform/infra/-/blob/c0ffee/live/main.tf#L3-9",
            ),
            (
                "https://codeberg.org/acme/infra.git",
                "https://codeberg.org/acme/infra/src/commit/c0ffee/live/main.tf#L3-L9",
            ),
            (
                "https://bitbucket.org/acme/infra.git",
                "https://bitbucket.org/acme/infra/src/c0ffee/live/main.tf#lines-3:9",
            ),
        ] {
            let link = link(repository, "live/main.tf", 3, 9);
            assert_eq!(link.as_deref(), Some(expected));
        }
        let one = |host: &str| link(&format!("https://{host}/a/b"), "m.tf", 4, 4);
        assert!(one("gitlab.com").is_some_and(|link| link.ends_with("m.tf#L4")));
        assert!(one("bitbucket.org").is_some_and(|link| link.ends_with("m.tf#lines-4")));
    }

    #[test]
    fn no_other_address_is_guessed() {
        for elsewhere in [
            "https://git.example.com/acme/infra.git",
            "https://notgithub.com/acme/infra",
            "ssh://git@github.example.com:2222/acme/infra",
            "git@git.example.com:acme/infra.git",
            "/srv/git/infra.git",
        ] {
            assert_eq!(link(elsewhere, "main.tf", 1, 2), None, "{elsewhere}");
        }
    }

    #[test]
    fn no_credential_and_no_sign_of_a_name_means_anything() {
        let found = link(
            "https://ann:hunter2hunter2@github.com/acme/infra.git?token=hunter2hunter2#x",
            "a b/c#d?/é\"(|).tf",
            1,
            2,
        );
        assert_eq!(
            found.as_deref(),
            Some(
                "https://github.com/acme/infra/blob/c0ffee/a%20b/c%23d%3F/%C3%A9%22%28%7C%29.tf#L1-L2"
            )
        );
    }
}
