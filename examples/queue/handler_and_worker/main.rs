//! A handler and a worker as two processes, with a broker between them: a lock goes through it with its job.
//!
//! ```sh
//! cargo run --example handler_and_worker -- worker --broker amqp --url amqp://127.0.0.1 --locks redis://127.0.0.1
//! cargo run --example handler_and_worker -- handler --broker amqp --url amqp://127.0.0.1 --locks redis://127.0.0.1
//! curl -i -X POST http://127.0.0.1:3000/reports/7
//! ```
//!
//! The handler answers 202 at once, and 409 for as long as the report is being written. Start more workers, kill one in the
//! middle, stop the broker or the servers of the locks, and see what becomes of the report. `--trace` shows the spans of
//! both sides, which have the same trace id. The broker `nats` takes a URL such as `nats://127.0.0.1`, for a server with
//! JetStream (`nats-server -js`), and `streams` that of a Redis or Valkey.
//!
//! The same within one process, without any server, is the example `in_process_queue`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells what happens")]

mod args;
mod broker;
mod handler;
mod stop;
mod trace;
mod worker;

use std::process::ExitCode;

use args::{Args, Role, USAGE};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("handler_and_worker: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), BoxError> {
    let Some(Args { role, place, trace }) = Args::parse(std::env::args_os())? else {
        println!("{USAGE}");
        return Ok(());
    };
    let tracing = trace.then(|| trace::start(role.name())).transpose()?;
    match role {
        Role::Handler(options) => handler::run(place, options).await?,
        Role::Worker(options) => worker::run(place, options).await?,
    }
    if let Some(provider) = tracing {
        provider.shutdown()?;
    }
    Ok(())
}
