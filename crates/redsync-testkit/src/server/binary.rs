//! Finds the server program.

use std::env;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::ServerError;

const NAMES: [&str; 2] = ["redis-server", "valkey-server"];

/// Returns the program from `REDSYNC_SERVER`, else the first known name on the PATH.
pub(super) fn find() -> Result<PathBuf, ServerError> {
    match env::var_os("REDSYNC_SERVER") {
        Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
        Some(_) | None => on_path(&env::var_os("PATH").unwrap_or_default()),
    }
}

fn on_path(path: &OsStr) -> Result<PathBuf, ServerError> {
    NAMES
        .iter()
        .flat_map(|name| env::split_paths(path).map(move |dir| dir.join(name)))
        .find(|candidate| is_executable(candidate))
        .ok_or(ServerError::NoBinary)
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_server_on_the_path_is_one_line_that_says_what_to_install() {
        let empty = tempfile::tempdir().unwrap();
        let message = on_path(empty.path().as_os_str()).unwrap_err().to_string();
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(message.contains("apt-get install redis-server"), "{message}");
    }

    #[test]
    fn redis_comes_before_valkey_and_a_plain_file_is_no_program() {
        let dir = tempfile::tempdir().unwrap();
        let (redis, valkey) = (dir.path().join("redis-server"), dir.path().join("valkey-server"));
        write(&valkey, 0o755);
        write(&redis, 0o644);
        assert_eq!(on_path(dir.path().as_os_str()).unwrap(), valkey);
        write(&redis, 0o755);
        assert_eq!(on_path(dir.path().as_os_str()).unwrap(), redis);
    }

    fn write(path: &Path, mode: u32) {
        std::fs::write(path, "").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
}
