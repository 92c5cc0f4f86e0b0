//! [`Answer`]: what a server may say, or not.

use arbitrary::{Arbitrary, Result, Unstructured};
use redsync_core::{NodeError, Reply};

use super::spec::{CODES, ERR_DETAILS};
use crate::input::one_of;

/// A lock's value that no server makes up by itself.
pub(super) const SECRET: &str = "the-value-of-the-lock";

/// How a server begins to quote the arguments of a command that it does not know.
const ARGUMENTS: &str = ", with args beginning with: ";

/// Texts that resemble something that a server means by them.
const TEXTS: [&str; 8] = ["", "OK", "ok", "QUEUED", "1", "-1", "NOSCRIPT", SECRET];

/// What comes of a request.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// The one that grants what was asked.
    Grant,
    Reply(Reply),
    Error {
        code: String,
        detail: String,
    },
    NotSent,
    Lost,
    Never,
}

impl Answer {
    pub(super) fn arbitrary(input: &mut Unstructured<'_>) -> Result<Self> {
        Ok(match input.int_in_range(0..=15_u8)? {
            0..=4 => Self::Grant,
            5..=9 => Self::Reply(reply(input, 2)?),
            10..=13 => Self::Error { code: code(input)?, detail: detail(input)? },
            14 => Self::NotSent,
            _ if input.arbitrary()? => Self::Lost,
            _ => Self::Never,
        })
    }

    /// What a driver hands back to a request that `grant` answers in favour; `None` when nothing ever comes.
    pub(super) fn of_driver(self, grant: Reply) -> Option<Result<Reply, NodeError>> {
        match self {
            Self::Grant => Some(Ok(grant)),
            Self::Reply(reply) => Some(Ok(reply)),
            Self::Error { code, detail } => {
                Some(Err(NodeError::answered(&code, &detail, format!("{code}: {detail}"))))
            }
            Self::NotSent => Some(Err(NodeError::not_sent("connection refused"))),
            Self::Lost => Some(Err(NodeError::unknown("connection reset"))),
            Self::Never => None,
        }
    }
}

/// A reply whose arrays reach this deep.
fn reply(input: &mut Unstructured<'_>, depth: u8) -> Result<Reply> {
    Ok(match input.int_in_range(0..=7_u8)? {
        0 => Reply::Nil,
        1..=3 => Reply::Integer(input.int_in_range(-2..=3)?),
        4 => Reply::Integer(input.arbitrary()?),
        5 => Reply::Text(one_of(input, &TEXTS)?.into()),
        6 => Reply::Text(input.arbitrary()?),
        _ if depth == 0 => Reply::Array(Vec::new()),
        _ => {
            let length = input.int_in_range(0..=3_u8)?;
            Reply::Array((0..length).map(|_| reply(input, depth - 1)).collect::<Result<_>>()?)
        }
    })
}

/// A code of Redis' own, one that differs in a letter, or anything.
fn code(input: &mut Unstructured<'_>) -> Result<String> {
    let known = one_of(input, CODES)?;
    Ok(match input.int_in_range(0..=7_u8)? {
        0..=2 => known.to_owned(),
        3 | 4 => "ERR".to_owned(),
        5 => format!("{known}{}", input.arbitrary::<char>()?),
        6 => known.to_lowercase(),
        _ => without_secret(String::arbitrary(input)?),
    })
}

/// The rest of an error reply. Only where the server says that it quotes arguments, the lock's value is in it.
fn detail(input: &mut Unstructured<'_>) -> Result<String> {
    let (known, any) = (one_of(input, ERR_DETAILS)?, without_secret(String::arbitrary(input)?));
    let start = match input.int_in_range(0..=3_u8)? {
        0 => any,
        1 => format!("{any}{known}"),
        _ => format!("{known}{any}"),
    };
    Ok(match input.arbitrary()? {
        true => format!("{start}{ARGUMENTS}'name' '{SECRET}' {}", String::arbitrary(input)?),
        false => start,
    })
}

fn without_secret(text: String) -> String {
    text.replace(SECRET, "")
}
