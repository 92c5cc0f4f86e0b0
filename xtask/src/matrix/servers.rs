//! The servers that the matrix runs on.

use std::env;
use std::ffi::OsStr;
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

/// A program and its version.
type Found = (String, PathBuf);

/// Finds or unpacks every server of the list, or only the required ones; without that limit, every other server that
/// was found follows as an optional one.
pub(super) fn all(only_required: bool) -> Result<Vec<Server>, String> {
    let mut found = named(&env::var_os("REDSYNC_SERVERS").unwrap_or_default())?;
    found.extend(on_path().into_iter().filter_map(|path| Some((version(&path)?, path))));
    let wanted =
        entries("server")?.into_iter().filter(|entry| !only_required || entry.state == State::Required);
    let mut servers: Vec<_> = wanted.map(|entry| provide(&entry, &found)).collect();
    if !only_required {
        add_unlisted(&mut servers, found);
    }
    Ok(servers)
}

/// Adds a server for each version that none of the list has taken.
fn add_unlisted(servers: &mut Vec<Server>, found: Vec<Found>) {
    for (version, path) in found {
        let is_there = |server: &Server| server.program.as_ref().is_ok_and(|(_, taken)| *taken == version);
        if !servers.iter().any(is_there) {
            let (name, state) = (version.clone(), State::Optional);
            servers.push(Server { name, state, program: Ok((path, version)) });
        }
    }
}

fn provide(entry: &Entry, found: &[Found]) -> Server {
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

/// Lists the programs of a list like PATH, all of which have to be servers.
fn named(list: &OsStr) -> Result<Vec<Found>, String> {
    let paths = env::split_paths(list).filter(|path| !path.as_os_str().is_empty());
    let server = |path: PathBuf| {
        let version = version(&path).ok_or_else(|| {
            format!("REDSYNC_SERVERS names {}, which is no server that starts", path.display())
        })?;
        Ok((version, path))
    };
    paths.map(server).collect()
}

/// Lists programs with the usual names on the PATH.
fn on_path() -> Vec<PathBuf> {
    let dirs = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&dirs)
        .flat_map(|dir| ["redis-server", "valkey-server"].map(|name| dir.join(name)))
        .filter(|path| path.is_file())
        .collect()
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

    #[test]
    fn a_server_that_fits_no_line_of_the_list_is_run_all_the_same() {
        let found = |version: &str| (version.to_owned(), PathBuf::from("/opt").join(version));
        let entry = entries("server").unwrap().swap_remove(0);
        assert_eq!(entry.word(0), "redis-7.0");
        let all = ["redis-8.2.1", "redis-7.0.15", "redis-7.0.11", "redis-8.2.1"].map(found).to_vec();
        let mut servers = vec![provide(&entry, &all)];
        add_unlisted(&mut servers, all);
        let told: Vec<_> = servers.iter().map(|server| (server.name.as_str(), server.state)).collect();
        let expected = [
            ("redis-7.0", State::Required),
            ("redis-8.2.1", State::Optional),
            ("redis-7.0.11", State::Optional),
        ];
        assert_eq!(told, expected);
        assert_eq!(servers[1].program.as_ref().unwrap().0, PathBuf::from("/opt/redis-8.2.1"));
    }

    #[test]
    fn what_is_named_has_to_be_a_server() {
        assert!(named(OsStr::new("")).unwrap().is_empty());
        for program in ["/nowhere/redis-server", "/bin/true"] {
            let error = named(OsStr::new(program)).unwrap_err();
            assert!(error.contains(program), "{error}");
        }
    }
}
