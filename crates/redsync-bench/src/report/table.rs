//! Tables, one for each workload.

use std::fmt::Write as _;

use super::Report;
use crate::{
    figures::{Row, Spread},
    locker::Kind,
    workload::Workload,
};

impl Report {
    /// In Markdown.
    pub(crate) fn tables(&self) -> String {
        let mut text = format!("{}\n", self.machine);
        for workload in &Workload::ALL {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.workload == workload.letter).collect();
            if rows.is_empty() {
                continue;
            }
            let Workload { letter, name, about, run: _ } = workload;
            // Writing into a string does not fail.
            let _ = writeln!(text, "\n## ({letter}) {name}\n\n{about}");
            for alike in rows.chunk_by(|one, next| names(one) == names(next)) {
                text += &self.table(alike);
            }
        }
        text
    }

    fn table(&self, rows: &[&Row]) -> String {
        let figures = rows.first().map_or(Vec::new(), |first| names(first));
        let key = figures.first().copied().unwrap_or_default();
        let others =
            [("its floor", rows.iter().any(|row| row.floor.is_some())), ("rslock", self.has_rslock(rows))];
        let others =
            others.iter().filter(|(_, is_there)| *is_there).map(|(other, _)| format!("{key} to {other}"));
        let mut columns: Vec<_> = ["nodes", "setting", "what"].map(str::to_owned).into();
        columns.extend(figures.iter().map(|name| (*name).to_owned()).chain(others));
        let rules = vec!["---".to_owned(); columns.len()];
        let rows = rows.iter().map(|row| self.cells(row, key));
        let lines: Vec<_> = [columns, rules].into_iter().chain(rows).map(|cells| line(&cells)).collect();
        format!("\n{}", lines.concat())
    }

    fn has_rslock(&self, rows: &[&Row]) -> bool {
        rows.iter().any(|row| row.what == Kind::Rslock.name())
    }

    fn cells(&self, row: &Row, key: &str) -> Vec<String> {
        let mut cells = vec![row.nodes.to_string(), row.how.to_owned(), row.what.to_owned()];
        cells.extend(row.figures.iter().map(|figure| spread(Spread::of(figure.rounds.clone()))));
        let others = [row.floor, Some(Kind::Rslock.name())].into_iter().flatten();
        let other = |what| self.rows.iter().find(|other| other.what == what && row.is_beside(other));
        cells.extend(others.filter_map(other).map(|other| spread(row.ratio(other, key))));
        cells
    }
}

fn names(row: &Row) -> Vec<&'static str> {
    row.figures.iter().map(|figure| figure.name).collect()
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// The median, and the least and the most where they are others.
fn spread(spread: Option<Spread>) -> String {
    let Some(Spread { median, least, most }) = spread else { return String::new() };
    let (median, least, most) = (number(median), number(least), number(most));
    if least == most { median } else { format!("{median} ({least}–{most})") }
}

/// With three digits that say something.
fn number(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 || number == 0.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}
