//! [`topologies!`](crate::topologies): a `#[test]` for each entry of the list.

/// Makes a module `topologies` with a `#[test]` for each topology.
///
/// They come in groups, each of which can have attributes, for what the driver can only do with a feature:
///
/// ```text
/// redsync_testkit::topologies! {
///     MyDriver: plain, #[cfg(feature = "tls")] tls, #[cfg(feature = "cluster")] cluster,
/// }
/// ```
///
/// The groups are `plain` (one, three and five servers, a password, an ACL user), `unix` (a Unix socket), `tls`,
/// `cluster` and `sentinel` (each with its fail-overs). `topologies!(MyDriver)` has them all.
#[macro_export]
macro_rules! topologies {
    ($driver:ty) => {
        $crate::topologies!($driver: plain, unix, tls, cluster, sentinel);
    };
    ($driver:ty: $($(#[$on:meta])* $group:ident),+ $(,)?) => {
        mod topologies {
            #[allow(unused_imports, reason = "the driver may be named by its whole path")]
            use super::*;

            $($crate::topologies!(@group $group, $driver, [$(#[$on])*]);)+
        }
    };
    (@group plain, $driver:ty, $on:tt) => {
        $crate::topologies!(@test one_node, $driver, $on);
        $crate::topologies!(@test three_nodes, $driver, $on);
        $crate::topologies!(@test five_nodes, $driver, $on);
        $crate::topologies!(@test password, $driver, $on);
        $crate::topologies!(@test acl_user, $driver, $on);
    };
    (@group unix, $driver:ty, $on:tt) => {
        $crate::topologies!(@test unix_socket, $driver, $on);
    };
    (@group tls, $driver:ty, $on:tt) => {
        $crate::topologies!(@test tls, $driver, $on);
        $crate::topologies!(@test tls_of_a_stranger, $driver, $on);
    };
    (@group cluster, $driver:ty, $on:tt) => {
        $crate::topologies!(@test cluster, $driver, $on);
        $crate::topologies!(@test cluster_fail_over, $driver, $on);
        $crate::topologies!(@test cluster_loses_lock, $driver, $on);
    };
    (@group sentinel, $driver:ty, $on:tt) => {
        $crate::topologies!(@test sentinel, $driver, $on);
        $crate::topologies!(@test sentinel_fail_over, $driver, $on);
        $crate::topologies!(@test sentinel_loses_lock, $driver, $on);
        $crate::topologies!(@test sentinel_of_a_hung_master, $driver, $on);
    };
    (@test $name:ident, $driver:ty, [$(#[$on:meta])*]) => {
        $(#[$on])*
        #[test]
        fn $name() {
            $crate::topology::$name::<$driver>();
        }
    };
}
