//! Notices that the tests of every channel render.

use jiff::Timestamp;

use crate::domain::finding::Severity;
use crate::domain::ids::MessageId;
use crate::domain::notice::Notice;
use crate::secret::SecretSource;

use super::content::{Brief, Content};
use super::section::{Item, Section};
use super::settings::{self, ChannelSettings, NotifierSettings, NotifySettings, form};
use super::specimens::{Specimen, id};
use super::{Delivery, Notifiers};

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn message_id() -> MessageId {
    MessageId::from_uuid(id(1))
}

pub(super) fn drift() -> Notice {
    Specimen::Drift.notice()
}

pub(super) fn deleted() -> Notice {
    Specimen::Deleted.notice()
}

pub(super) fn failed() -> Notice {
    Specimen::Failed.notice()
}

pub(super) fn resolved() -> Notice {
    Specimen::Resolved.notice()
}

pub(super) fn repaired() -> Notice {
    Specimen::Repaired.notice()
}

pub(super) fn first_sight() -> Notice {
    Specimen::FirstLook.notice()
}

/// Every sample.
pub(super) fn all() -> Vec<Notice> {
    Specimen::ALL.map(Specimen::notice).to_vec()
}

/// More than any service takes, full of what means something to one of them.
pub(super) fn flood() -> Content {
    let hostile = "<!channel> @everyone @here **b** _i_ [x](http://x) `c` 😀 \"&";
    let item = Item {
        label: hostile.repeat(4),
        text: hostile.repeat(9),
        lines: vec![hostile.repeat(9).into(); 6],
    };
    Content {
        subject: hostile.repeat(3),
        headline: hostile.repeat(30),
        facts: vec![hostile.repeat(2), "&".repeat(3000)],
        sections: vec![Section::new("What changed", vec![item; 90])],
        severity: Severity::High,
        over: false,
        brief: Brief::default(),
    }
}

/// Delivers by a channel whose secret, its first field, holds this text.
pub(super) async fn deliver(
    channel: &'static str,
    secret: &str,
    texts: &[(&'static str, &str)],
    notice: &Notice,
    handle: Option<&str>,
) -> Delivery {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), secret).unwrap();
    let field = form(channel).unwrap().fields.first().unwrap().name;
    let place = SecretSource::File(file.path().to_owned());
    let mut values = vec![(field, settings::Value::Secret(place))];
    for (field, text) in texts {
        values.push((field, settings::Value::Text((*text).to_owned())));
    }
    let settings = NotifySettings {
        notifiers: vec![NotifierSettings {
            name: "there".to_owned(),
            channel: ChannelSettings {
                channel,
                values: values.into_iter().collect(),
            },
        }],
        ..NotifySettings::default()
    };
    let notifiers = Notifiers::build(&settings).unwrap();
    let to = notifiers.addressees().pop().unwrap();
    notifiers
        .deliver(&to, &message_id(), notice, Timestamp::UNIX_EPOCH, handle)
        .await
}
