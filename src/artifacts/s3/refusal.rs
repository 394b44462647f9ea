//! What S3 or the network says becomes an error that people can read, without credentials.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata, SdkError};
use secrecy::{ExposeSecret, SecretString};

use super::Bucket;
use crate::artifacts::ArtifactError;
use crate::aws::chain;
use crate::secret::{Masker, without_url_credentials};

/// The session token as sent last: the one credential that travels, so the one that an answer can
/// repeat.
#[derive(Debug, Clone, Default)]
pub(super) struct SentToken(Arc<Mutex<Option<SecretString>>>);

impl SentToken {
    fn masker(&self) -> Masker {
        let token = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Masker::new(token.iter().map(ExposeSecret::expose_secret))
    }
}

impl Intercept for SentToken {
    fn name(&self) -> &'static str {
        "SentToken"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let token = context.request().headers().get("x-amz-security-token");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = token.map(SecretString::from);
        Ok(())
    }
}

impl Bucket {
    pub(super) fn refused<E>(
        &self,
        action: &'static str,
        error: &SdkError<E, HttpResponse>,
    ) -> ArtifactError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let SdkError::ServiceError(service) = error else {
            return self.error(action, None, &chain(error));
        };
        let code = service.err().code();
        let words: Vec<&str> = [code, service.err().message()]
            .into_iter()
            .flatten()
            .collect();
        let cause = if words.is_empty() {
            // Not S3 itself: a proxy, or another server altogether.
            format!("HTTP status {}", service.raw().status().as_u16())
        } else {
            words.join(": ")
        };
        self.error(action, code, &cause)
    }

    pub(super) fn error(
        &self,
        action: &'static str,
        code: Option<&str>,
        cause: &str,
    ) -> ArtifactError {
        ArtifactError::S3 {
            action,
            bucket: self.name.clone(),
            code: code.map(str::to_owned),
            cause: without_url_credentials(&self.token.masker().mask(cause)),
        }
    }
}
