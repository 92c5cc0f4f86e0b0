//! Tables of what passed and what did not, in Markdown, which people can read as it is.

use std::fmt;

use super::list::State;

/// Is what came of one combination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// So many tests passed.
    Passed(usize),
    /// So many tests failed, or there were none.
    Failed(usize),
    /// It could not be run.
    CannotRun,
}

/// Counts cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) cannot_run: usize,
}

/// Is one line: what it is about, and its cells.
type Line = (Vec<String>, Vec<(State, Cell)>);

/// Is a table whose cells are counted, the required and the optional ones apart.
pub(super) struct Table {
    head: Vec<String>,
    lines: Vec<Line>,
}

impl Table {
    pub(super) fn new(head: impl IntoIterator<Item = String>) -> Self {
        Self { head: head.into_iter().collect(), lines: Vec::new() }
    }

    pub(super) fn add(&mut self, names: Vec<String>, cells: Vec<(State, Cell)>) {
        self.lines.push((names, cells));
    }

    pub(super) fn count(&self, of: State) -> Count {
        let mut count = Count::default();
        for (_, cell) in self.lines.iter().flat_map(|(_, cells)| cells).filter(|(state, _)| *state == of) {
            match cell {
                Cell::Passed(_) => count.passed += 1,
                Cell::Failed(_) => count.failed += 1,
                Cell::CannotRun => count.cannot_run += 1,
            }
        }
        count
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed(1) => f.write_str("ok"),
            Self::Passed(count) => write!(f, "ok ({count})"),
            Self::Failed(0) => f.write_str("NO TEST"),
            Self::Failed(count) => write!(f, "FAILED ({count})"),
            Self::CannotRun => f.write_str("-"),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = |cells: &[(State, Cell)]| cells.iter().map(|(_, cell)| cell.to_string()).collect();
        let mut rows: Vec<Vec<String>> = vec![self.head.clone()];
        rows.extend(self.lines.iter().map(|(names, line)| [names.clone(), cells(line)].concat()));
        let longest =
            |column| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.head.len()).map(longest).collect();
        rows.insert(1, widths.iter().map(|width| "-".repeat(*width)).collect());
        for row in rows {
            for (word, width) in row.iter().zip(&widths) {
                write!(f, "| {word:width$} ")?;
            }
            writeln!(f, "|")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_counted() {
        let mut table = Table::new(["server", "tls"].map(str::to_owned));
        table.add(vec!["redis-7.0".to_owned()], vec![(State::Required, Cell::Passed(1))]);
        table.add(vec!["x".to_owned()], vec![(State::Optional, Cell::CannotRun)]);
        table.add(vec!["y".to_owned()], vec![(State::Required, Cell::Failed(2))]);
        let expected = "\
| server    | tls        |
| --------- | ---------- |
| redis-7.0 | ok         |
| x         | -          |
| y         | FAILED (2) |
";
        assert_eq!(table.to_string(), expected);
        assert_eq!(table.count(State::Required), Count { passed: 1, failed: 1, cannot_run: 0 });
        assert_eq!(table.count(State::Optional), Count { passed: 0, failed: 0, cannot_run: 1 });
    }
}
