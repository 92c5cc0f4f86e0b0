//! The chapter on operating names every event and span of `tracing` that the crates have, with its level and its fields.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const CHAPTER: &str = include_str!("../../src/operating.md");

const CALLS: [(&str, &str); 6] = [
    ("tracing::error!(", "ERROR"),
    ("tracing::warn!(", "WARN"),
    ("tracing::info!(", "INFO"),
    ("tracing::debug!(", "DEBUG"),
    ("tracing::trace!(", "TRACE"),
    ("info_span!(", "INFO"),
];

/// A level, a message or the name of a span, and the fields.
type Event = (String, String, BTreeSet<String>);

#[test]
fn the_chapter_names_each_event_with_its_fields_and_no_other() {
    let (code, book) = (events_of_code(), events_of_chapter());
    assert!(code.len() > 20, "only {} events were found", code.len());
    let unnamed: Vec<_> = code.difference(&book).collect();
    let gone: Vec<_> = book.difference(&code).collect();
    assert!(
        unnamed.is_empty() && gone.is_empty(),
        "in code only: {unnamed:#?}, in the chapter only: {gone:#?}"
    );
}

#[test]
fn a_field_that_is_called_differently_is_found() {
    let code = r#"
        // tracing::warn!("in a comment");
        tracing::warn!(lock = token.name(), %error, tries = (1, 2), "one, two");
    "#;
    let row = "| `WARN` | `one, two` | `lock`, `error`, `tries` | look |\n";
    assert_eq!(calls(code).collect::<BTreeSet<_>>(), rows(row).collect());
    let other = row.replace("`tries`", "`attempts`");
    assert_ne!(calls(code).collect::<BTreeSet<_>>(), rows(&other).collect());
}

fn events_of_code() -> BTreeSet<Event> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates");
    let mut files = Vec::new();
    for entry in fs::read_dir(crates).expect("a directory") {
        collect(&entry.expect("an entry").path().join("src"), &mut files);
    }
    let texts = files.iter().map(|file| fs::read_to_string(file).expect("a text"));
    texts.flat_map(|text| calls(&text).collect::<Vec<_>>()).collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => collect(&path, files),
            false => files.push(path),
        }
    }
}

/// The events that this code has, and the spans.
fn calls(code: &str) -> impl Iterator<Item = Event> {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let code = code.lines().filter(is_code).collect::<Vec<_>>().join("\n");
    CALLS.into_iter().flat_map(move |(call, level)| {
        let calls = code.split(call).skip(1).map(|rest| event(level, arguments(rest)));
        calls.collect::<Vec<_>>()
    })
}

fn event(level: &str, arguments: Vec<String>) -> Event {
    let (messages, fields): (Vec<_>, Vec<_>) =
        arguments.into_iter().partition(|argument| argument.starts_with('"'));
    assert_eq!(messages.len(), 1, "one message: {messages:?}, {fields:?}");
    let name = |field: String| {
        let name = field.split('=').next().unwrap_or_default();
        name.trim_start_matches(['%', '?']).trim().to_owned()
    };
    let message = messages[0].trim_matches('"').to_owned();
    (level.to_owned(), message, fields.into_iter().map(name).collect())
}

/// What stands between commas, up to the bracket that closes the call.
fn arguments(rest: &str) -> Vec<String> {
    let (mut arguments, mut depth, mut is_text) = (vec![String::new()], 1, false);
    for c in rest.chars() {
        is_text ^= c == '"';
        match c {
            '(' | '[' | '{' if !is_text => depth += 1,
            ')' | ']' | '}' if !is_text => depth -= 1,
            ',' if !is_text && depth == 1 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
        arguments.last_mut().expect("one at least").push(c);
    }
    let trimmed = arguments.iter().map(|argument| argument.trim().to_owned());
    trimmed.filter(|argument| !argument.is_empty()).collect()
}

/// The events that the chapter names.
fn events_of_chapter() -> BTreeSet<Event> {
    let from = CHAPTER.find("## Tracing").expect("a section on tracing");
    let section = &CHAPTER[from..];
    let to = section[2..].find("\n## ").expect("another section");
    rows(&section[..to]).collect()
}

fn rows(text: &str) -> impl Iterator<Item = Event> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(quoted).collect();
        let fields = cells[3].iter().map(|field| (*field).to_owned()).collect();
        (cells[1][0].to_owned(), cells[2][0].to_owned(), fields)
    })
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}
