//! What becomes of news of requests that is held back.

use super::*;
use crate::domain::ids::RequestId;
use crate::domain::notice::{RequestLine, RequestNews, RequestNotice};

/// News of a request that is called by a number, about the alert of that number.
fn request(id: u128, number: u8, happened: RequestNews, at: i64) -> Envelope {
    let notice = RequestNotice {
        request: RequestLine {
            id: RequestId::from_uuid(uuid::Uuid::from_u128(number.into())),
            missing: Vec::new(),
            expires_at: second(100_000),
        },
        alert: Some(AlertId::from_uuid(uuid::Uuid::from_u128(number.into()))),
        stack: StackId::new(format!("infra/{number}")),
        kind: AlertKind::Drift,
        severity: Severity::High,
        at: second(at),
        news: happened,
        next: None,
        check: testing::check(Vec::new()),
    };
    Envelope {
        id: EnvelopeId::from_uuid(uuid::Uuid::from_u128(id)),
        notice: Notice::Request(notice),
        at: second(at),
    }
}

#[test]
fn requests_of_the_night_are_told_as_they_stand_in_the_morning() {
    let mut receiver = Receiver::new(Manner {
        quiet: Some(night()),
        ..MANNER
    });
    let approved = || RequestNews::Approved {
        by: "ann".to_owned(),
        reason: None,
    };
    let revoked = || RequestNews::Revoked {
        by: "ann".to_owned(),
    };
    receiver.at(
        3600,
        vec![
            request(20, 1, approved(), 3600),
            request(21, 1, revoked(), 3601),
            request(22, 2, RequestNews::Asked, 3602),
            request(23, 2, RequestNews::Expired, 3603),
            request(24, 3, approved(), 3604),
            news(25, 3, AlertEvent::Resolved, "", Severity::High, 3605),
            request(26, 4, approved(), 3606),
        ],
    );
    receiver.at(7 * 3600, Vec::new());
    assert_eq!(
        receiver.lines(),
        ["25200 QuietHours: revoked infra/1, resolved infra/3, approved infra/4; 1 came and went"]
    );
}
