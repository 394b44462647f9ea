//! Records on their way from one database to another: all of them, in one transaction, and compared.

mod row;
mod table;

use std::path::Path;

use sqlx::{AnyConnection, Connection};

use self::table::tables;
use super::settings::PostgresSettings;
use super::{AuditFilter, Paging, Store, StoreError, open, postgres};
use crate::domain::audit::{Broken, Chain, Head, Start};

/// Entries of the audit log that are read at once.
const PAGE: u32 = 500;

/// Where records are.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// In a file.
    File(&'a Path),
    /// On a server.
    Server(&'a PostgresSettings),
}

/// What was brought over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transferred {
    /// Each table with its rows, in the order of their names.
    pub tables: Vec<TableSum>,
    /// The end of the audit log, whose chain was verified in its new place; or where it does not hold.
    pub audit: Result<Head, Broken>,
}

/// What is in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSum {
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// SHA-256 over the rows in their order, as hexadecimal digits.
    pub digest: String,
}

/// Brings every record over into a database that has none, or makes no change there. What is written
/// at the source meanwhile is not brought over. Each table is read back and compared before it is
/// stored for good.
pub async fn transfer(from: Place<'_>, to: Place<'_>) -> Result<Transferred, StoreError> {
    let target = to.open().await?;
    let done = async {
        let sums = fill(&target, from).await?;
        let audit = verify(&target).await?;
        Ok(Transferred {
            tables: sums,
            audit,
        })
    };
    let done = done.await;
    target.close().await;
    done
}

impl Place<'_> {
    /// Opens it with the right to write, and brings its schema up to date.
    pub async fn open(self) -> Result<Store, StoreError> {
        match self {
            Self::File(path) => Store::open(path).await,
            Self::Server(settings) => Store::connect(settings).await,
        }
    }

    async fn reader(self) -> Result<AnyConnection, StoreError> {
        match self {
            Self::File(path) => open::reader(path).await,
            Self::Server(settings) => postgres::reader(settings).await,
        }
    }

    /// What begins to look at everything as it is at one moment.
    const fn snapshot(self) -> &'static str {
        match self {
            Self::File(_) => "BEGIN",
            Self::Server(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

async fn fill(target: &Store, from: Place<'_>) -> Result<Vec<TableSum>, StoreError> {
    let tables = tables().await?;
    let mut reader = from.reader().await?;
    postgres::same_schema(&mut reader).await?;
    let mut source = reader.begin_with(from.snapshot()).await?;
    let mut writing = target.begin().await?;
    postgres::same_schema(&mut writing).await?;
    for table in &tables {
        if !table.is_empty(&mut writing).await? {
            let table = table.name.clone();
            return Err(StoreError::NotEmpty { table });
        }
    }
    let mut sums = Vec::with_capacity(tables.len());
    for table in &tables {
        let sum = table.copy(&mut source, &mut writing).await?;
        let found = table.sum(&mut writing).await?;
        if found != sum {
            let table = sum.name;
            return Err(StoreError::Differs { table });
        }
        sums.push(sum);
    }
    writing.commit().await?;
    sums.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sums)
}

/// Whether the chain of the audit log holds where it is now. One that was broken before is brought over
/// as it is: what is left of it is evidence.
pub(super) async fn verify(store: &Store) -> Result<Result<Head, Broken>, StoreError> {
    let mut chain = Chain::new(Start::First, None);
    let mut last = 0;
    loop {
        let page = Paging::After(last);
        let page = store.audit(&AuditFilter::default(), page, PAGE).await?;
        for entry in &page {
            if let Err(broken) = chain.take(entry) {
                return Ok(Err(broken));
            }
        }
        match page.last() {
            Some(end) => last = end.seq,
            None => return Ok(chain.end().map(|verified| verified.head)),
        }
    }
}
