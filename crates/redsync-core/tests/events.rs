//! What a subscriber of `tracing` sees of locks: which, at which nodes, and never a value or a token.
#![allow(clippy::expect_used, reason = "tests state what they expect")]

mod common;

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
};

use common::{FIXED, NAME, Quorum, TTL, WAIT};
use redsync_testkit::memory::{ErrorReply, Loss};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt as _},
};

#[test]
fn events_name_locks_and_nodes_but_no_value_and_no_token() {
    let lines = Lines::default();
    let secrets =
        tracing::subscriber::with_default(Registry::default().with(lines.clone()), live_through_everything);
    let lines = lines.0.lock().expect("sound");
    for message in [
        "taken",
        "released",
        "handed over",
        "handed back",
        "not extended in the background",
        "a token was not withdrawn",
        "a call is told",
    ] {
        assert!(lines.iter().any(|line| line.contains(message)), "nothing tells {message:?}");
    }
    assert!(secrets.len() == 9, "{secrets:?}");
    for line in lines.iter() {
        let secret = secrets.iter().find(|secret| line.contains(secret.as_str()));
        assert_eq!(secret, None, "in {line}");
        assert!(!line.contains(" lock=") || line.contains(&format!(" lock={NAME:?}")), "{line}");
        assert!(!line.contains(" node=") || line.contains(" node=\"memory-"), "{line}");
    }
}

/// Lets locks be taken, travel, be refused and lost, and returns what nobody may see of them.
fn live_through_everything() -> BTreeSet<String> {
    let quorum = Quorum::of(3);
    let mut secrets = BTreeSet::from([FIXED.to_owned()]);
    for mutex in [quorum.mutex(), quorum.mutex().fenced(), quorum.mutex().with_value(FIXED)] {
        let guard = quorum.block_on(mutex.lock()).expect("free");
        secrets.insert(guard.value().to_owned());
        quorum.block_on(guard.extend()).expect("held");
        quorum.block_on(quorum.other_process().mutex(NAME).try_lock()).expect_err("taken");
        let token = quorum.block_on(guard.hand_over(WAIT)).expect("reachable");
        secrets.extend([token.value().to_owned(), token.to_compact()]);
        let guard = quorum.adopt(&token);
        secrets.insert(guard.value().to_owned());
        quorum.block_on(quorum.other_process().adopt(&token)).expect_err("adopted");
        quorum.block_on(guard.hand_back(&token)).expect("reachable");
        quorum.use_up(&token);
        quorum.redsync.withdraw(token);
        quorum.settle();
    }
    // Servers quote the arguments of what they do not know, and replies that are lost leave it open.
    let quoting =
        ErrorReply::new("ERR", format!("unknown command 'EVALSHA', with args beginning with: '{FIXED}'"));
    for trouble in [true, false] {
        let guard = quorum.block_on(quorum.mutex().with_value(FIXED).auto_extend(true).lock()).expect("free");
        for node in quorum.nodes.iter().take(2) {
            match trouble {
                true => node.refuse_all(quoting.clone()),
                false => node.lose_replies(Loss::Broken),
            }
        }
        quorum.run_for(TTL / 2);
        quorum.block_on(guard.release()).expect_err("out of reach");
        for node in &quorum.nodes {
            node.refuse_none();
            node.lose_replies(Loss::Never);
        }
        quorum.run_for(TTL * 2);
    }
    secrets
}

/// Each event in a line, with all that it says.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        self.0.lock().expect("sound").push(line.0);
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _: fmt::Result = write!(self.0, " {field}={value:?}");
    }
}
