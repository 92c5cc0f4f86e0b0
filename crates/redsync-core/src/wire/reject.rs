//! Which error replies prove that a command was not executed.

/// The first words with which Redis and Valkey turn a command away before they execute it.
///
/// From the error replies in Redis' `src/server.c` (`createSharedObjects`), `src/cluster.c` and `src/acl.c`.
const TURNED_AWAY: &[&str] = &[
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "CROSSSLOT",
    "DENIED",
    "EXECABORT",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOPERM",
    "NOPROTO",
    "NOREPLICAS",
    "NOSCRIPT",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
    "WRONGTYPE",
];

/// How the detail of an `ERR` starts when it comes from Redis or Valkey themselves. Proxies answer `ERR`
/// as well, also for requests that they passed on, so that no other `ERR` proves anything.
const TURNED_AWAY_ERR: &[&str] = &[
    "ACL failure in script",
    "DB index is out of range",
    "Error running script",
    "The user executing the script can't",
    "This instance has cluster support disabled",
    "invalid expire time",
    "max number of clients reached",
    "syntax error",
    "unknown command",
    "value is not an integer or out of range",
    "wrong number of arguments",
];

/// Whether a server that answered with this error certainly did not execute the command.
///
/// An error from inside a script here proves it too: the lock is the last that a script writes, and the one thing that it
/// may have written before is the lock's counter, which does no harm.
pub(crate) fn turns_away(code: &str, detail: &str) -> bool {
    TURNED_AWAY.contains(&code)
        || (code == "ERR" && TURNED_AWAY_ERR.iter().any(|start| detail.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_rejections_prove_that_nothing_was_executed_and_others_do_not() {
        for (code, detail, expected) in [
            ("NOPERM", "this user has no permissions to run the 'evalsha' command", true),
            ("LOADING", "Redis is loading the dataset in memory", true),
            ("ERR", "unknown command 'EVALSHA', with args beginning with:", true),
            (
                "ERR",
                "The user executing the script can't run this command or subcommand script: 38944c",
                true,
            ),
            ("ERR", "ACL failure in script: User locker has no permissions to run the 'time' command", true),
            ("ERR", "Connection timed out", false),
            ("upstream", "failure", false),
            ("ERR", "", false),
        ] {
            assert_eq!(turns_away(code, detail), expected, "{code} {detail}");
        }
    }
}
