//! What is done on a session: each may be run again on another one.

use std::ops::ControlFlow;

use sqlx::postgres::{PgColumn, PgRow, Postgres as Driver};
use sqlx::{Column as _, Executor as _, PgConnection, Row as _};

use super::{CLASSES, catalog, definition, plan, role};
use crate::advice::Advice;
use crate::catalog::{Catalog, Hidden, Table, TableName};
use crate::config::ModelName;
use crate::db::batch::Batch;
use crate::db::{Failure, FailureKind, stream};
use crate::encode::Rows;
use crate::sql::Statement;

/// One read, from its beginning; a closure that borrows could not say that its future is `Send`.
pub(super) trait Work: Send {
    type Output: Send;

    /// What one of the rows that it reads may take, in bytes.
    fn row_bytes(&self) -> usize {
        0
    }

    fn run(
        &mut self,
        connection: &mut PgConnection,
    ) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

pub(super) struct Ping;

impl Work for Ping {
    type Output = ();

    async fn run(&mut self, connection: &mut PgConnection) -> Result<(), Failure> {
        let asked = connection.execute("SELECT 1").await;
        asked.map(drop).map_err(Failure::from_driver)
    }
}

pub(super) struct Tables<'a>(pub(super) &'a [ModelName]);

impl Work for Tables<'_> {
    type Output = Vec<Result<Table, String>>;

    async fn run(&mut self, connection: &mut PgConnection) -> Result<Self::Output, Failure> {
        catalog::tables(connection, self.0).await
    }
}

pub(super) struct Definition<'a> {
    pub(super) table: &'a TableName,
    pub(super) persistent: bool,
}

impl Work for Definition<'_> {
    type Output = u64;

    async fn run(&mut self, connection: &mut PgConnection) -> Result<u64, Failure> {
        definition::read(connection, self.table, self.persistent).await
    }
}

pub(super) struct Names;

impl Work for Names {
    type Output = Vec<String>;

    async fn run(&mut self, connection: &mut PgConnection) -> Result<Self::Output, Failure> {
        catalog::names(connection).await
    }
}

pub(super) struct Fetch<'a> {
    pub(super) statement: &'a Statement,
    pub(super) rows: &'a mut Rows,
    pub(super) persistent: bool,
}

impl Work for Fetch<'_> {
    type Output = ();

    fn row_bytes(&self) -> usize {
        self.statement.row_bytes
    }

    async fn run(&mut self, connection: &mut PgConnection) -> Result<(), Failure> {
        self.rows.restart();
        let (statement, rows) = (self.statement.clone(), &mut *self.rows);
        let mut first = true;
        let take = |row: &PgRow| {
            if std::mem::take(&mut first) {
                is_known(row)?;
            }
            rows.push(row).map_err(Failure::from)
        };
        stream::<Driver>(connection, statement, self.persistent, take).await
    }
}

/// That each column is of a type that is selected as it is: else it has become of another one.
fn is_known(row: &PgRow) -> Result<(), Failure> {
    let class = |column: &PgColumn| column.type_info().oid().map(|oid| oid.0);
    match row
        .columns()
        .iter()
        .all(|it| CLASSES.contains(&class(it).unwrap_or_default()))
    {
        true => Ok(()),
        false => Err(Failure::new(FailureKind::Changed)),
    }
}

pub(super) struct Gather<'a> {
    pub(super) batch: &'a mut Batch,
    pub(super) persistent: bool,
}

impl Work for Gather<'_> {
    type Output = ();

    fn row_bytes(&self) -> usize {
        self.batch.row_bytes()
    }

    async fn run(&mut self, connection: &mut PgConnection) -> Result<(), Failure> {
        self.batch.restart();
        let (statement, batch) = (self.batch.statement(), &mut *self.batch);
        let mut first = true;
        let take = |row: &PgRow| {
            if std::mem::take(&mut first) {
                is_known(row)?;
            }
            batch.push(row).map(|_| ControlFlow::Continue(()))
        };
        stream::<Driver>(connection, statement, self.persistent, take).await
    }
}

pub(super) struct Estimate<'a>(pub(super) &'a Statement);

impl Work for Estimate<'_> {
    type Output = Option<u64>;

    async fn run(&mut self, connection: &mut PgConnection) -> Result<Self::Output, Failure> {
        plan::rows(connection, self.0).await
    }
}

pub(super) struct Weaknesses<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) hidden: &'a [Hidden],
}

impl Work for Weaknesses<'_> {
    type Output = Vec<Advice>;

    async fn run(&mut self, connection: &mut PgConnection) -> Result<Self::Output, Failure> {
        role::weaknesses(connection, self.catalog, self.hidden).await
    }
}
