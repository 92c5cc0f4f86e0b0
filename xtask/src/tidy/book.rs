//! Rules on what people read: links lead somewhere, and the book's code is taken from files that are compiled.

use std::path::{Component, Path, PathBuf};

use super::{File, has_extension};

const BOOK: &str = "docs/src";
const SUMMARY: &str = "docs/src/SUMMARY.md";
/// The summary itself, and the page that stands for those that are not there.
const NOT_IN_SUMMARY: [&str; 2] = [SUMMARY, "docs/src/404.md"];
const INCLUDE: &str = "{{#include ";

/// Returns every link of a Markdown file that leads nowhere, and of the book's pages everything that is included and not
/// there, code that nobody compiles, and pages that no summary names. `is_there` knows the files of the repository.
pub(super) fn check(files: &[File], is_there: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let texts = files.iter().filter(|file| has_extension(&file.path, &["md"]));
    texts.flat_map(|file| Page::new(file, files, is_there).breaches()).collect()
}

struct Page<'a> {
    file: &'a File,
    files: &'a [File],
    is_there: &'a dyn Fn(&Path) -> bool,
}

impl<'a> Page<'a> {
    fn new(file: &'a File, files: &'a [File], is_there: &'a dyn Fn(&Path) -> bool) -> Self {
        Self { file, files, is_there }
    }

    fn breaches(&self) -> Vec<String> {
        let mut breaches = self.breaches_in_text();
        if self.file.path.starts_with(BOOK) {
            breaches.extend(self.breaches_of_includes());
            breaches.extend(self.breaches_in_code());
            breaches.extend(self.breach_of_summary());
        }
        breaches
    }

    fn breaches_in_text(&self) -> Vec<String> {
        let links = prose(&self.file.text).flat_map(|(number, line)| {
            links(&line).map(|link| (number, link.to_owned())).collect::<Vec<_>>()
        });
        links.filter_map(|(number, link)| self.why_dead(&link).map(|why| self.at(number, &why))).collect()
    }

    /// Only what leads into the repository is looked at.
    fn why_dead(&self, link: &str) -> Option<String> {
        let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
        if path.contains(':') {
            return None;
        }
        let target = if path.is_empty() { self.file.path.clone() } else { self.beside(path) };
        if !(self.is_there)(&target) {
            return Some(format!("`{link}` leads to {}, which is not there", target.display()));
        }
        let text = &self.files.iter().find(|file| file.path == target)?.text;
        let is_known = fragment.is_empty() || headings(text).any(|heading| heading == fragment);
        (!is_known).then(|| format!("`{link}` leads to a heading that {} does not have", target.display()))
    }

    fn breaches_of_includes(&self) -> Vec<String> {
        let lines = self.file.text.lines().enumerate();
        let included = lines.filter_map(|(at, line)| Some((at + 1, included(line)?)));
        included
            .filter_map(|(number, what)| self.why_missing(what).map(|why| self.at(number, &why)))
            .collect()
    }

    fn why_missing(&self, what: &str) -> Option<String> {
        let (path, anchor) = what.split_once(':').unwrap_or((what, ""));
        let target = self.beside(path);
        if !(self.is_there)(&target) {
            return Some(format!("{} is included, and not there", target.display()));
        }
        let text = &self.files.iter().find(|file| file.path == target)?.text;
        let marks = [format!("ANCHOR: {anchor}"), format!("ANCHOR_END: {anchor}")];
        let has_mark = |mark: &String| text.lines().any(|line| line.trim_end().ends_with(mark.as_str()));
        let is_known = anchor.is_empty() || marks.iter().all(has_mark);
        (!is_known).then(|| format!("{} has no anchor `{anchor}`", target.display()))
    }

    fn breaches_in_code(&self) -> Vec<String> {
        let typed = blocks(&self.file.text).filter(|(_, language, line)| {
            language.starts_with("rust") && !line.trim().is_empty() && included(line).is_none()
        });
        let why = "Rust that is not included from a file that is compiled";
        typed.map(|(number, _, _)| self.at(number, why)).collect()
    }

    fn breach_of_summary(&self) -> Option<String> {
        let summary = self.files.iter().find(|file| file.path == Path::new(SUMMARY))?;
        let name = self.file.path.strip_prefix(BOOK).ok()?.display().to_string();
        let is_named = summary.text.contains(&format!("({name})"))
            || NOT_IN_SUMMARY.iter().any(|other| self.file.path == Path::new(other));
        (!is_named).then(|| format!("{}: no summary names it", self.file.path.display()))
    }

