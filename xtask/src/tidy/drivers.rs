//! A driver carries requests and knows nothing of locks, so it stays small.

use super::{File, has_extension};

const DRIVERS: [&str; 2] = ["crates/redsync-redis-rs", "crates/redsync-fred"];
/// Two ways to a server, the locks' and that on which keys are watched, of several kinds of connections each.
const MOST_CODE: usize = 360;

/// Lists what only those speak of who know the algorithm.
const NOT_OF_DRIVERS: [&str; 8] =
    ["EVAL", "redis.call", "Script", "wire::", "machine::", "quorum", "Quorum(", "\"SET\""];

/// Returns every driver that has grown too large or knows too much.
pub(super) fn check(files: &[File]) -> Vec<String> {
    DRIVERS.iter().flat_map(|driver| check_driver(driver, files)).collect()
}

fn check_driver(driver: &str, files: &[File]) -> Vec<String> {
    let is_source =
        |file: &&File| file.path.starts_with(format!("{driver}/src")) && has_extension(&file.path, &["rs"]);
    let sources: Vec<_> = files.iter().filter(is_source).collect();
    let count: usize = sources.iter().map(|file| code(&file.text).count()).sum();
    let too_long = (count >= MOST_CODE)
        .then(|| format!("{driver}: {count} lines of code, where a driver has less than {MOST_CODE}"));
    sources.into_iter().flat_map(knowledge).chain(too_long).collect()
}

fn knowledge(file: &File) -> Vec<String> {
    let found = |(number, line): (usize, &str)| {
        let word = NOT_OF_DRIVERS.iter().find(|word| line.contains(**word))?;
        Some(format!("{}:{number}: `{word}` is nothing for a driver to know", file.path.display()))
    };
    code(&file.text).filter_map(found).collect()
}

/// Returns the numbered lines that are neither empty, nor comments, nor attributes of the file, nor tests at its end, be they
/// in documents.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim_start()));
    let is_of_tests =
        |line: &str| line == "#[cfg(test)]" || line.starts_with("#[cfg(") && line.contains("doctest");
    let is_code = |line: &str| !line.is_empty() && !line.starts_with("//") && !line.starts_with("#![");
    lines.take_while(move |(_, line)| !is_of_tests(line)).filter(move |(_, line)| is_code(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_counts() {
        let text = "//! Lives here.\n\nfn one() {\n    // Why.\n}\n\n#[cfg(test)]\nmod tests {}\n";
        assert_eq!(code(text).collect::<Vec<_>>(), [(3, "fn one() {"), (5, "}")]);
        let text =
            "#![cfg_attr(docsrs, feature(doc_cfg))]\nmod a;\n#[cfg(all(doctest, unix))]\nmod readme {}\n";
        assert_eq!(code(text).collect::<Vec<_>>(), [(2, "mod a;")]);
        for condition in ["not(test)", "feature = \"fastest\""] {
            let text = format!("#[cfg({condition})]\nfn one() {{}}\n");
            assert_eq!(code(&text).count(), 2, "{condition}");
        }
    }

    #[test]
    fn a_driver_that_is_too_long_or_knows_too_much_is_named() {
        let file = |path: &str, text: String| File { path: path.into(), text };
        let long = "fn f() {}\n".repeat(MOST_CODE);
        let cases = [
            ("crates/redsync-fred/src/a.rs", long.clone(), Some("360 lines")),
            (
                "crates/redsync-fred/src/a.rs",
                "// EVAL\nlet a = \"EVAL\";\n".to_owned(),
                Some("a.rs:2: `EVAL`"),
            ),
            ("crates/redsync-redis-rs/src/a.rs", "use machine::Acquire;\n".to_owned(), Some("`machine::`")),
            ("crates/redsync-fred/tests/a.rs", long.clone(), None),
            ("crates/redsync-core/src/a.rs", long, None),
        ];
        for (path, text, expected) in cases {
            let breaches = check(&[file(path, text)]);
            match expected {
                Some(part) => assert!(breaches.len() == 1 && breaches[0].contains(part), "{breaches:?}"),
                None => assert!(breaches.is_empty(), "{breaches:?}"),
            }
        }
    }
}
