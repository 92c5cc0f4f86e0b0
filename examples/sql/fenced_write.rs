//! A worker stalls until its lock is over, wakes up and writes: the table refuses it by its fencing number.
//!
//! `cargo run --example fenced_write` plays it with locks in memory, on a table in SQLite, and on one in PostgreSQL where
//! that is reachable: by `DATABASE_URL`, or as the user `postgres` on this machine's port 5432. With URLs the locks are
//! on real servers: `cargo run --example fenced_write -- redis://127.0.0.1:7001`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells a story")]

use std::{
    env,
    error::Error,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use redsync_redis_rs::{Guard, Redsync, connect, runtime};
use redsync_testkit::memory::MemoryNode;
use tokio_postgres::NoTls;

// ANCHOR: table
/// What is to be protected remembers the fencing number of the last write.
const COLUMNS: &str = "(id BIGINT PRIMARY KEY, body TEXT NOT NULL, fence BIGINT NOT NULL)";

/// The statement that writes compares, since whatever is asked before it may
/// have changed by then. A number that is equal is the same holder's, who may
/// write twice. Both databases know it in these words; where the row is there in
/// any case: `UPDATE report SET body = $2, fence = $3 WHERE id = $1 AND fence <= $3`.
const WRITE: &str = "INSERT INTO report (id, body, fence) VALUES ($1, $2, $3) \
    ON CONFLICT (id) DO UPDATE SET body = excluded.body, fence = excluded.fence \
    WHERE report.fence <= excluded.fence";
// ANCHOR_END: table

const READ: &str = "SELECT body FROM report WHERE id = $1";

const REPORT: i64 = 7;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match play().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fenced_write: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn play() -> Result<(), BoxError> {
    let redsync = nodes(env::args().skip(1).collect()).await?;
    let folder = tempfile::tempdir()?;
    stall_and_be_refused(&redsync, &Table::in_sqlite(&folder.path().join("reports.db"))?).await?;
    match reach_postgres().await {
        Ok(client) => stall_and_be_refused(&redsync, &Table::in_postgres(client).await?).await?,
        Err(error) => println!("PostgreSQL: not reachable, and so left out ({})", with_causes(&*error)),
    }
    redsync.settled().await;
    Ok(())
}

/// Three nodes in memory, or the servers that the URLs name.
async fn nodes(urls: Vec<String>) -> Result<Redsync, BoxError> {
    if urls.is_empty() {
        println!("Locking on three nodes in memory; name the URLs of real servers to lock on those.\n");
        let runtime = runtime::locate()?;
        let nodes = (1..=3).map(|number| MemoryNode::new(runtime.clone()).named(format!("memory-{number}")));
        return Ok(Redsync::builder(runtime.clone()).nodes(nodes).build()?);
    }
    println!("Locking on {}.\n", urls.join(", "));
    Ok(connect(urls).await?)
}

/// Worker A does nothing between taking the lock and writing, as a process that is stopped, swapped out or on a suspended
/// machine. It has looked before whether its lock is valid, and it was.
async fn stall_and_be_refused(redsync: &Redsync, table: &Table) -> Result<(), BoxError> {
    let (mutex, place) = (redsync.mutex("report:7").fenced(), table.place());
    let a = mutex.clone().ttl(Duration::from_secs(1)).lock().await?;
    println!("{place}: worker A took the lock with fencing number {}", number(&a)?);
    println!("{place}: worker A finds its lock valid ({}), and stalls before it writes", a.is_valid());

    let begun = Instant::now();
    let b = mutex.ttl(Duration::from_secs(10)).lock().await?;
    println!("{place}: worker B got the lock {:.1?} later, with number {}", begun.elapsed(), number(&b)?);
    if !table.write("written by B", number(&b)?).await? {
        return Err("the holder's write was refused: this must not happen".into());
    }
    println!("{place}: worker B wrote, and releases the lock ({:?})", b.release().await?);

    if table.write("written by A", number(&a)?).await? {
        return Err("the stale worker has written: this must not happen".into());
    }
    println!("{place}: worker A woke up and wrote, and was refused (valid by now: {})", a.is_valid());
    println!("{place}: the report is {:?}\n", table.read().await?);
    Ok(())
}

/// The fencing number as SQL's `BIGINT`, which has room for every one.
fn number(guard: &Guard) -> Result<i64, BoxError> {
    Ok(i64::try_from(guard.fence().ok_or("the lock was not taken fenced")?)?)
}

/// As the user says, or where a server is by default.
async fn reach_postgres() -> Result<tokio_postgres::Client, BoxError> {
    let url = env::var("DATABASE_URL").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432".to_owned());
    let reaching = tokio_postgres::connect(&url, NoTls);
    let (client, connection) = tokio::time::timeout(Duration::from_secs(5), reaching).await??;
    // It carries what the client asks, and ends with the client.
    tokio::spawn(connection);
    Ok(client)
}

/// `tokio-postgres` tells what went wrong only in the causes.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}

/// A table whose rows refuse who comes with a lower fencing number.
enum Table {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
}

impl Table {
    fn in_sqlite(path: &Path) -> Result<Self, BoxError> {
        let connection = rusqlite::Connection::open(path)?;
        connection.execute_batch(&format!("CREATE TABLE report {COLUMNS}"))?;
        Ok(Self::Sqlite(connection))
    }

    /// A temporary one, so that nothing of it stays in your database.
    async fn in_postgres(client: tokio_postgres::Client) -> Result<Self, BoxError> {
        client.batch_execute(&format!("CREATE TEMPORARY TABLE report {COLUMNS}")).await?;
        Ok(Self::Postgres(client))
    }

    fn place(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Says whether it was written: no row has changed where the fencing number was too low.
    async fn write(&self, body: &str, fence: i64) -> Result<bool, BoxError> {
        Ok(match self {
            Self::Sqlite(connection) => connection.execute(WRITE, (REPORT, body, fence))? == 1,
            Self::Postgres(client) => client.execute(WRITE, &[&REPORT, &body, &fence]).await? == 1,
        })
    }

    async fn read(&self) -> Result<String, BoxError> {
        Ok(match self {
            Self::Sqlite(connection) => connection.query_row(READ, (REPORT,), |row| row.get(0))?,
            Self::Postgres(client) => client.query_one(READ, &[&REPORT]).await?.try_get(0)?,
        })
    }
}
