//! Rules on Rust source files.

use std::path::Path;

use super::{File, has_extension};

const MOST_LINES: usize = 400;

/// Lists what may not be left in the code; written in two parts, so that this list does not break its rule.
const LEFTOVERS: [&str; 5] = [
    concat!("#[", "ignore"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
    concat!("```", "ignore"),
];

/// Returns every breach of the rules in the given files.
pub(super) fn check(files: &[File]) -> Vec<String> {
    files.iter().filter(|file| has_extension(&file.path, &["rs"])).flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<String> {
    let mut breaches = leftovers(file);
    breaches.extend(too_long(file));
    breaches.extend(without_opening(file));
    breaches
}

fn too_long(file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    (is_source(&file.path) && lines > MOST_LINES)
        .then(|| format!("{}: {lines} lines, at most {MOST_LINES} are allowed", file.path.display()))
}

fn without_opening(file: &File) -> Option<String> {
    (!file.text.starts_with("//!"))
        .then(|| format!("{}:1: opens without a `//!` line that says what lives here", file.path.display()))
}

fn leftovers(file: &File) -> Vec<String> {
    let found = |(number, line): (usize, &str)| {
        let leftover = LEFTOVERS.iter().find(|leftover| line.contains(**leftover))?;
        Some(format!("{}:{}: `{leftover}` may not stay", file.path.display(), number + 1))
    };
    file.text.lines().enumerate().filter_map(found).collect()
}

/// Tells whether the path is in some `src`, where the limit on lengths holds; tables of tests may be longer.
fn is_source(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "src")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_bites() {
        let long = format!("//! Long.\n{}", "\n".repeat(MOST_LINES));
        let cases = [
            ("crates/a/src/lib.rs", "//! Fine.\nfn main() {}\n".to_owned(), None),
            ("crates/a/src/lib.rs", long.clone(), Some("401 lines")),
            ("crates/a/tests/it.rs", long, None),
            ("crates/a/tests/it.rs", "fn main() {}\n".to_owned(), Some(":1: opens without")),
            ("xtask/src/a.rs", format!("//! A.\n{}]\n", LEFTOVERS[0]), Some("a.rs:2: `#[")),
            ("xtask/src/a.rs", format!("//! A.\n\n  {})\n", LEFTOVERS[3]), Some("a.rs:3: `dbg")),
            ("README.md", format!("{})", LEFTOVERS[1]), None),
        ];
        for (path, text, expected) in cases {
            let breaches = check(&[File { path: path.into(), text }]);
            match expected {
                Some(part) => assert!(breaches.len() == 1 && breaches[0].contains(part), "{breaches:?}"),
                None => assert!(breaches.is_empty(), "{breaches:?}"),
            }
        }
    }
}
