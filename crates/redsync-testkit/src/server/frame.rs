//! Where commands and replies of the Redis protocol begin and end, in its second and third version.

use std::io::{self, BufRead};

use super::proxy::Args;

/// Reads the next command, an array of strings; there is none when the client has closed the connection.
pub(super) fn read_command(reader: &mut impl BufRead) -> io::Result<Option<Args>> {
    let mut head = Vec::new();
    if reader.read_until(b'\n', &mut head)? == 0 {
        return Ok(None);
    }
    let Some(count) = length(&head, b'*') else { return Ok(Some(inline(&head))) };
    (0..count).map(|_| read_string(reader)).collect::<io::Result<_>>().map(Some)
}

/// Writes a command as clients do.
pub(super) fn command(args: &Args) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Reads one reply, whatever it is, with what belongs to it.
pub(super) fn read_reply(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut missing = 1_usize;
    while missing > 0 {
        let start = bytes.len();
        if reader.read_until(b'\n', &mut bytes)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let head = bytes.get(start..).unwrap_or_default();
        let (nested, text) = (nested(head), text(head));
        missing = missing - 1 + nested;
        if let Some(length) = text {
            let end = bytes.len() + length + 2;
            bytes.resize(end, 0);
            reader.read_exact(bytes.get_mut(end - length - 2..).unwrap_or_default())?;
        }
    }
    Ok(bytes)
}

/// How many further frames belong to the one with this head. An attribute is followed by what it is about.
fn nested(head: &[u8]) -> usize {
    let list = [b'*', b'~', b'>'].into_iter().find_map(|kind| length(head, kind));
    let map = length(head, b'%').map(|count| count * 2);
    let attribute = length(head, b'|').map(|count| count * 2 + 1);
    list.or(map).or(attribute).unwrap_or(0)
}

/// How many bytes of text follow the head.
fn text(head: &[u8]) -> Option<usize> {
    [b'$', b'=', b'!'].into_iter().find_map(|kind| length(head, kind))
}

/// The length in a head of this kind; a negative one means "nothing".
fn length(head: &[u8], kind: u8) -> Option<usize> {
    let digits = head.strip_prefix(&[kind])?.trim_ascii_end();
    str::from_utf8(digits).ok()?.parse().ok()
}

fn inline(line: &[u8]) -> Args {
    line.trim_ascii_end().split(|byte| *byte == b' ').map(<[u8]>::to_vec).collect()
}

fn read_string(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.read_until(b'\n', &mut head)?;
    let length = length(&head, b'$').ok_or(io::ErrorKind::InvalidData)?;
    let mut text = vec![0; length + 2];
    reader.read_exact(&mut text)?;
    text.truncate(length);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_they_are_written() {
        let args = vec![b"SET".to_vec(), b"a b\r\n".to_vec(), Vec::new()];
        let mut bytes = command(&args);
        bytes.extend_from_slice(b"PING\r\n");
        let mut reader = bytes.as_slice();
        assert_eq!(read_command(&mut reader).unwrap(), Some(args));
        assert_eq!(read_command(&mut reader).unwrap(), Some(vec![b"PING".to_vec()]));
        assert_eq!(read_command(&mut reader).unwrap(), None);
    }

    #[test]
    fn replies_end_where_their_last_part_ends() {
        for reply in [
            "+OK\r\n",
            "-ERR no\r\n",
            ":-1\r\n",
            "$-1\r\n",
            "*-1\r\n",
            "_\r\n",
            "$4\r\n\r\n+!\r\n",
            "*2\r\n:1\r\n*1\r\n$1\r\na\r\n",
            "%1\r\n+a\r\n:1\r\n",
            "|1\r\n+ttl\r\n:3\r\n$1\r\na\r\n",
            "=5\r\ntxt:a\r\n",
        ] {
            let bytes = [reply, "+next\r\n"].concat();
            let mut reader = bytes.as_bytes();
            assert_eq!(read_reply(&mut reader).unwrap(), reply.as_bytes(), "{reply:?}");
            assert_eq!(reader, b"+next\r\n", "{reply:?}");
        }
        assert!(read_reply(&mut &b"$3\r\na"[..]).is_err());
    }
}
