//! The table, and the same for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::measure::Figures;

/// All that was measured.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    workloads: Vec<Workload>,
}

#[derive(Serialize)]
struct Workload {
    name: &'static str,
    nodes: usize,
    figures: Vec<Figures>,
}

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, nodes: usize, figures: Vec<Figures>) {
        self.workloads.push(Workload { name, nodes, figures });
    }

    pub(crate) fn table(&self) -> String {
        let mut table = String::from(
            "| workload | nodes | what | p50 µs | p99 µs | a second | p50 to the first row | least to most |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for Workload { name, nodes, figures } in &self.workloads {
            for Figures { name: what, p50_us, p99_us, per_second, to_floor: [ratio, least, most] } in figures
            {
                // Writing into a string does not fail.
                let _ = writeln!(
                    table,
                    "| {name} | {nodes} | {what} | {p50_us:.0} | {p99_us:.0} | {per_second:.0} | {ratio:.2} | \
                     {least:.2} to {most:.2} |"
                );
            }
        }
        table
    }

    pub(crate) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}
