//! The target `replies`: what any answer of a server, or of a proxy before it, is taken for.

mod answer;
mod calls;
mod spec;

use std::{error::Error, sync::Arc, time::Duration};

use arbitrary::{Result, Unstructured};
use redsync_core::{
    NodeError, NodeErrorKind, Reply, Ttl, Value,
    wire::{Command, Learnt, Native, Outcome},
};

use self::{
    answer::{Answer, SECRET},
    spec::Meaning,
};

/// Decodes an answer to each kind of request, then makes calls on nodes that answer anything.
///
/// # Panics
///
/// When an answer is taken for something that it does not say, or a lock's value is shown.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    if decode(&mut input).is_ok() {
        // An input that ends too early says nothing more.
        calls::run(&mut input).unwrap_or_default();
    }
}

fn decode(input: &mut Unstructured<'_>) -> Result<()> {
    match Answer::arbitrary(input)? {
        Answer::Reply(reply) => {
            commands().iter().for_each(|command| check_reply(command, &reply));
            check_native(&reply);
        }
        Answer::Error { code, detail } => check_error(&code, &detail),
        Answer::Grant | Answer::NotSent | Answer::Lost | Answer::Never => {}
    }
    Ok(())
}

/// One command of each kind that the core sends.
fn commands() -> Vec<Command> {
    let value = Value::new(SECRET);
    let Some(ttl) = Ttl::new(Duration::from_secs(8)) else { return Vec::new() };
    let acquire = |look| Command::Acquire { value: value.clone(), ttl, look, proposal: None };
    let extend = |revive| Command::Extend { value: value.clone(), ttl, revive, former: None, fence: None };
    let release = |in_one| Command::Release { value: value.clone(), former: None, in_one };
    [false, true].into_iter().flat_map(|flag| [acquire(flag), extend(flag), release(flag)]).collect()
}

fn check_reply(command: &Command, reply: &Reply) {
    let outcome = Outcome::from(command.outcome(reply));
    assert_eq!(Meaning::of(&outcome), spec::meaning(command, reply), "{command:?} {reply:?}");
    assert_secret_is_kept(&format!("{command:?} {reply:?} {outcome:?}"));
    let name: Arc<str> = Arc::from("name");
    for request in [command.request(&name), command.request_with_text(&name)] {
        assert_eq!(request.key(), b"name");
        assert_secret_is_kept(&format!("{request:?}"));
    }
    check_learning(command, &name, reply);
}

/// A release that learns means by its first word what a plain one means, and by its second what the server can do.
fn check_learning(command: &Command, name: &Arc<str>, reply: &Reply) {
    let is_for_it = matches!(command, Command::Release { in_one: false, .. });
    assert_eq!(Native::request_to_learn(command, name).is_some(), is_for_it, "{command:?}");
    if !is_for_it {
        return;
    }
    let learnt = Native::learn(command, reply);
    let (expected, native) = match reply {
        Reply::Array(items) => match items.as_slice() {
            [result, Reply::Integer(native @ -1..=2)] => (spec::meaning(command, result), Some(*native)),
            _ => (Meaning::Unknown, None),
        },
        Reply::Nil | Reply::Integer(_) | Reply::Text(_) => (Meaning::Unknown, None),
    };
    match learnt {
        Ok((outcome, learnt)) => {
            assert_eq!(Meaning::of(&outcome), expected, "{reply:?}");
            assert_eq!(Some(number(learnt)), native, "{reply:?}");
        }
        Err(error) => assert_eq!((error.kind(), expected), (NodeErrorKind::Unknown, Meaning::Unknown)),
    }
}

fn number(learnt: Option<Learnt>) -> i64 {
    match learnt {
        None => -1,
        Some(Learnt::NoCommand) => 0,
        Some(Learnt::Command(Native::DelIfEq)) => 1,
        Some(Learnt::Command(Native::DelEx)) => 2,
    }
}

fn check_native(reply: &Reply) {
    let meaning = match Native::outcome(reply) {
        Ok(Some(outcome)) => Some(Meaning::of(&outcome)),
        Ok(None) => None,
        Err(error) => {
            assert_eq!(error.kind(), NodeErrorKind::Unknown, "{reply:?}");
            Some(Meaning::Unknown)
        }
    };
    let expected = match reply {
        Reply::Integer(1) => Some(Meaning::Granted),
        Reply::Integer(0) => None,
        Reply::Nil | Reply::Integer(_) | Reply::Text(_) | Reply::Array(_) => Some(Meaning::Unknown),
    };
    assert_eq!(meaning, expected, "{reply:?}");
}

fn check_error(code: &str, detail: &str) {
    // As the drivers make them: the client's own error quotes all that the server said.
    let error = NodeError::answered(code, detail, format!("{code}: {detail}"));
    let expected = if spec::turns_away(code, detail) { Meaning::Failed } else { Meaning::Unknown };
    assert_eq!(Meaning::of(&Outcome::from(Err(error.clone()))), expected, "{code:?} {detail:?}");
    assert_eq!(error.code(), Some(code));
    assert_secret_is_kept(&shown(&error));
}

/// All that people get to see of an error: both its texts, and those of its causes.
fn shown(error: &dyn Error) -> String {
    let cause = error.source().map(shown).unwrap_or_default();
    format!("{error}\n{error:?}\n{cause}")
}

fn assert_secret_is_kept(text: &str) {
    assert!(!text.contains(SECRET), "a lock's value is shown: {text}");
}
