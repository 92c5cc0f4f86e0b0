//! The servers that the matrix runs on.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::debian;
use super::list::{Entry, State, entries};
use crate::command::{output, root};

/// Is a server that the list asks for.
pub(super) struct Server {
    /// The name in the list.
    pub(super) name: String,
    pub(super) state: State,
    /// The program and its version, or why there is none.
    pub(super) program: Result<(PathBuf, String), String>,
}

/// Finds or unpacks every server of the list, or only the required ones.
pub(super) fn all(only_required: bool) -> Result<Vec<Server>, String> {
    let found: Vec<_> = candidates().into_iter().filter_map(|path| Some((version(&path)?, path))).collect();
    let wanted =
        entries("server")?.into_iter().filter(|entry| !only_required || entry.state == State::Required);
    Ok(wanted.map(|entry| provide(&entry, &found)).collect())
}

fn provide(entry: &Entry, found: &[(String, PathBuf)]) -> Server {
    let name = entry.word(0).to_owned();
    let here = found.iter().find(|(version, _)| is_of(version, &name));
    let program = match here {
        Some((version, path)) => Ok((path.clone(), version.clone())),
        None if entry.word(1).is_empty() => Err("not found, and not in Debian".to_owned()),
        None => unpack(&name, entry.word(1), entry.word(2)),
    };
    Server { name, state: entry.state, program }
}

fn unpack(name: &str, suite: &str, package: &str) -> Result<(PathBuf, String), String> {
    let path = debian::unpack(suite, package, &root().join("target/servers").join(name))?;
    let version = version(&path).ok_or_else(|| format!("{} does not start", path.display()))?;
    if is_of(&version, name) { Ok((path, version)) } else { Err(format!("Debian has {version} by now")) }
}

/// Lists programs that may be servers: the usual names on the PATH, and what `REDSYNC_SERVERS` names.
fn candidates() -> Vec<PathBuf> {
    let dirs = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&dirs)
        .flat_map(|dir| ["redis-server", "valkey-server"].map(|name| dir.join(name)))
        .filter(|path| path.is_file());
    let named = env::var_os("REDSYNC_SERVERS").unwrap_or_default();
    env::split_paths(&named).filter(|path| path.is_file()).chain(on_path).collect()
}

/// Asks a server for its version, such as `redis-7.0.15`.
fn version(path: &Path) -> Option<String> {
    parse(&output(Command::new(path).arg("--version")).ok()?)
}

/// Reads a line such as `Valkey server v=8.0.1 sha=00000000:0 …`.
fn parse(line: &str) -> Option<String> {
    let kind = line.split_whitespace().next()?.to_lowercase();
    let version = line.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    Some(format!("{kind}-{version}"))
}

/// Tells whether `redis-7.0.15` is a `redis-7.0`.
fn is_of(version: &str, name: &str) -> bool {
    version.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_recognised_by_the_beginning_of_their_version() {
        let line = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0";
        let version = parse(line).unwrap();
        assert_eq!(version, "redis-7.0.15");
        assert!(is_of(&version, "redis-7.0") && is_of(&version, "redis-7"));
        assert!(
            !is_of(&version, "redis-7.01")
                && !is_of(&version, "valkey-7.0")
                && !is_of("redis-7.10.1", "redis-7.1")
        );
    }
}
