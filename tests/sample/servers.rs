//! The sample on database servers: the same rows as in SQLite, and no trace where it is refused.

use lucarne::sample::{SampleError, load};
use sqlx::{AssertSqlSafe, Connection};

use crate::common::database::OwnDatabase;
use crate::{Dump, Engine, TABLES, cell, made, open, select};

/// Compares with the rows of SQLite, naming the first cell that differs.
fn assert_same(sqlite: &Dump, other: &Dump) {
    for (table, columns) in TABLES {
        assert_eq!(sqlite[table].len(), other[table].len(), "rows of {table}");
        for (here, there) in sqlite[table].iter().zip(&other[table]) {
            for ((name, _), (here_cell, there_cell)) in columns.iter().zip(here.iter().zip(there)) {
                assert_eq!(here_cell, there_cell, "{table}.{name} of {:?}", here[0]);
            }
        }
    }
}

/// That a server holds the rows of SQLite, and a second load makes nothing of them anew.
macro_rules! holds_the_same_rows {
    ($name:ident, $place:ident, $engine:expr, $connection:ty) => {
        #[tokio::test]
        async fn $name() {
            let Some(own) = OwnDatabase::$place("").await else {
                return;
            };
            let url = own.url();
            let (_folder, path, sqlite) = made().await;
            let first = load(&url).await.unwrap();
            assert_eq!(first, sqlite);
            let second = load(&url).await.unwrap();
            assert_eq!((second.made, second.rows), (false, first.rows));

            let mut db = <$connection>::connect(&url).await.unwrap();
            let rows = dump!($engine, db);
            db.close().await.unwrap();
            assert_same(&dump!(Engine::Sqlite, open(&path).await), &rows);
        }
    };
}

holds_the_same_rows!(
    postgres_holds_the_same_rows,
    postgres,
    Engine::Postgres,
    sqlx::PgConnection
);
holds_the_same_rows!(
    mysql_holds_the_same_rows,
    mysql,
    Engine::MySql,
    sqlx::MySqlConnection
);

#[tokio::test]
async fn postgres_with_a_table_is_refused() {
    let Some(own) = OwnDatabase::postgres("").await else {
        return;
    };
    let url = own.url();
    let mut db = sqlx::PgConnection::connect(&url).await.unwrap();
    for sql in [
        "CREATE SCHEMA shop",
        "CREATE VIEW shop.things AS SELECT 1 AS id",
    ] {
        sqlx::query(sql).execute(&mut db).await.unwrap();
    }
    let error = load(&url).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the database is not empty: it has the table shop.things"
    );
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            .fetch_one(&mut db)
            .await
            .unwrap();
    assert_eq!(tables, 0);
    db.close().await.unwrap();
}

#[tokio::test]
async fn postgres_that_refuses_keeps_nothing() {
    let Some(own) = OwnDatabase::postgres("").await else {
        return;
    };
    let url = own.url();
    let mut db = sqlx::PgConnection::connect(&url).await.unwrap();
    // A type in the way: the script fails after its first statements.
    sqlx::query("CREATE TYPE ticket_priority AS ENUM ('none')")
        .execute(&mut db)
        .await
        .unwrap();
    let error = load(&url).await.unwrap_err();
    assert_eq!(error.to_string(), "PostgreSQL refused the sample");
    let types: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_type WHERE typname = 'user_role'")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!(types, 0);
    db.close().await.unwrap();
}

#[tokio::test]
async fn mysql_with_a_table_or_without_a_database_is_refused() {
    let Some(own) = OwnDatabase::mysql("").await else {
        return;
    };
    let error = load(&own.server).await.unwrap_err();
    assert!(matches!(error, SampleError::NoDatabase), "{error:?}");
    let url = own.url();
    let mut db = sqlx::MySqlConnection::connect(&url).await.unwrap();
    // As a load that broke off would leave it.
    for table in ["users", "tickets", "change_log"] {
        let sql = format!("CREATE TABLE {table} (id INT) COMMENT = 'Lucarne sample: x'");
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut db)
            .await
            .unwrap();
    }
    let error = load(&url).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the database is not empty: it has the table change_log"
    );
    db.close().await.unwrap();
}
