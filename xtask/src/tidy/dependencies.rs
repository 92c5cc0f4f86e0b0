//! The core stays free of async runtimes and Redis clients, the queues of Redis clients, each driver of the others' client,
//! and the core and the queues without features of what only their features need.

use crate::command::{cargo, output};

/// Lists crates with what they may not depend on, directly or not.
const FIREWALLS: [(&str, &[&str]); 5] = [
    (
        "redsync-core",
        &["tokio", "smol", "async-std", "async-io", "async-executor", "redis", "fred", "rustis"],
    ),
    ("redsync-runtime", &["redis", "fred", "rustis"]),
    ("redsync-redis-rs", &["fred", "rustis"]),
    ("redsync-fred", &["redis", "rustis"]),
    ("redsync-queue", &["redis", "fred", "rustis"]),
];

/// Lists crates with what only their features may bring.
const OPTIONAL: [(&str, &[&str]); 2] = [
    ("redsync-core", &["serde", "serde_core", "hmac", "metrics", "sha2"]),
    (
        "redsync-queue",
        &[
            "async-nats",
            "bytes",
            "hmac",
            "http",
            "lapin",
            "opentelemetry",
            "sha2",
            "tokio",
            "tracing-opentelemetry",
        ],
    ),
];

/// Returns every banned dependency: with all features on, and with none.
pub(super) fn check() -> Result<Vec<String>, String> {
    let mut breaches = Vec::new();
    for (package, banned) in FIREWALLS {
        breaches.extend(check_package(package, "--all-features", banned)?);
    }
    for (package, banned) in OPTIONAL {
        breaches.extend(check_package(package, "--no-default-features", banned)?);
    }
    Ok(breaches)
}

fn check_package(package: &str, features: &str, banned: &[&str]) -> Result<Vec<String>, String> {
    let scope = ["--package", package, "--edges", "normal", features, "--target", "all"];
    let tree = output(&mut cargo(&[["tree", "--prefix", "none"].as_slice(), &scope].concat()))?;
    Ok(found(package, banned, &tree))
}

fn found(package: &str, banned: &[&str], tree: &str) -> Vec<String> {
    let mut names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| banned.contains(name));
    names.iter().map(|name| format!("{package} depends on {name}, which belongs elsewhere")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_far_down_in_the_tree_is_found_once() {
        let (core, banned) = FIREWALLS[0];
        let tree =
            "redsync-core v0.1.0\ntracing v0.1.44\ntokio v1.54.0\ntokio-util v0.7.0\ntokio v1.54.0 (*)\n";
        assert_eq!(found(core, banned, tree), ["redsync-core depends on tokio, which belongs elsewhere"]);
        assert!(found(core, banned, "redsync-core v0.1.0\ntracing v0.1.44\n").is_empty());
    }

    #[test]
    fn what_only_a_feature_may_bring_is_found_without_it() {
        let (queue, optional) = OPTIONAL[1];
        let tree = "redsync-queue v0.1.0\nfutures-util v0.3.34\nlapin v4.12.3\nhttp-body v1.0.0\n";
        assert_eq!(found(queue, optional, tree), ["redsync-queue depends on lapin, which belongs elsewhere"]);
    }

    #[test]
    fn a_crate_whose_name_only_begins_like_a_client_is_none() {
        let (fred, banned) = FIREWALLS[3];
        assert!(found(fred, banned, "redsync-fred v0.1.0\nredis-protocol v6.0.0\n").is_empty());
        assert_eq!(found(fred, banned, "redis v1.8.0\n").len(), 1);
    }
}
