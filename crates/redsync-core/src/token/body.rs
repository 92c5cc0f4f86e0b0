//! What version 1 says of a lock, from fields to base64url and back.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{
    LockToken, Parts, checked_trace_context,
    error::TokenError,
    fields::{Reader, Writer, number, text},
};
use crate::{Ttl, Value};

const NAME: u8 = 1;
const VALUE: u8 = 2;
/// Empty: that it is there says that rivals may use the same value.
const EXACT: u8 = 3;
const FENCE: u8 = 4;
const TTL: u8 = 5;
const EXPIRES: u8 = 6;
const NODES: u8 = 7;
const WAIT: u8 = 8;
/// From here on, a reader skips what it does not know.
const DISPENSABLE: u8 = 128;
const TRACE_CONTEXT: u8 = 128;

/// Writes what a token says.
pub(super) fn write(token: &LockToken) -> String {
    let Parts { name, value, exact, fence, ttl, wait, expires, nodes } = token.parts();
    let mut fields = Writer::default();
    fields.bytes(NAME, name.as_bytes());
    fields.bytes(VALUE, value.as_str().as_bytes());
    if *exact {
        fields.bytes(EXACT, &[]);
    }
    if let Some(fence) = fence {
        fields.number(FENCE, *fence);
    }
    fields.number(TTL, ttl.as_millis());
    fields.number(EXPIRES, *expires);
    fields.number(NODES, (*nodes).into());
    fields.number(WAIT, wait.as_millis());
    if let Some(context) = token.trace_context() {
        fields.bytes(TRACE_CONTEXT, context.as_bytes());
    }
    encode(&fields.finish())
}

/// Reads what a token says.
pub(super) fn read(body: &str) -> Result<LockToken, TokenError> {
    let bytes = decode(body).ok_or(TokenError::Damaged("its content is not base64url"))?;
    let mut fields = Reader::new(&bytes);
    let mut found = Found::default();
    while let Some((tag, content)) = fields.next()? {
        found.take(tag, content)?;
    }
    found.token()
}

pub(super) fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

/// The fields that were found so far.
#[derive(Default)]
struct Found {
    name: Option<Arc<str>>,
    value: Option<Value>,
    exact: bool,
    fence: Option<u64>,
    ttl: Option<Ttl>,
    expires: Option<u64>,
    nodes: Option<u16>,
    wait: Option<Ttl>,
    trace_context: Option<Arc<str>>,
}

impl Found {
    fn take(&mut self, tag: u8, content: &[u8]) -> Result<(), TokenError> {
        match tag {
            NAME => self.name = Some(text(content)?.into()),
            VALUE => self.value = Some(Value::new(text(content)?)),
            EXACT => self.exact = is_flag(content)?,
            FENCE => self.fence = Some(number(content)?),
            TTL => self.ttl = Some(ttl(content)?),
            EXPIRES => self.expires = Some(number(content)?),
            NODES => self.nodes = Some(nodes(content)?),
            WAIT => self.wait = Some(ttl(content)?),
            TRACE_CONTEXT => self.trace_context = text(content).ok().and_then(checked_trace_context),
            _ if tag >= DISPENSABLE => {}
            _ => return Err(TokenError::ForeignField(tag)),
        }
        Ok(())
    }

    fn token(self) -> Result<LockToken, TokenError> {
        let missing = || TokenError::Damaged("a field is missing in it");
        let parts = Parts {
            name: self.name.ok_or_else(missing)?,
            value: self.value.ok_or_else(missing)?,
            exact: self.exact,
            fence: self.fence,
            ttl: self.ttl.ok_or_else(missing)?,
            wait: self.wait.ok_or_else(missing)?,
            expires: self.expires.ok_or_else(missing)?,
            nodes: self.nodes.ok_or_else(missing)?,
        };
        Ok(LockToken { trace_context: self.trace_context, ..LockToken::new(parts)? })
    }
}

fn is_flag(content: &[u8]) -> Result<bool, TokenError> {
    if content.is_empty() { Ok(true) } else { Err(TokenError::Damaged("a flag in it says more than yes")) }
}

fn ttl(content: &[u8]) -> Result<Ttl, TokenError> {
    Ttl::new(Duration::from_millis(number(content)?)).ok_or(TokenError::Damaged("its TTL cannot be"))
}

fn nodes(content: &[u8]) -> Result<u16, TokenError> {
    number(content)?.try_into().map_err(|_| TokenError::Damaged("its number of nodes cannot be"))
}
