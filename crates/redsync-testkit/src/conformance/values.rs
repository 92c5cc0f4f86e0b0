//! Values and names of any text.
#![expect(clippy::expect_used, reason = "cases of tests state what they expect")]

use redsync_core::Released;

use super::{
    Lab,
    lab::{KEY, MINUTE},
};

const TEXTS: [&str; 16] = [
    "x",
    " ",
    "007",
    "1e3",
    "-1",
    "nil",
    "two words",
    "\"quoted\" 'twice' \\",
    "line\nfeed\r\nand more\r",
    "\0between\0",
    "+OK\r\n",
    "$-1\r\n*1\r\n:1\r\n",
    "%41 {braces} [brackets] $(command)",
    "Zażółć gęślą jaźń",
    "\u{1F512}\u{10FFFF}\u{FEFF}",
    "e\u{301} is not \u{e9}",
];

pub async fn values_of_any_text_arrive_unchanged(lab: &Lab) {
    for text in TEXTS {
        travel(lab, text).await;
    }
}

pub async fn a_value_of_a_hundred_kilobytes_arrives_unchanged(lab: &Lab) {
    travel(lab, &"ten bytes \u{1F512}\r\n".repeat(6_250)).await;
}

/// Once by a plain `SET` and a release by the guard, and once by scripts and by value only.
async fn travel(lab: &Lab, text: &str) {
    let (handler, worker) = (lab.redsync().await, lab.redsync().await);
    let owned = text.to_owned();
    let mutex = handler.mutex(KEY).ttl(MINUTE).value_fn(move || Ok(owned.clone()));
    let guard = mutex.lock().await.expect("free");
    assert_eq!(lab.get(KEY).as_deref(), Some(text));
    assert_eq!(guard.value(), text);
    guard.extend().await.expect("held");
    assert_eq!(guard.release().await.expect("reachable"), Released::Held, "{text:?}");

    handler.mutex(KEY).ttl(MINUTE).with_value(text).lock().await.expect("free").leave();
    assert_eq!(lab.get(KEY).as_deref(), Some(text));
    worker.mutex(KEY).with_value(text).extend().await.expect("held");
    let released = worker.mutex(KEY).with_value(text).unlock().await.expect("reachable");
    assert_eq!(released, Released::Held, "{text:?}");
    assert_eq!(lab.get(KEY), None);
}

pub async fn names_of_any_text_are_keys(lab: &Lab) {
    let redsync = lab.redsync().await;
    let long = "name".repeat(2_500);
    let tags = ["{user}:42", "a}b{", "{}", "{{x}}"];
    for name in TEXTS.into_iter().chain(tags).chain([long.as_str()]) {
        let guard = redsync.mutex(name).ttl(MINUTE).lock().await.expect("free");
        assert_eq!(lab.get(name).as_deref(), Some(guard.value()), "{name:?}");
        guard.extend().await.expect("held");
        assert_eq!(guard.release().await.expect("reachable"), Released::Held, "{name:?}");
        assert_eq!(lab.get(name), None, "{name:?}");
    }
}
