//! What is done on a session: each may be run again on another one.

use std::ops::ControlFlow;

use sqlx::mysql::MySql as Driver;
use sqlx::{Connection as _, MySqlConnection};

use super::session::Flavour;
use super::{catalog, definition, plan, role};
use crate::advice::Advice;
use crate::catalog::{Catalog, Hidden, Table, TableName};
use crate::config::ModelName;
use crate::db::batch::Batch;
use crate::db::{Failure, stream};
use crate::encode::Rows;
use crate::sql::Statement;

/// One read, from its beginning; a closure that borrows could not say that its future is `Send`.
pub(super) trait Work: Send {
    type Output: Send;

    /// What one of the rows that it reads may take, in bytes.
    fn row_bytes(&self) -> usize {
        0
    }

    /// How many statements it leaves prepared that nobody runs again.
    fn leaves(&self) -> usize {
        0
    }

    fn run(
        &mut self,
        connection: &mut MySqlConnection,
        flavour: Flavour,
    ) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

pub(super) struct Ping;

impl Work for Ping {
    type Output = ();

    async fn run(&mut self, connection: &mut MySqlConnection, _: Flavour) -> Result<(), Failure> {
        connection.ping().await.map_err(Failure::from_driver)
    }
}

pub(super) struct Tables<'a>(pub(super) &'a [ModelName]);

impl Work for Tables<'_> {
    type Output = Vec<Result<Table, String>>;

    async fn run(
        &mut self,
        connection: &mut MySqlConnection,
        flavour: Flavour,
    ) -> Result<Self::Output, Failure> {
        catalog::tables(connection, flavour, self.0).await
    }
}

pub(super) struct Definition<'a> {
    pub(super) table: &'a TableName,
    /// What is known already.
    pub(super) rest: Option<u64>,
}

impl Work for Definition<'_> {
    type Output = definition::Told;

    async fn run(
        &mut self,
        connection: &mut MySqlConnection,
        _: Flavour,
    ) -> Result<Self::Output, Failure> {
        definition::read(connection, self.table, self.rest).await
    }
}

pub(super) struct Names;

impl Work for Names {
    type Output = Vec<String>;

    async fn run(
        &mut self,
        connection: &mut MySqlConnection,
        _: Flavour,
    ) -> Result<Self::Output, Failure> {
        catalog::names(connection).await
    }
}

pub(super) struct Fetch<'a> {
    pub(super) statement: &'a Statement,
    pub(super) rows: &'a mut Rows,
}

impl Work for Fetch<'_> {
    type Output = ();

    fn row_bytes(&self) -> usize {
        self.statement.row_bytes
    }

    async fn run(&mut self, connection: &mut MySqlConnection, _: Flavour) -> Result<(), Failure> {
        self.rows.restart();
        let (statement, rows) = (self.statement.clone(), &mut *self.rows);
        let take = |row: &_| rows.push(row).map_err(Failure::from);
        let streamed = stream::<Driver>(connection, statement, true, take).await;
        streamed.map_err(Failure::of_statement)
    }
}

pub(super) struct Gather<'a> {
    pub(super) batch: &'a mut Batch,
}

impl Work for Gather<'_> {
    type Output = ();

    fn row_bytes(&self) -> usize {
        self.batch.row_bytes()
    }

    async fn run(&mut self, connection: &mut MySqlConnection, _: Flavour) -> Result<(), Failure> {
        self.batch.restart();
        let (statement, batch) = (self.batch.statement(), &mut *self.batch);
        let take = |row: &_| batch.push(row).map(|_| ControlFlow::Continue(()));
        let streamed = stream::<Driver>(connection, statement, true, take).await;
        streamed.map_err(Failure::of_statement)
    }
}

pub(super) struct Estimate<'a>(pub(super) &'a Statement);

impl Work for Estimate<'_> {
    type Output = Option<u64>;

    async fn run(
        &mut self,
        connection: &mut MySqlConnection,
        _: Flavour,
    ) -> Result<Self::Output, Failure> {
        plan::rows(connection, self.0).await
    }
}

pub(super) struct Weaknesses<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) hidden: &'a [Hidden],
}

impl Work for Weaknesses<'_> {
    type Output = Vec<Advice>;

    async fn run(
        &mut self,
        connection: &mut MySqlConnection,
        _: Flavour,
    ) -> Result<Self::Output, Failure> {
        role::weaknesses(connection, self.catalog, self.hidden).await
    }
}
