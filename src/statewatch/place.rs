//! Where the object is that holds a state, as the settings of its backend and the environment say.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::domain::stack::DEFAULT_WORKSPACE;
use crate::secret::Masker;

use super::Unwatched;
use super::ask::Asker;

/// Finds a setting or variable that is set and not empty.
pub(super) type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The object that holds a state, and how it is reached. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Place {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) access: Access,
}

/// Which server is asked, and as whom.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) region: String,
    pub(super) endpoint: Option<String>,
    pub(super) path_style: bool,
    pub(super) asker: Asker,
}

/// Settings that are understood, or change nothing about a glance.
const UNDERSTOOD: [&str; 36] = [
    "access_key",
    "acl",
    "allowed_account_ids",
    "bucket",
    "dynamodb_endpoint",
    "dynamodb_table",
    "ec2_metadata_service_endpoint_mode",
    "encrypt",
    "endpoint",
    "endpoints",
    "forbidden_account_ids",
    "force_path_style",
    "iam_endpoint",
    "key",
    "kms_key_id",
    "max_retries",
    "profile",
    "region",
    "retry_mode",
    "secret_key",
    "shared_config_files",
    "shared_credentials_file",
    "shared_credentials_files",
    "skip_credentials_validation",
    "skip_get_ec2_platforms",
    "skip_metadata_api_check",
    "skip_region_validation",
    "skip_requesting_account_id",
    "skip_s3_checksum",
    "sts_endpoint",
    "sts_region",
    "token",
    "use_legacy_workflow",
    "use_lockfile",
    "use_path_style",
    "workspace_key_prefix",
];

/// Variables that change how S3 is asked in a way that is not understood.
const STRANGE_VARIABLES: [&str; 5] = [
    "AWS_CA_BUNDLE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_SSE_CUSTOMER_KEY",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
];

/// What stands for nothing in a recorded setting.
const UNSET: [&str; 4] = ["false", "0", "[]", "{}"];

impl Place {
    /// Where the state of a workspace is, for a backend of this type with these settings; `env` is the
    /// environment that the engine would get.
    ///
    /// # Errors
    /// If it cannot be watched, or if anything in the settings could mean that the stack asks otherwise.
    pub fn read(
        kind: &str,
        settings: &BTreeMap<String, String>,
        workspace: &str,
        env: &Lookup<'_>,
    ) -> Result<Self, Unwatched> {
        if kind != "s3" {
            let why = format!("only states in S3 are watched, and this one is in `{kind}`");
            return Err(Unwatched::because(why));
        }
        let setting = |name: &str| {
            let value = settings.get(name)?;
            (!value.is_empty()).then(|| value.clone())
        };
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let strange = settings.iter().find(|(name, value)| {
            !UNDERSTOOD.contains(&name.as_str()) && !UNSET.contains(&value.as_str())
        });
        if let Some((name, _)) = strange {
            let why = format!("the setting `{name}` of its backend is not understood");
            return Err(Unwatched::because(why));
        }
        let strange = STRANGE_VARIABLES.iter().find(|name| {
            let value = env(name);
            value.is_some_and(|value| !UNSET.contains(&value.to_ascii_lowercase().as_str()))
        });
        if let Some(name) = strange {
            let why = format!("the variable {name} in its environment is not understood");
            return Err(Unwatched::because(why));
        }
        let needed = |name: &str| {
            setting(name)
                .ok_or_else(|| Unwatched::because(format!("its backend is without `{name}`")))
        };
        let region = setting("region")
            .or_else(|| env("AWS_REGION"))
            .or_else(|| env("AWS_DEFAULT_REGION"));
        let region = region.ok_or_else(|| {
            Unwatched::because("no region is named in its backend's settings or environment")
        })?;
        let endpoint = setting("endpoint")
            .or_else(|| env("AWS_ENDPOINT_URL_S3"))
            .or_else(|| env("AWS_S3_ENDPOINT"))
            .or_else(|| env("AWS_ENDPOINT_URL"));
        let is_true = |name: &str| setting(name).is_some_and(|value| value == "true");
        let key = needed("key")?;
        let key = if workspace == DEFAULT_WORKSPACE {
            key
        } else {
            let prefix = setting("workspace_key_prefix").unwrap_or_else(|| "env:".to_owned());
            format!("{prefix}/{workspace}/{key}")
        };
        Ok(Self {
            bucket: needed("bucket")?,
            key,
            access: Access {
                region,
                endpoint,
                path_style: is_true("use_path_style") || is_true("force_path_style"),
                asker: Asker::read(&setting, &env)?,
            },
        })
    }
}

impl Access {
    /// The same for all that ask the same server as the same.
    pub(super) fn digest(&self) -> [u8; 32] {
        use secrecy::ExposeSecret;
        let mut parts = vec![
            self.region.clone(),
            self.endpoint.clone().unwrap_or_default(),
            self.path_style.to_string(),
        ];
        match &self.asker {
            Asker::Keys(keys) => {
                let token = keys.token.as_ref().map_or("", ExposeSecret::expose_secret);
                parts.extend([
                    "keys".to_owned(),
                    keys.id.clone(),
                    keys.secret.expose_secret().to_owned(),
                    token.to_owned(),
                ]);
            }
            Asker::WebIdentity {
                role,
                token_file,
                session,
            } => {
                let file = token_file.display().to_string();
                parts.extend(["web".to_owned(), role.clone(), file, session.clone()]);
            }
            Asker::Profile(profile) => {
                parts.extend(["profile".to_owned(), profile.name.clone()]);
                let files = profile.config.iter().chain(&profile.credentials);
                parts.extend(files.map(|file| file.display().to_string()));
            }
            Asker::Machine => parts.push("machine".to_owned()),
        }
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    pub(super) fn masker(&self) -> Masker {
        self.asker.masker()
    }
}
