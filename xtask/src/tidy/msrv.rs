//! The oldest supported Rust is stated once, in the root `Cargo.toml`.

use std::path::Path;

use super::File;

/// Returns every place that states the oldest supported Rust again, or another one.
pub(super) fn check(files: &[File]) -> Vec<String> {
    let Some(msrv) = files.iter().find(|file| is_root_manifest(&file.path)).and_then(stated) else {
        return vec!["Cargo.toml: states no rust-version".to_owned()];
    };
    files.iter().flat_map(|file| breaches(file, msrv)).collect()
}

fn breaches(file: &File, msrv: &str) -> Vec<String> {
    let is_breach: &dyn Fn(&str) -> bool = match file.path.file_name().and_then(|name| name.to_str()) {
        Some("Cargo.toml") if !is_root_manifest(&file.path) => &|line| in_manifest(line).is_some(),
        Some("clippy.toml" | ".clippy.toml") => &|line| line.trim_start().starts_with("msrv"),
        Some("README.md") => &|line| rust_versions(line).any(|version| version != msrv),
        Some(_) | None => return Vec::new(),
    };
    let lines = file.text.lines().enumerate().filter(|(_, line)| is_breach(line));
    let path = file.path.display();
    lines.map(|(at, _)| format!("{path}:{}: the root Cargo.toml states Rust {msrv}", at + 1)).collect()
}

fn stated(manifest: &File) -> Option<&str> {
    manifest.text.lines().find_map(in_manifest)
}

/// Returns the version of a line such as `rust-version = "1.88"`; an inherited one states none.
fn in_manifest(line: &str) -> Option<&str> {
    let (key, value) = line.split_once('=')?;
    (key.trim() == "rust-version").then(|| value.trim().trim_matches('"'))
}

/// Finds words like `1.88` or `1.88.0` in a line that speaks of Rust.
fn rust_versions(line: &str) -> impl Iterator<Item = &str> {
    let speaks_of_rust = ["Rust", "rustc", "MSRV"].iter().any(|word| line.contains(word));
    let words = line.split(|c: char| !c.is_ascii_digit() && c != '.').map(|word| word.trim_matches('.'));
    words.filter(move |word| speaks_of_rust && is_rust_version(word)).map(without_patch)
}

/// Tells a Rust version from that of a crate: its minor number has two digits or more.
fn is_rust_version(word: &str) -> bool {
    word.strip_prefix("1.").is_some_and(|rest| rest.split('.').next().is_some_and(|minor| minor.len() > 1))
}

fn without_patch(version: &str) -> &str {
    version.match_indices('.').nth(1).map_or(version, |(at, _)| version.get(..at).unwrap_or(version))
}

fn is_root_manifest(path: &Path) -> bool {
    path == Path::new("Cargo.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_stands_once() {
        let cases = [
            ("crates/a/Cargo.toml", "rust-version.workspace = true", 0),
            ("crates/a/Cargo.toml", "rust-version = \"1.88\"", 1),
            ("clippy.toml", "msrv = \"1.88\"", 1),
            ("README.md", "Needs Rust 1.88.", 0),
            ("README.md", "Needs Rust 1.88.0 or newer", 0),
            ("README.md", "Needs Rust 1.85 or newer", 1),
            ("README.md", "[MSRV-1.90+]", 1),
            ("crates/a/README.md", "rustc 1.70\nRust and redis 1.8\nfred 1.70", 1),
            ("CHANGELOG.md", "Rust 1.70", 0),
        ];
        for (path, text, expected) in cases {
            let root = file("Cargo.toml", "[workspace.package]\nrust-version = \"1.88\"\n");
            let breaches = check(&[root, file(path, text)]);
            assert_eq!(breaches.len(), expected, "{path}: {breaches:?}");
        }
    }

    #[test]
    fn a_missing_version_is_told() {
        assert_eq!(check(&[file("Cargo.toml", "[workspace]")]).len(), 1);
    }

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.to_owned() }
    }
}