    /// A path as it is written in this file.
    fn beside(&self, path: &str) -> PathBuf {
        let mut clean = PathBuf::new();
        for part in self.file.path.parent().unwrap_or(Path::new("")).join(path).components() {
            match part {
                Component::ParentDir => _ = clean.pop(),
                Component::CurDir => {}
                Component::Normal(_) | Component::RootDir | Component::Prefix(_) => clean.push(part),
            }
        }
        clean
    }

    fn at(&self, number: usize, why: &str) -> String {
        format!("{}:{number}: {why}", self.file.path.display())
    }
}

/// Returns the numbered lines outside of code blocks, without what stands between backticks.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    lines(text).filter(|(_, language, _)| language.is_none()).map(|(number, _, line)| {
        let parts = line.split('`').step_by(2);
        (number, parts.collect::<Vec<_>>().join(" "))
    })
}

/// Returns the numbered lines inside of code blocks, with the language of the block.
fn blocks(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    lines(text).filter_map(|(number, language, line)| Some((number, language?, line)))
}

/// Returns the numbered lines but the fences, with the language of the block that they are in.
fn lines(text: &str) -> impl Iterator<Item = (usize, Option<&str>, &str)> {
    let mut language = None;
    text.lines().enumerate().filter_map(move |(at, line)| match line.trim_start().strip_prefix("```") {
        Some(opening) => {
            language = if language.is_none() { Some(opening.trim()) } else { None };
            None
        }
        None => Some((at + 1, language, line)),
    })
}

/// Finds the targets of links in a line: what stands in the round brackets of `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.is_empty())
}

fn included(line: &str) -> Option<&str> {
    line.trim().strip_prefix(INCLUDE)?.strip_suffix("}}")
}

/// Returns what links call the headings of a text, as mdbook and GitHub make it of their words.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let titles = lines(text).filter(|(_, language, line)| language.is_none() && line.starts_with('#'));
    titles.map(|(_, _, line)| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "//! Code.\n// ANCHOR: lock\nfn lock() {}\n// ANCHOR_END: lock\n// ANCHOR: open\n";

    #[test]
    fn each_rule_bites() {
        let cases = [
            ("docs/src/a.md", "[b](b.md), [c](b.md#what-is-it), [d](#here)\n# Here\n", None),
            ("docs/src/a.md", "[away](https://example.org/x#y) and `[no](link)`\n", None),
            ("docs/src/a.md", "```text\n[no](link)\n```\n", None),
            ("docs/src/a.md", "one\n[b](c.md)\n", Some("a.md:2: `c.md` leads to docs/src/c.md")),
            ("docs/src/a.md", "[b](b.md#else)\n", Some("`b.md#else` leads to a heading")),
            ("README.md", "[b](docs/src/b.md#what-is-it)\n", None),
            ("README.md", "[b](docs/b.md)\n", Some("README.md:1: `docs/b.md`")),
            ("docs/src/a.md", "```rust,no_run\n{{#include ../code/x.rs:lock}}\n```\n", None),
            ("docs/src/a.md", "```rust\n{{#include ../code/x.rs:other}}\n```\n", Some("no anchor `other`")),
            ("docs/src/a.md", "```rust\n{{#include ../code/x.rs:open}}\n```\n", Some("no anchor `open`")),
            ("docs/src/a.md", "{{#include ../code/y.rs}}\n", Some("docs/code/y.rs is included")),
            ("docs/src/a.md", "```rust\nlet a = 1;\n```\n", Some("a.md:2: Rust that is not included")),
            ("docs/src/z.md", "# Z\n", Some("z.md: no summary names it")),
        ];
        for (path, text, expected) in cases {
            let breaches = check_with(path, text);
            match expected {
                Some(part) => {
                    assert!(breaches.len() == 1 && breaches[0].contains(part), "{text}: {breaches:?}")
                }
                None => assert!(breaches.is_empty(), "{text}: {breaches:?}"),
            }
        }
    }

    /// The file beside a book of two pages, with code.
    fn check_with(path: &str, text: &str) -> Vec<String> {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.to_owned() };
        let files = [
            file(SUMMARY, "[A](a.md)\n[B](b.md)\n"),
            file("docs/src/b.md", "# `What` is it?\n"),
            file("docs/code/x.rs", CODE),
            file(path, text),
        ];
        // The summary names both, also where the case is about another file.
        let is_there =
            |path: &Path| path == Path::new("docs/src/a.md") || files.iter().any(|file| file.path == path);
        check(&files, &is_there)
    }
}
