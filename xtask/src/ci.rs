//! Everything that CI does with a change, and the twin that writes: `cargo xtask ci` and `cargo xtask fix`.

use crate::command::{cargo, run as run_command};
use crate::tools::{self, Tool};
use crate::{api, lint, run_chore};

/// Lists the chores, those first that most often fail or soon do. `.ci/run` does those that need no tool of their own.
const CHORES: [&[&str]; 14] = [
    &["lint"],
    &["deny"],
    &["api"],
    &["semver"],
    &["sim", "--quick"],
    &["explore", "--quick"],
    &["chaos", "--minutes", "0.6"],
    &["docs", "--check"],
    &["package"],
    &["minimal"],
    &["msrv"],
    &["features"],
    &["test", "matrix", "--quick"],
    &["test"],
];

/// Does all chores, and stops at the first that fails.
pub(crate) fn run() -> Result<(), String> {
    // Or it would be told after half an hour.
    tools::need(&[tools::DENY, tools::HACK, tools::PUBLIC_API, Tool::Msrv])?;
    for chore in CHORES {
        run_chore(chore).unwrap_or_else(|| Err(format!("not a chore: {}", chore.join(" "))))?;
    }
    Ok(())
}

/// Writes what `run` would complain of, as far as a program can: what lint knows a safe change for, the format, and the
/// lists of what is public.
pub(crate) fn fix() -> Result<(), String> {
    lint::prepare()?;
    let scope = ["--workspace", "--all-targets", "--all-features"];
    run_command(&mut cargo(&[&["clippy", "--fix", "--allow-dirty", "--allow-staged"][..], &scope].concat()))?;
    run_command(&mut cargo(&["fmt", "--all"]))?;
    api::run(&["--write"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::root;
    use std::collections::BTreeSet;
    use std::fs;

    const WORKFLOWS: &str = ".github/workflows";

    #[test]
    fn the_script_of_ci_does_nothing_that_is_not_done_here() {
        let script = fs::read_to_string(root().join(".ci/run")).unwrap();
        let done: BTreeSet<_> = script.lines().filter_map(|line| line.strip_prefix("cargo xtask ")).collect();
        assert!(done.contains("test"), "{done:?}");
        assert!(done.is_subset(&chores().iter().map(String::as_str).collect()), "{done:?}");
    }

    #[test]
    fn the_workflow_for_changes_does_what_is_done_here() {
        assert_eq!(runs("ci.yml").into_iter().collect::<BTreeSet<_>>(), chores());
    }

    #[test]
    fn workflows_run_chores_alone() {
        for workflow in fs::read_dir(root().join(WORKFLOWS)).unwrap() {
            let name = workflow.unwrap().file_name().into_string().unwrap();
            for chore in runs(&name) {
                assert!(crate::USAGE.contains(&format!("\n  {}", first(&chore))), "{name}: {chore}");
            }
        }
    }

    #[test]
    fn every_chore_of_ci_is_explained() {
        for chore in chores() {
            assert!(crate::USAGE.contains(&format!("\n  {}", first(&chore))), "{chore}");
        }
    }

    fn chores() -> BTreeSet<String> {
        CHORES.iter().map(|chore| chore.join(" ")).collect()
    }

    fn first(chore: &str) -> &str {
        chore.split(' ').next().unwrap()
    }

    /// Returns the chores that a workflow runs, whether as a step's command or as an entry of a job's matrix.
    fn runs(workflow: &str) -> Vec<String> {
        let text = fs::read_to_string(root().join(WORKFLOWS).join(workflow)).unwrap();
        let values = |key: &str| {
            let lines =
                text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix(key));
            lines.map(|value| value.trim().to_owned()).collect::<Vec<_>>()
        };
        for command in values("run:") {
            assert!(command.starts_with("cargo xtask "), "{workflow}: {command}");
        }
        let steps = values("run:").into_iter().filter_map(|command| {
            let chore = command.strip_prefix("cargo xtask ")?;
            (!chore.contains("${{")).then(|| chore.to_owned())
        });
        steps.chain(values("chore:")).collect()
    }
}
