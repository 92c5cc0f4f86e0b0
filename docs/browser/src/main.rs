//! `redsync-browser BOOK [--pictures DIR]` loads every page of a built book, and fails when something is wrong with one.

use std::{path::PathBuf, process::ExitCode};

use lexopt::{Arg, Parser, ValueExt};
use redsync_browser::BoxError;

struct Args {
    book: PathBuf,
    pictures: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("redsync-browser: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing is wrong.
async fn run() -> Result<bool, BoxError> {
    let Args { book, pictures } = parse(Parser::from_env())?;
    let report = redsync_browser::check(&book, pictures.as_deref()).await?;
    for complaint in &report.complaints {
        eprintln!("{complaint}");
    }
    println!("{report}");
    Ok(report.complaints.is_empty())
}

fn parse(mut parser: Parser) -> Result<Args, lexopt::Error> {
    let (mut book, mut pictures) = (None, None);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("pictures") => pictures = Some(parser.value()?.parse()?),
            Arg::Value(path) if book.is_none() => book = Some(path.parse()?),
            Arg::Short(_) | Arg::Long(_) | Arg::Value(_) => return Err(arg.unexpected()),
        }
    }
    Ok(Args { book: book.ok_or("which book? Name the directory of its pages")?, pictures })
}
