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
            if let Some(first) = rows.first() {
                let Workload { letter, name, about, run: _ } = workload;
                // Writing into a string does not fail.
                let _ = write!(text, "\n## ({letter}) {name}\n\n{about}\n\n{}", self.table(first, &rows));
            }
        }
        text
    }

    fn table(&self, first: &Row, rows: &[&Row]) -> String {
        let figures: Vec<&str> = first.figures.iter().map(|figure| figure.name).collect();
        let key = figures.first().copied().unwrap_or_default();
        let mut columns = vec!["nodes", "setting", "what"];
        columns.extend(&figures);
        let (to_floor, to_rslock) = (format!("{key} to its floor"), format!("{key} to rslock"));
        columns.extend([to_floor.as_str(), to_rslock.as_str()]);
        let mut text = line(&columns) + &line(&vec!["---"; columns.len()]);
        for row in rows {
            text += &self.row(row, key);
        }
        text
    }

    fn row(&self, row: &Row, key: &str) -> String {
        let mut cells = vec![row.nodes.to_string(), row.how.to_owned(), row.what.to_owned()];
        cells.extend(row.figures.iter().map(|figure| spread(Spread::of(figure.rounds.clone()))));
        for other in [row.floor, Some(Kind::Rslock.name())] {
            let other = other
                .and_then(|what| self.rows.iter().find(|other| other.what == what && row.is_beside(other)));
            cells.push(spread(other.and_then(|other| row.ratio(other, key))));
        }
        line(&cells.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

fn line(cells: &[&str]) -> String {
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
