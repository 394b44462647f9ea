//! Between domain values and columns.

use jiff::Timestamp;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::StoreError;

/// The JSON text of a value.
pub(super) fn json<T: Serialize>(table: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::record(table, error))
}

/// The stable word of an enum without fields, as serde names it.
pub(super) fn word<T: Serialize>(table: &'static str, value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(_) => Err(StoreError::record(table, "a word was expected")),
        Err(error) => Err(StoreError::record(table, error)),
    }
}

/// Text of others, without the one character that PostgreSQL cannot keep.
pub(super) fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Microseconds since 1970.
pub(super) fn micros(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_microsecond)
}

/// A row of a table, for reading.
pub(super) struct Columns<'a> {
    pub(super) table: &'static str,
    pub(super) row: &'a AnyRow,
}

impl Columns<'_> {
    fn wrong(&self, column: &str, cause: impl std::fmt::Display) -> StoreError {
        StoreError::record(self.table, format!("{column}: {cause}"))
    }

    pub(super) fn text(&self, column: &str) -> Result<String, StoreError> {
        self.row
            .try_get(column)
            .map_err(|error| self.wrong(column, error))
    }

    pub(super) fn optional_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        self.row
            .try_get(column)
            .map_err(|error| self.wrong(column, error))
    }

    fn integer(&self, column: &str) -> Result<i64, StoreError> {
        self.row
            .try_get(column)
            .map_err(|error| self.wrong(column, error))
    }

    pub(super) fn count(&self, column: &str) -> Result<u32, StoreError> {
        u32::try_from(self.integer(column)?).map_err(|error| self.wrong(column, error))
    }

    pub(super) fn number(&self, column: &str) -> Result<u64, StoreError> {
        u64::try_from(self.integer(column)?).map_err(|error| self.wrong(column, error))
    }

    pub(super) fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        Timestamp::from_microsecond(self.integer(column)?)
            .map_err(|error| self.wrong(column, error))
    }

    pub(super) fn optional_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        let micros: Option<i64> = self
            .row
            .try_get(column)
            .map_err(|error| self.wrong(column, error))?;
        micros
            .map(|micros| {
                Timestamp::from_microsecond(micros).map_err(|error| self.wrong(column, error))
            })
            .transpose()
    }

    pub(super) fn id<T: std::str::FromStr<Err = uuid::Error>>(
        &self,
        column: &str,
    ) -> Result<T, StoreError> {
        self.text(column)?
            .parse()
            .map_err(|error| self.wrong(column, error))
    }

    pub(super) fn word<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        self.parse_word(column, &self.text(column)?)
    }

    pub(super) fn optional_word<T: DeserializeOwned>(
        &self,
        column: &str,
    ) -> Result<Option<T>, StoreError> {
        self.optional_text(column)?
            .map(|text| self.parse_word(column, &text))
            .transpose()
    }

    fn parse_word<T: DeserializeOwned>(&self, column: &str, text: &str) -> Result<T, StoreError> {
        let word: StrDeserializer<'_, WordError> = text.into_deserializer();
        T::deserialize(word).map_err(|error| self.wrong(column, error))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        self.parse_json(column, &self.text(column)?)
    }

    pub(super) fn optional_json<T: DeserializeOwned>(
        &self,
        column: &str,
    ) -> Result<Option<T>, StoreError> {
        self.optional_text(column)?
            .map(|text| self.parse_json(column, &text))
            .transpose()
    }

    /// Values in a plan may be nested deeper than serde_json's limit, which guards against foreign
    /// input; this is our own, and the stack grows as needed.
    fn parse_json<T: DeserializeOwned>(&self, column: &str, text: &str) -> Result<T, StoreError> {
        let mut reader = serde_json::Deserializer::from_str(text);
        reader.disable_recursion_limit();
        let value = T::deserialize(serde_stacker::Deserializer::new(&mut reader))
            .map_err(|error| self.wrong(column, error))?;
        reader.end().map_err(|error| self.wrong(column, error))?;
        Ok(value)
    }
}
