//! Who may do what: the rules for a user that takes locks and does nothing else.

/// Is the least that an ACL user needs to take, extend and release locks, as `ACL SETUSER` takes it.
///
/// A lock is taken by `SET`, or by a script where its value is a fixed one; it is extended and released by
/// scripts. Those go as `EVALSHA`, and as `EVAL` to a server that does not know them yet, and what they call
/// is checked against the user's rights too. `PING` is for clients and pools that look after their connections;
/// `AUTH` and `HELLO` need no right, and clients that name themselves (`CLIENT SETINFO`) do without.
///
/// `TIME` is for fencing numbers. Narrow the keys where the locks' names have a prefix: `~lock:*` in the place of `~*`,
/// and `~{lock:*` beside it for the counters of fenced locks.
///
/// ```
/// use redsync_testkit::server::{LOCKER_RULES, Server};
///
/// let server = Server::builder().password("secret").user("locker", "lock-secret", LOCKER_RULES).start()?;
/// assert_eq!(server.command(&["ACL", "WHOAMI"])?.text(), Some("default"));
/// # Ok::<(), redsync_testkit::server::ServerError>(())
/// ```
pub const LOCKER_RULES: &str = "~* -@all +ping +set +get +del +pttl +pexpire +time +eval +evalsha";
