//! Builds the book in `docs/`, shows it while it is written, and looks at it in a browser.

use std::process::{Command, Stdio};

use crate::command::{announce, cannot_start, cargo, root, run as run_command, words};
use crate::{setup, tidy};

/// Where the book is built, as `docs/book.toml` has it.
const BOOK: &str = "target/book";
/// A package apart from the workspace, so that nobody builds it who does not run it.
const BROWSER: &str = "docs/browser/Cargo.toml";

/// Builds the book; `--serve` shows it and builds it anew whenever a page changes, `--check` looks at each page in a
/// browser.
pub(crate) fn run(args: &[&str]) -> Result<(), String> {
    match args {
        [] => build(),
        ["--serve"] => serve(),
        ["--check", args @ ..] => check(args),
        _ => Err(format!("not for docs: {}; there are --serve and --check", args.join(" "))),
    }
}

fn build() -> Result<(), String> {
    tidy::book()?;
    let mut mdbook = Command::new(setup::ensure_mdbook()?);
    without_warnings(mdbook.args(["build", "docs"]).current_dir(root()))?;
    println!("{}", root().join(BOOK).join("index.html").display());
    Ok(())
}

fn serve() -> Result<(), String> {
    let mut mdbook = Command::new(setup::ensure_mdbook()?);
    run_command(mdbook.args(["serve", "docs"]).current_dir(root()))
}

/// Before the book is looked at, what looks at it has to find faults that were made on purpose.
fn check(args: &[&str]) -> Result<(), String> {
    setup::ensure_chromium()?;
    build()?;
    browser(&["test", "--quiet"], &[])?;
    browser(&["run", "--quiet"], &[&["--", BOOK], args].concat())
}

/// Runs a command of cargo on the package that looks at the book.
fn browser(command: &[&str], args: &[&str]) -> Result<(), String> {
    let package = ["--manifest-path", BROWSER, "--target-dir", "target/browser"];
    run_command(&mut cargo(&[command, &package, args].concat()))
}

/// Runs mdbook, which warns of what it leaves out and calls that a success.
fn without_warnings(mdbook: &mut Command) -> Result<(), String> {
    announce(mdbook);
    let output = mdbook.stdout(Stdio::inherit()).output().map_err(|error| cannot_start(mdbook, &error))?;
    let told = String::from_utf8_lossy(&output.stderr);
    eprint!("{told}");
    if !output.status.success() {
        return Err(format!("`{}` ended with {}", words(mdbook), output.status));
    }
    match told.lines().find(|line| is_complaint(line)) {
        Some(line) => Err(format!("the book is not to have warnings: {}", line.trim())),
        None => Ok(()),
    }
}

/// Whether a line of its log has one of these levels.
fn is_complaint(line: &str) -> bool {
    let level = line.split_whitespace().next().unwrap_or_default();
    matches!(level.trim_matches(['[', ']']), "WARN" | "ERROR")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_and_errors_of_mdbook_are_found() {
        for (line, expected) in [
            (" INFO HTML book written", false),
            (" WARN Could not find a heading", true),
            ("ERROR a file is missing", true),
            ("[WARN] an older one", true),
            (" INFO a page called ERROR", false),
        ] {
            assert_eq!(is_complaint(line), expected, "{line}");
        }
    }
}
