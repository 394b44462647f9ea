//! Providers by their source addresses: `registry.terraform.io/hashicorp/aws`, or short `hashicorp/aws`.

use super::pattern::NamePattern;

/// Registries whose name is left out of short addresses.
const DEFAULT_HOSTS: [&str; 2] = ["registry.terraform.io", "registry.opentofu.org"];

/// A pattern on source addresses of providers, each part of which is a pattern of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderPattern {
    /// The registry; none if it is one of those whose name is left out.
    host: Option<NamePattern>,
    namespace: NamePattern,
    kind: NamePattern,
}

/// This is no pattern on source addresses.
#[derive(Debug, thiserror::Error)]
pub enum BadProviderPattern {
    /// It has too few parts, or too many, or an empty one.
    #[error("this is no source address of a provider")]
    Parts,
    /// A part of it is no pattern.
    #[error("this is no pattern: {}", .0.kind())]
    Glob(#[from] globset::Error),
}

impl ProviderPattern {
    /// Reads `NAMESPACE/TYPE`, or `HOST/NAMESPACE/TYPE`, in which case does not matter.
    ///
    /// # Errors
    /// If it has other parts, or one of them is no pattern.
    pub fn parse(text: &str) -> Result<Self, BadProviderPattern> {
        let text = text.to_lowercase();
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.trim().is_empty()) {
            return Err(BadProviderPattern::Parts);
        }
        let (host, namespace, kind) = match parts.as_slice() {
            [namespace, kind] => (None, namespace, kind),
            [host, namespace, kind] => (Some(NamePattern::parse(host)?), namespace, kind),
            _ => return Err(BadProviderPattern::Parts),
        };
        Ok(Self {
            host,
            namespace: NamePattern::parse(namespace)?,
            kind: NamePattern::parse(kind)?,
        })
    }

    /// Whether a full source address matches, as lock files have them.
    pub fn is_match(&self, address: &str) -> bool {
        let mut parts = address.split('/');
        let (Some(host), Some(namespace), Some(kind), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        let fits_host = self.host.as_ref().map_or_else(
            || DEFAULT_HOSTS.contains(&host),
            |pattern| pattern.is_match(host),
        );
        fits_host && self.namespace.is_match(namespace) && self.kind.is_match(kind)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(pattern: &str, address: &str) -> bool {
        ProviderPattern::parse(pattern).unwrap().is_match(address)
    }

    #[test]
    fn short_addresses_are_those_of_the_public_registries() {
        let aws = "registry.terraform.io/hashicorp/aws";
        for pattern in [
            "hashicorp/aws",
            "hashicorp/*",
            "*/aws",
            "*/*",
            aws,
            "*.io/*/a*",
        ] {
            assert!(fits(pattern, aws), "{pattern}");
        }
        assert!(fits("hashicorp/aws", "registry.opentofu.org/hashicorp/aws"));
        // Lock files have them in small letters.
        assert!(fits(
            "DataDog/datadog",
            "registry.terraform.io/datadog/datadog"
        ));
        for pattern in [
            "hashicorp/awscc",
            "acme/aws",
            "hashicorp/a",
            "acme.example/hashicorp/aws",
        ] {
            assert!(!fits(pattern, aws), "{pattern}");
        }
        let own = "tf.acme.example/hashicorp/aws";
        assert!(!fits("hashicorp/aws", own) && fits("tf.acme.example/hashicorp/aws", own));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "aws", "a/b/c/d", "a//b", "/aws", "hashicorp/"] {
            let parsed = ProviderPattern::parse(text);
            assert!(matches!(parsed, Err(BadProviderPattern::Parts)), "{text}");
        }
        let parsed = ProviderPattern::parse("hashicorp/[");
        assert!(matches!(parsed, Err(BadProviderPattern::Glob(_))));
    }

    proptest! {
        #[test]
        fn an_address_matches_itself_and_arbitrary_text_never_panics(
            address in "[a-z.]{1,9}/[a-z]{1,9}/[a-z]{1,9}",
            text in "\\PC*",
        ) {
            prop_assert!(fits(&address, &address));
            if let Ok(pattern) = ProviderPattern::parse(&text) {
                pattern.is_match(&address);
                pattern.is_match(&text);
            }
        }
    }
}
