//! What the commands of a consumer group answer.

use redsync_core::{NodeError, Reply};

use super::Fields;

/// An entry as it was read; without fields where it was deleted from the stream meanwhile.
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) fields: Option<Fields>,
}

/// The entries that `XREADGROUP` has read from one stream; none where the time was over.
pub(super) fn read(reply: Reply) -> Result<Vec<Entry>, NodeError> {
    if reply == Reply::Nil {
        return Ok(Vec::new());
    }
    // The stream's name and the entries, in an array of their own by the older protocol and in a map by the newer one.
    let mut items = array(reply)?;
    if let [Reply::Array(_)] = items[..] {
        items = items.pop().map_or_else(|| Ok(Vec::new()), array)?;
    }
    items.pop().map_or_else(|| Err(odd()), entries)
}

/// What `XAUTOCLAIM` has claimed, and where to go on; `None` at the end.
pub(super) fn claimed(reply: Reply) -> Result<(Option<String>, Vec<Entry>), NodeError> {
    let mut items = array(reply)?.into_iter();
    let (Some(cursor), Some(found)) = (items.next(), items.next()) else { return Err(odd()) };
    let cursor = text(cursor)?;
    Ok((Some(cursor).filter(|cursor| cursor != "0-0"), entries(found)?))
}

/// How often an entry was delivered, by what `XPENDING` says of it; `None` where it is not waited for any more.
pub(super) fn deliveries(reply: Reply) -> Result<Option<u64>, NodeError> {
    let Some(entry) = array(reply)?.pop() else { return Ok(None) };
    match array(entry)?.pop() {
        Some(Reply::Integer(count)) => u64::try_from(count).map(Some).map_err(|_| odd()),
        Some(Reply::Nil | Reply::Text(_) | Reply::Array(_)) | None => Err(odd()),
    }
}

fn entries(reply: Reply) -> Result<Vec<Entry>, NodeError> {
    // Redis 6.2 answers nothing at all for what was deleted.
    array(reply)?.into_iter().filter(|item| *item != Reply::Nil).map(entry).collect()
}

fn entry(reply: Reply) -> Result<Entry, NodeError> {
    let mut items = array(reply)?.into_iter();
    let (Some(id), Some(found)) = (items.next(), items.next()) else { return Err(odd()) };
    let fields = if found == Reply::Nil { None } else { Some(fields(found)?) };
    Ok(Entry { id: text(id)?, fields })
}

fn fields(reply: Reply) -> Result<Fields, NodeError> {
    let words: Vec<_> = array(reply)?.into_iter().map(bytes).collect::<Result<_, _>>()?;
    let pair = |pair: &[Vec<u8>]| match pair {
        [name, value] => Ok((name.clone(), value.clone())),
        _ => Err(odd()),
    };
    words.chunks(2).map(pair).collect()
}

fn array(reply: Reply) -> Result<Vec<Reply>, NodeError> {
    match reply {
        Reply::Array(items) => Ok(items),
        Reply::Nil | Reply::Integer(_) | Reply::Text(_) => Err(odd()),
    }
}

fn bytes(reply: Reply) -> Result<Vec<u8>, NodeError> {
    match reply {
        Reply::Text(bytes) => Ok(bytes),
        Reply::Nil | Reply::Integer(_) | Reply::Array(_) => Err(odd()),
    }
}

fn text(reply: Reply) -> Result<String, NodeError> {
    String::from_utf8(bytes(reply)?).map_err(|_| odd())
}

fn odd() -> NodeError {
    NodeError::unknown("a reply that a stream's command cannot have")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Reply {
        Reply::Text(text.into())
    }

    fn entry_of(id: &str) -> Reply {
        Reply::Array(vec![word(id), Reply::Array(vec![word("body"), word("job")])])
    }

    #[test]
    fn what_was_read_is_the_same_by_both_protocols() {
        let stream = || vec![word("jobs"), Reply::Array(vec![entry_of("1-0"), entry_of("2-0")])];
        for reply in [Reply::Array(vec![Reply::Array(stream())]), Reply::Array(stream())] {
            let entries = read(reply).unwrap();
            let ids: Vec<_> = entries.iter().map(|entry| entry.id.as_str()).collect();
            assert_eq!(ids, ["1-0", "2-0"]);
            assert_eq!(entries[0].fields.as_ref().unwrap().value("body"), Some(&b"job"[..]));
        }
        assert!(read(Reply::Nil).unwrap().is_empty());
    }

    #[test]
    fn what_was_deleted_is_claimed_without_fields_or_not_at_all() {
        let gone = Reply::Array(vec![word("3-0"), Reply::Nil]);
        let found = Reply::Array(vec![Reply::Nil, gone, entry_of("4-0")]);
        let (cursor, entries) = claimed(Reply::Array(vec![word("5-0"), found])).unwrap();
        let seen: Vec<_> = entries.iter().map(|entry| (entry.id.as_str(), entry.fields.is_some())).collect();
        assert_eq!((cursor.as_deref(), seen), (Some("5-0"), vec![("3-0", false), ("4-0", true)]));
        let end = Reply::Array(vec![word("0-0"), Reply::Array(Vec::new()), Reply::Array(Vec::new())]);
        assert!(claimed(end).unwrap().0.is_none());
    }

    #[test]
    fn deliveries_are_the_last_that_is_said_of_an_entry() {
        let said = vec![word("1-0"), word("a"), Reply::Integer(7), Reply::Integer(3)];
        assert_eq!(deliveries(Reply::Array(vec![Reply::Array(said)])).unwrap(), Some(3));
        assert_eq!(deliveries(Reply::Array(Vec::new())).unwrap(), None);
        let odd = [word("3"), Reply::Array(vec![word("1-0")]), Reply::Array(vec![Reply::Array(Vec::new())])];
        for reply in odd {
            assert!(deliveries(reply.clone()).is_err(), "{reply:?}");
        }
    }

    #[test]
    fn other_replies_are_errors() {
        for reply in [Reply::Integer(1), word("OK"), Reply::Array(vec![]), Reply::Array(vec![word("jobs")])] {
            assert!(read(reply.clone()).is_err(), "{reply:?}");
            assert!(claimed(reply.clone()).is_err(), "{reply:?}");
        }
        let half = Reply::Array(vec![word("1-0"), Reply::Array(vec![word("body")])]);
        assert!(entry(half).is_err());
    }
}
