//! Entries in files: a line of JSON each, or a row of CSV.

use csv::{ReaderBuilder, StringRecord, Terminator, WriterBuilder};

use crate::domain::audit::{Broken, Chain, Defect, Entry};

use crate::cli::CliError;

const HEADER: [&str; 8] = [
    "seq", "at", "action", "actor", "subject", "details", "prev", "hash",
];

/// Writes entries in one of the two forms.
pub(super) enum Writer {
    Lines(String),
    Rows(Box<csv::Writer<Vec<u8>>>),
}

impl Writer {
    pub(super) const fn lines() -> Self {
        Self::Lines(String::new())
    }

    pub(super) fn rows() -> Result<Self, CliError> {
        let mut rows = WriterBuilder::new()
            .terminator(Terminator::CRLF)
            .from_writer(Vec::new());
        rows.write_record(HEADER).map_err(unwritable)?;
        Ok(Self::Rows(Box::new(rows)))
    }

    pub(super) fn write(&mut self, entry: &Entry) -> Result<(), CliError> {
        match self {
            Self::Lines(text) => {
                text.push_str(&entry.line());
                text.push('\n');
                Ok(())
            }
            Self::Rows(rows) => rows.write_record(row(entry)).map_err(unwritable),
        }
    }

    pub(super) fn end(self) -> Result<Vec<u8>, CliError> {
        match self {
            Self::Lines(text) => Ok(text.into_bytes()),
            Self::Rows(rows) => rows
                .into_inner()
                .map_err(|error| unwritable(error.into_error())),
        }
    }
}

/// No field begins as a formula does: they are numbers, words, objects and hashes.
fn row(entry: &Entry) -> [String; 8] {
    let [actor, subject, details] = entry.texts();
    [
        entry.seq.to_string(),
        entry.at.to_string(),
        entry.action.clone(),
        actor,
        subject,
        details,
        entry.prev.to_string(),
        entry.hash.to_string(),
    ]
}

/// Takes the entries of a file in either form into a chain.
pub(super) fn read(text: &str, chain: &mut Chain) -> Result<(), Broken> {
    let mut take = |entry: Result<Entry, Defect>| {
        let unreadable = |why| Broken {
            seq: chain.seen() + 1,
            why,
        };
        let entry = entry.map_err(unreadable)?;
        chain.take(&entry)
    };
    if text.starts_with('{') {
        return text.lines().map(Entry::read).try_for_each(take);
    }
    let mut rows = ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut records = rows.records();
    let header = records.next().and_then(Result::ok);
    if header.is_none_or(|header| header != HEADER[..]) {
        return take(Err(Defect::Unreadable));
    }
    records
        .map(|record| {
            record
                .ok()
                .as_ref()
                .and_then(of_row)
                .ok_or(Defect::Unreadable)
        })
        .try_for_each(take)
}

/// The entry of a row that is written as rows are.
fn of_row(record: &StringRecord) -> Option<Entry> {
    let json = |at: usize| serde_json::from_str(record.get(at)?).ok();
    let entry = Entry {
        seq: record.get(0)?.parse().ok()?,
        at: record.get(1)?.parse().ok()?,
        action: record.get(2)?.to_owned(),
        actor: json(3)?,
        subject: json(4)?,
        details: json(5)?,
        prev: record.get(6)?.parse().ok()?,
        hash: record.get(7)?.parse().ok()?,
    };
    (*record == row(&entry)[..]).then_some(entry)
}

fn unwritable(cause: impl Into<std::io::Error>) -> CliError {
    CliError::Write {
        name: "the entries".to_owned(),
        cause: cause.into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::audit::{Action, Head, NewAudit, Start, Verified};
    use crate::domain::identity::Identity;
    use crate::domain::ids::StackId;

    fn written(mut writer: Writer) -> String {
        let mut head = Head::none();
        for n in 0..3 {
            let by = Identity::Operator {
                claims: Some("=\"a\",\r\nb".into()),
            };
            let action = Action::StackResumed {
                stack: StackId::new(format!("infra/{n}")),
                held: Some("because".into()),
            };
            let entry = NewAudit::asked(Timestamp::UNIX_EPOCH, &by, action).after(&head);
            writer.write(&entry).unwrap();
            head = Head {
                seq: entry.seq,
                hash: entry.hash,
            };
        }
        String::from_utf8(writer.end().unwrap()).unwrap()
    }

    fn holds(text: &str) -> Result<Verified, Broken> {
        let mut chain = Chain::new(Start::First, None);
        read(text, &mut chain)?;
        chain.end()
    }

    #[test]
    fn both_forms_hold_as_they_are_written_and_not_otherwise() {
        for text in [written(Writer::lines()), written(Writer::rows().unwrap())] {
            assert_eq!(holds(&text).unwrap().entries, 3, "{text}");
            for (from, to) in [
                ("infra/1", "infra/7"),
                ("1970", "1971"),
                ("because", "why"),
                ("stack_resumed", "stack_forgotten"),
            ] {
                let altered = text.replacen(from, to, 2);
                assert_ne!(altered, text);
                holds(&altered).expect_err(&altered);
            }
            let cut: Vec<&str> = text.split_inclusive("infra/0").collect();
            holds(cut[0]).expect_err("half an entry");
        }
        let rows = written(Writer::rows().unwrap());
        holds(&rows.replace("seq,at", "at,seq")).expect_err("another header");
        assert!(!rows.lines().any(|line| line.starts_with('=')));
    }

    #[test]
    fn what_is_no_entry_is_named_by_its_place() {
        let text = written(Writer::lines()) + "{}\n";
        let broken = holds(&text).unwrap_err();
        assert_eq!((broken.seq, broken.why), (4, Defect::Unreadable));
    }
}
