//! The list of what the matrix runs, `xtask/matrix.list`.

const TEXT: &str = include_str!("../../matrix.list");

/// Tells what a cell that cannot be run means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Required,
    Optional,
}

/// Is one line of the list, without its comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: String,
    pub(super) state: State,
    rest: Vec<String>,
}

impl Entry {
    /// Returns the word at a place after the state, or nothing.
    pub(super) fn word(&self, at: usize) -> &str {
        self.rest.get(at).map_or("", String::as_str)
    }
}

/// Returns the entries of one kind, in their order.
pub(super) fn entries(kind: &str) -> Result<Vec<Entry>, String> {
    let mut entries = parse(TEXT)?;
    entries.retain(|entry| entry.kind == kind);
    Ok(entries)
}

fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(parse_line).collect()
}

fn parse_line((number, line): (usize, &str)) -> Result<Entry, String> {
    let mut words = line.split_whitespace().map(str::to_owned);
    let kind = words.next().unwrap_or_default();
    let state = match words.next().as_deref() {
        Some("required") => State::Required,
        Some("optional") => State::Optional,
        Some(_) | None => return Err(format!("xtask/matrix.list:{number}: neither required nor optional")),
    };
    Ok(Entry { kind, state, rest: words.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_entries_and_comments_are_not() {
        let entries = parse("# A comment.\n\nserver required redis-7.0 suite\nrow optional a\n").unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[0].kind.as_str(), entries[0].state), ("server", State::Required));
        assert_eq!((entries[0].word(0), entries[0].word(1), entries[0].word(2)), ("redis-7.0", "suite", ""));
        assert_eq!(entries[1].state, State::Optional);
        assert!(parse("server redis-7.0\n").unwrap_err().contains("matrix.list:1"));
    }

    #[test]
    fn the_list_of_this_repository_can_be_read() {
        for kind in ["server", "row", "column", "features", "alone", "refused"] {
            assert!(!entries(kind).unwrap().is_empty(), "{kind}");
        }
    }
}
