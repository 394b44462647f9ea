//! Sealing and opening, as files of [age](https://age-encryption.org/v1): `age -d -i KEY FILE` opens
//! them without Mooring.

use std::io::{Read, Write};

use age::x25519::{Identity, Recipient};
use age::{Decryptor, Encryptor};

use super::SnapshotError;

/// The text, for whoever has the private key of one of these.
pub(super) fn seal<'a>(
    recipients: impl Iterator<Item = &'a Recipient>,
    plain: &[u8],
) -> Result<Vec<u8>, SnapshotError> {
    let refused = |cause: &dyn std::fmt::Display| SnapshotError::Unsealed(cause.to_string());
    let recipients = recipients.map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(recipients).map_err(|error| refused(&error))?;
    let mut sealed = Vec::with_capacity(plain.len() + plain.len() / 1024 + 1024);
    let written = encryptor.wrap_output(&mut sealed).and_then(|mut writer| {
        writer.write_all(plain)?;
        writer.finish()
    });
    written.map_err(|error| refused(&error))?;
    Ok(sealed)
}

/// What was sealed; none if no key at hand opens it, or if it is not whole.
pub(super) fn open(identities: &[Identity], sealed: &[u8]) -> Option<Vec<u8>> {
    let identities = identities.iter().map(|own| own as &dyn age::Identity);
    let mut reader = Decryptor::new_buffered(sealed)
        .ok()?
        .decrypt(identities)
        .ok()?;
    let mut plain = Vec::with_capacity(sealed.len());
    reader.read_to_end(&mut plain).ok()?;
    Some(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_recipient_opens_it_and_nobody_else() {
        let [one, two, other] = [(); 3].map(|()| Identity::generate());
        let sealed = seal([one.to_public(), two.to_public()].iter(), b"state").unwrap();
        assert!(!sealed.windows(5).any(|piece| piece == b"state"));
        for own in [one, two] {
            assert_eq!(open(&[own], &sealed).unwrap(), b"state");
        }
        assert_eq!(open(&[other], &sealed), None);
        assert_eq!(open(&[], &sealed), None);
    }

    #[test]
    fn what_is_not_whole_is_not_opened() {
        let own = [Identity::generate()];
        let plain = vec![7; 200_000];
        let sealed = seal([own[0].to_public()].iter(), &plain).unwrap();
        assert_eq!(open(&own, &sealed), Some(plain));
        for cut in [0, 100, sealed.len() / 2, sealed.len() - 1] {
            assert_eq!(open(&own, &sealed[..cut]), None, "{cut}");
        }
        let mut changed = sealed;
        let last = changed.len() - 1;
        changed[last] ^= 1;
        assert_eq!(open(&own, &changed), None);
    }
}
