//! Test programs: building them once, running them against a server, reading their results.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{announce, cargo, output, root};

/// Is a test program of one package.
pub(super) struct Program {
    pub(super) package: String,
    pub(super) path: PathBuf,
}

/// Maps the paths of tests, such as `smol::topologies::tls`, to whether they passed.
pub(super) type Results = BTreeMap<String, bool>;

/// Builds the test programs with these names, as `cargo xtask test` builds them.
pub(super) fn build(names: &[&str]) -> Result<Vec<Program>, String> {
    let mut command = cargo(&["test", "--workspace", "--all-features", "--no-run", "--message-format=json"]);
    announce(&command);
    Ok(output(&mut command)?.lines().filter_map(|line| program(line, names)).collect())
}

/// Finds the program in a line of cargo's JSON, of which all that is needed are a few strings without escapes.
fn program(line: &str, names: &[&str]) -> Option<Program> {
    let target = line.split_once("\"target\":")?.1;
    let executable = PathBuf::from(string(target, "executable")?);
    names.contains(&string(target, "name")?).then_some(())?;
    let manifest = Path::new(string(line, "manifest_path")?);
    let package = manifest.parent()?.file_name()?.to_str()?.to_owned();
    Some(Program { package, path: executable })
}

fn string<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = json.split_once(&format!("\"{key}\":\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

/// Runs the tests whose path contains one of `filters` against the server at `server`.
pub(super) fn run(program: &Program, server: &Path, filters: &[&str]) -> Result<Results, String> {
    let mut command = Command::new(&program.path);
    command.args(filters).env("REDSYNC_SERVER", server).env("RUST_BACKTRACE", "0");
    command.current_dir(root().join("crates").join(&program.package));
    let output = command.output().map_err(|error| format!("{}: {error}", program.path.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let results = read(&text);
    if !output.status.success() {
        eprintln!("{text}{}", String::from_utf8_lossy(&output.stderr));
        if results.values().all(|passed| *passed) {
            return Err(format!("{} ended with {}", program.path.display(), output.status));
        }
    }
    Ok(results)
}

/// Reads lines such as `test smol::topologies::tls ... ok`. An ignored test did not pass.
fn read(text: &str) -> Results {
    let lines = text.lines().filter_map(|line| line.strip_prefix("test ")?.split_once(" ... "));
    lines.map(|(path, result)| (path.trim().to_owned(), result == "ok")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_what_cargo_says() {
        let line = r#"{"reason":"compiler-artifact","package_id":"path+file:///r/crates/redsync-fred#0.1.0","manifest_path":"/r/crates/redsync-fred/Cargo.toml","target":{"kind":["test"],"name":"topologies"},"executable":"/t/topologies-1"}"#;
        let found = program(line, &["topologies"]).unwrap();
        assert_eq!(
            (found.package.as_str(), found.path.as_path()),
            ("redsync-fred", Path::new("/t/topologies-1"))
        );
        assert!(program(line, &["conformance"]).is_none());
        assert!(program(&line.replace("\"/t/topologies-1\"", "null"), &["topologies"]).is_none());
    }

    #[test]
    fn only_what_is_ok_has_passed() {
        let results = read(
            "test smol::a ... ok\ntest smol::b ... FAILED\ntest c ... ignored\ntest result: ok. 1 passed",
        );
        assert_eq!(
            results.into_iter().collect::<Vec<_>>(),
            [("c".to_owned(), false), ("smol::a".to_owned(), true), ("smol::b".to_owned(), false),]
        );
    }
}
