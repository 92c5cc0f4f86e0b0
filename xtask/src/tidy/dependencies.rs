//! The core stays free of async runtimes and Redis clients.

use crate::command::{cargo, output};

const CORE: &str = "redsync-core";
const BANNED: [&str; 8] =
    ["tokio", "smol", "async-std", "async-io", "async-executor", "redis", "fred", "rustis"];

/// Returns every banned crate that the core depends on, directly or not, with all features on.
pub(super) fn check() -> Result<Vec<String>, String> {
    let scope = ["--package", CORE, "--edges", "normal", "--all-features", "--target", "all"];
    let tree = output(&mut cargo(&[["tree", "--prefix", "none"].as_slice(), &scope].concat()))?;
    Ok(banned(&tree))
}

fn banned(tree: &str) -> Vec<String> {
    let mut names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| BANNED.contains(name));
    names.iter().map(|name| format!("{CORE} depends on {name}, which belongs into a driver crate")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_far_down_in_the_tree_is_found_once() {
        let tree =
            "redsync-core v0.1.0\ntracing v0.1.44\ntokio v1.54.0\ntokio-util v0.7.0\ntokio v1.54.0 (*)\n";
        assert_eq!(banned(tree), ["redsync-core depends on tokio, which belongs into a driver crate"]);
        assert!(banned("redsync-core v0.1.0\ntracing v0.1.44\n").is_empty());
    }
}
