//! One table: its columns, and how its rows are gone over.

use sha2::{Digest, Sha256};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Connection, Row as _};

use super::super::StoreError;
use super::super::schema::{self, Engine};
use super::TableSum;
use super::row::{Kind, Value};

/// Rows that are read and written at once.
const PAGE: usize = 100;

/// A table of the schema. Names come from the schema itself, never from outside.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    columns: Vec<Column>,
    parents: Vec<String>,
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: Kind,
    /// Its place in the primary key, from one on; zero if it is not in it.
    key: i64,
}

/// Every table of the schema that this program knows, those that others refer to first. Who uses the
/// database, and what they want of each other, is no record of it.
pub(super) async fn tables() -> Result<Vec<Table>, StoreError> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect("sqlite::memory:").await?;
    let mut transaction = connection.begin().await?;
    schema::migrate(Engine::Sqlite, &mut transaction).await?;
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
         AND name NOT IN ('_sqlx_migrations', 'reach', 'replicas', 'leadership', 'handed', 'calls') \
         ORDER BY name",
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        tables.push(Table::described(name, &mut transaction).await?);
    }
    transaction.rollback().await?;
    connection.close().await?;
    let mut ordered: Vec<Table> = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let is_done = |name: &String| ordered.iter().any(|table| &table.name == name);
        let ready = tables
            .iter()
            .position(|table| table.parents.iter().all(is_done))
            .ok_or_else(|| StoreError::record("schema", "tables refer to each other"))?;
        ordered.push(tables.remove(ready));
    }
    Ok(ordered)
}

impl Table {
    async fn described(name: String, connection: &mut AnyConnection) -> Result<Self, StoreError> {
        let columns: Vec<(String, String, i64)> =
            sqlx::query_as("SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid")
                .bind(name.clone())
                .fetch_all(&mut *connection)
                .await?;
        let columns = columns.into_iter().map(|(column, kind, key)| {
            let kind = Kind::named(&kind).ok_or_else(|| {
                StoreError::record("schema", format!("{name}.{column}: type {kind}"))
            })?;
            let name = column;
            Ok(Column { name, kind, key })
        });
        let columns = columns.collect::<Result<Vec<_>, StoreError>>()?;
        let parents: Vec<String> =
            sqlx::query_scalar("SELECT DISTINCT \"table\" FROM pragma_foreign_key_list($1)")
                .bind(name.clone())
                .fetch_all(connection)
                .await?;
        let parents = parents.into_iter().filter(|parent| *parent != name);
        Ok(Self {
            parents: parents.collect(),
            name,
            columns,
        })
    }

    pub(super) async fn is_empty(
        &self,
        connection: &mut AnyConnection,
    ) -> Result<bool, StoreError> {
        let count = format!("SELECT COUNT(*) FROM {}", self.name);
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(count))
            .fetch_one(connection)
            .await?;
        Ok(count == 0)
    }

    /// Copies every row, and says what was read.
    pub(super) async fn copy(
        &self,
        from: &mut AnyConnection,
        to: &mut AnyConnection,
    ) -> Result<TableSum, StoreError> {
        let mut pages = Pages::of(self);
        while let Some(rows) = pages.next(from).await? {
            self.insert(&rows, to).await?;
        }
        Ok(pages.sum())
    }

    /// What is in it.
    pub(super) async fn sum(&self, connection: &mut AnyConnection) -> Result<TableSum, StoreError> {
        let mut pages = Pages::of(self);
        while pages.next(connection).await?.is_some() {}
        Ok(pages.sum())
    }

    async fn insert(&self, rows: &[Vec<Value>], to: &mut AnyConnection) -> Result<(), StoreError> {
        let width = self.columns.len();
        let groups: Vec<String> = (0..rows.len())
            .map(|row| placeholders(row * width, width))
            .collect();
        let (names, groups) = (self.names(), groups.join(", "));
        let insert = format!("INSERT INTO {} ({names}) VALUES {groups}", self.name);
        let query = sqlx::query(AssertSqlSafe(insert)).persistent(false);
        let query = rows
            .iter()
            .flatten()
            .fold(query, |query, value| value.bind(query));
        query.execute(to).await?;
        Ok(())
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
        names.join(", ")
    }

    /// The places of the columns of the primary key, in their order in it.
    fn key(&self) -> Vec<usize> {
        let mut key: Vec<(i64, usize)> = (self.columns.iter().enumerate())
            .filter(|(_, column)| column.key > 0)
            .map(|(at, column)| (column.key, at))
            .collect();
        key.sort_unstable();
        key.into_iter().map(|(_, at)| at).collect()
    }
}

/// `($1, $2)`, after so many others.
fn placeholders(before: usize, count: usize) -> String {
    let all: Vec<String> = (1..=count).map(|n| format!("${}", before + n)).collect();
    format!("({})", all.join(", "))
}

/// A way over all rows of a table by its key, with the sum of what was seen.
struct Pages<'a> {
    table: &'a Table,
    key: Vec<usize>,
    last: Option<Vec<Value>>,
    rows: u64,
    digest: Sha256,
}

impl<'a> Pages<'a> {
    fn of(table: &'a Table) -> Self {
        Self {
            table,
            key: table.key(),
            last: None,
            rows: 0,
            digest: Sha256::new(),
        }
    }

    async fn next(
        &mut self,
        connection: &mut AnyConnection,
    ) -> Result<Option<Vec<Vec<Value>>>, StoreError> {
        let (table, columns) = (self.table, &self.table.columns);
        let names = self.key.iter().filter_map(|at| columns.get(*at));
        let key: Vec<&str> = names.map(|column| column.name.as_str()).collect();
        let key = key.join(", ");
        let after = match &self.last {
            Some(last) => format!("WHERE ({key}) > {}", placeholders(0, last.len())),
            None => String::new(),
        };
        let select = format!(
            "SELECT {} FROM {} {after} ORDER BY {key} LIMIT {PAGE}",
            table.names(),
            table.name
        );
        let query = sqlx::query(AssertSqlSafe(select));
        let last = self.last.iter().flatten();
        let query: Query<'_, Any, AnyArguments> =
            last.fold(query, |query, value| value.bind(query));
        let found = query.fetch_all(connection).await?;
        let rows = found.iter().map(|row| table.values(row));
        let rows = rows.collect::<Result<Vec<Vec<Value>>, StoreError>>()?;
        let Some(end) = rows.last() else {
            return Ok(None);
        };
        let last = self.key.iter().filter_map(|at| end.get(*at));
        self.last = Some(last.cloned().collect());
        self.rows += rows.len() as u64;
        for value in rows.iter().flatten() {
            value.digest(&mut self.digest);
        }
        Ok(Some(rows))
    }

    fn sum(self) -> TableSum {
        TableSum {
            name: self.table.name.clone(),
            rows: self.rows,
            digest: hex::encode(self.digest.finalize()),
        }
    }
}

impl Table {
    fn values(&self, row: &AnyRow) -> Result<Vec<Value>, StoreError> {
        let values = self.columns.iter().enumerate().map(|(at, column)| {
            let value = match column.kind {
                Kind::Text => row.try_get(at).map(Value::Text),
                Kind::Integer => row.try_get(at).map(Value::Integer),
                Kind::Real => row.try_get(at).map(Value::Real),
                Kind::Bytes => row.try_get(at).map(Value::Bytes),
            };
            value.map_err(|error| {
                StoreError::record("schema", format!("{}.{}: {error}", self.name, column.name))
            })
        });
        values.collect()
    }
}
