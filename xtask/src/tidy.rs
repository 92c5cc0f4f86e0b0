//! Rules of this repository that no other tool checks: they are run, not written.

mod book;
mod dependencies;
mod drivers;
mod msrv;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::root;

/// Is a text file of the repository, its path relative to the root.
struct File {
    path: PathBuf,
    text: String,
}

/// Checks all rules and names every breach.
pub(crate) fn run() -> Result<(), String> {
    eprintln!("$ tidy");
    let files = read_all(root())?;
    let mut breaches = source::check(&files);
    breaches.extend(book::check(&files, &is_there));
    breaches.extend(msrv::check(&files));
    breaches.extend(drivers::check(&files));
    breaches.extend(dependencies::check()?);
    tell(&breaches)
}

/// Checks the rules of the book alone.
pub(crate) fn book() -> Result<(), String> {
    tell(&book::check(&read_all(root())?, &is_there))
}

fn tell(breaches: &[String]) -> Result<(), String> {
    for breach in breaches {
        eprintln!("{breach}");
    }
    if breaches.is_empty() { Ok(()) } else { Err(format!("tidy found {} breaches", breaches.len())) }
}

/// Whether the repository has this file or directory.
fn is_there(path: &Path) -> bool {
    root().join(path).exists()
}

/// Reads what people write: Rust, TOML and Markdown, without build output and hidden directories.
fn read_all(root: &Path) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    collect(root, root, &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<File>) -> Result<(), String> {
    for entry in fs::read_dir(dir).map_err(|error| unreadable(dir, &error))? {
        let path = entry.map_err(|error| unreadable(dir, &error))?.path();
        if path.is_dir() {
            if !is_skipped(&path) {
                collect(root, &path, files)?;
            }
        } else if has_extension(&path, &["rs", "toml", "md"]) {
            files.push(read(root, &path)?);
        }
    }
    Ok(())
}

fn read(root: &Path, path: &Path) -> Result<File, String> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    Ok(File { path: path.strip_prefix(root).unwrap_or(path).to_owned(), text })
}

fn is_skipped(dir: &Path) -> bool {
    dir.file_name().is_some_and(|name| name == "target" || name.to_string_lossy().starts_with('.'))
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|found| extensions.iter().any(|extension| found == *extension))
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("cannot read {}: {error}", path.display())
}
