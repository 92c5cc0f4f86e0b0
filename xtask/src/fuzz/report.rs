//! [`Report`]: what a run of the fuzzer came to, by what it printed.

use std::fmt;

/// What a run came to.
#[derive(Debug, Default)]
pub(super) struct Report {
    executions: u64,
    per_second: u64,
    edges: u64,
    failed: bool,
    reproducer: Option<String>,
    /// What was printed about a crash, without the fuzzer's progress.
    lines: Vec<String>,
}

/// What is worth showing of a crash: the panic stands before a long stack.
const MOST_LINES: usize = 20;

impl Report {
    /// Takes in a line of the fuzzer's output.
    pub(super) fn add_line(&mut self, line: &str) {
        let line = line.trim();
        if let Some((name, number)) = line.strip_prefix("stat::").and_then(|stat| stat.split_once(':')) {
            self.add_stat(name, number.trim().parse().unwrap_or(0));
        } else if let Some((_, rest)) = line.split_once(" cov: ") {
            let edges = rest.split(' ').next().and_then(|number| number.parse().ok());
            self.edges = edges.unwrap_or(self.edges);
        } else if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.reproducer = Some(path.to_owned());
        } else if is_of_interest(line) {
            self.lines.push(line.to_owned());
        }
    }

    fn add_stat(&mut self, name: &str, number: u64) {
        match name {
            "number_of_executed_units" => self.executions = number,
            "average_exec_per_sec" => self.per_second = number,
            _ => {}
        }
    }

    /// Takes in how the fuzzer ended.
    pub(super) fn ended(self, success: bool) -> Self {
        Self { failed: !success, ..self }
    }

    pub(super) fn is_crash(&self) -> bool {
        // A run that did nothing proves nothing.
        self.failed || self.executions == 0
    }

    /// Says what crashed, and the commands that show it again.
    pub(super) fn how_to_replay(&self, target: &str) -> String {
        let said = self.lines.iter().take(MOST_LINES).map(|line| format!("  {line}\n")).collect::<String>();
        let Some(path) = &self.reproducer else { return format!("{target} left no input behind:\n{said}") };
        format!(
            "{target} crashed:\n{said}reproducer: {path}\n\
             replay: cargo +nightly fuzz run {target} {path}\n\
             replay with a stable compiler: cargo run --package redsync-fuzz --bin {target} -- {path}"
        )
    }
}

/// Progress, addresses and advice that is given in better words are not.
fn is_of_interest(line: &str) -> bool {
    let noise =
        ["#", "INFO:", "NEW_FUNC", "Finished", "Running", "Compiling", "\"", "###", "==", "─", "MS:", "0x"];
    !line.is_empty() && !noise.iter().any(|start| line.starts_with(start))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, per_second, edges, .. } = self;
        let result = if self.is_crash() { "CRASHED" } else { "ok" };
        write!(f, "{executions:>9} executions {per_second:>6}/s {edges:>6} edges  {result}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRASH: &str = "\
INFO: Seed: 1
#4096\tpulse  cov: 4784 ft: 14532 corp: 451/36Kb lim: 600 exec/s: 682 rss: 205Mb
thread '<unnamed>' (7) panicked at fuzz/src/replies.rs:5:1:
two holders
artifact_prefix='a/'; Test unit written to /r/fuzz/artifacts/replies/crash-1
stat::number_of_executed_units: 4100
stat::average_exec_per_sec:     680";

    #[test]
    fn a_crash_comes_with_its_figures_and_the_way_to_replay_it() {
        let mut report = Report::default();
        CRASH.lines().for_each(|line| report.add_line(line));
        let report = report.ended(false);
        let text = report.to_string();
        for part in ["4100 executions", "680/s", "4784 edges", "CRASHED"] {
            assert!(text.contains(part), "{text}");
        }
        let text = report.how_to_replay("replies");
        for part in ["two holders", "fuzz run replies /r/fuzz/artifacts/replies/crash-1"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("pulse"), "{text}");
    }

    #[test]
    fn a_run_without_executions_is_no_success() {
        assert!(Report::default().ended(true).is_crash());
        assert!(!Report { executions: 1, ..Report::default() }.ended(true).is_crash());
    }
}
