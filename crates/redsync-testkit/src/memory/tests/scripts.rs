//! redsync's scripts, through the requests that the library sends.

use redsync_core::wire::Script;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Run {
    Look,
    Release,
    Extend,
    Revive,
}

impl Run {
    /// The command on behalf of `mine`, with a TTL of a second.
    fn command(self) -> Command {
        let (value, ttl) = (Value::new("mine"), Ttl::new(1000 * MS).unwrap());
        match self {
            Self::Look => Command::Acquire { value, ttl, look: true, proposal: None },
            Self::Release => Command::Release { value, former: None, in_one: false },
            Self::Extend => Command::Extend { value, ttl, revive: false, former: None, fence: None },
            Self::Revive => Command::Extend { value, ttl, revive: true, former: None, fence: None },
        }
    }
}

#[test]
fn each_script_does_what_its_lua_text_says() {
    let (mine, other) = (Some("mine"), Some("other"));
    // The script; what stands there and for how long; the reply; what stands there then and for how long.
    for (run, before, ttl, reply, after, ttl_after) in [
        (Run::Look, None, None, "1", mine, Some(1000)),
        (Run::Look, mine, Some(5), "2", mine, Some(5)),
        (Run::Look, other, Some(5), "0", other, Some(5)),
        (Run::Release, None, None, "-1", None, None),
        (Run::Release, mine, Some(5), "1", None, None),
        (Run::Release, other, Some(5), "0", other, Some(5)),
        (Run::Extend, None, None, "-1", None, None),
        (Run::Extend, mine, Some(5), "1", mine, Some(1000)),
        (Run::Extend, mine, Some(1000), "1", mine, Some(1000)),
        (Run::Extend, mine, Some(2000), "1", mine, Some(2000)),
        (Run::Extend, mine, None, "1", mine, Some(1000)),
        (Run::Extend, other, Some(5), "0", other, Some(5)),
        (Run::Revive, None, None, "2", mine, Some(1000)),
        (Run::Revive, mine, Some(5), "1", mine, Some(1000)),
        (Run::Revive, mine, Some(2000), "1", mine, Some(2000)),
        (Run::Revive, other, Some(5), "0", other, Some(5)),
    ] {
        let (runtime, node) = start();
        if let Some(value) = before {
            node.set(KEY, value, ttl.map(Duration::from_millis));
        }
        let outcome = runtime.block_on(node.call(run.command().request_with_text(&KEY.into())));
        assert_eq!(show(&outcome), reply, "{run:?} of {before:?}");
        assert_eq!(node.get(KEY).as_deref(), after, "{run:?} of {before:?}");
        assert_eq!(node.ttl(KEY), ttl_after.map(Duration::from_millis), "{run:?} of {before:?} for {ttl:?}");
    }
}

#[test]
fn a_script_is_known_by_its_digest_once_its_text_was_seen() {
    type Forget = fn(&MemoryNode);
    let forgets: [Forget; 3] =
        [MemoryNode::flush_scripts, MemoryNode::wipe, |node| node.restore(&node.snapshot())];
    for run in [Run::Look, Run::Release, Run::Extend, Run::Revive] {
        for (number, forget) in forgets.iter().enumerate() {
            let (runtime, node) = start();
            let is_known = |request| show(&runtime.block_on(node.call(request))) != "NOSCRIPT Rejected";
            let command = run.command();
            let by_digest = command.request(&KEY.into());
            assert!(!is_known(by_digest.clone()), "{run:?}, {number}");
            assert!(is_known(command.request_with_text(&KEY.into())), "{run:?}, {number}");
            assert!(is_known(by_digest.clone()), "{run:?}, {number}");
            forget(&node);
            assert!(!is_known(by_digest), "{run:?}, {number}");
        }
    }
}

#[test]
fn a_restart_without_loss_of_data_keeps_the_keys_and_a_wipe_does_not() {
    let (_runtime, node) = start();
    node.set(KEY, "mine", None);
    node.stop();
    node.start();
    assert_eq!(node.get(KEY).as_deref(), Some("mine"));
    node.wipe();
    assert!(node.keys().is_empty());
}

#[test]
fn every_script_has_its_native_equivalent_and_runs_only_with_its_arguments() {
    let (_runtime, node) = start();
    for script in Script::ALL {
        let run = |args: &[&str]| node.execute(&[&["EVAL", script.text()], args].concat());
        // What comes last is for those that take so many.
        let args = ["v", "1000", "1000", "x", "7"];
        let keys: &[&str] = if script.text().contains("KEYS[2]") { &["2", "k", "c"] } else { &["1", "k"] };
        assert!(run(&[keys, &args].concat()).is_ok(), "{script:?}");
        for args in [&["1", "k"][..], &["0", "v", "1000"], &["2", "k", "k2"]] {
            assert!(run(args).is_err(), "{script:?} with {args:?}");
        }
        let digest = script.sha1().to_uppercase();
        let by_digest = [&["EVALSHA", &digest], keys, &args].concat();
        assert!(node.execute(&by_digest).is_ok(), "digests have no case");
    }
}

#[test]
fn an_invalid_expiry_fails_in_a_script_as_outside_of_one() {
    let over = i64::MAX.to_string();
    for (script, before, ttl, expected) in [
        (Script::ACQUIRE, None, "0", "ERR invalid expire time in 'set' command"),
        (Script::ACQUIRE, Some("v"), "0", "ERR invalid expire time in 'set' command"),
        (Script::ACQUIRE, None, over.as_str(), "ERR invalid expire time in 'set' command"),
        (Script::EXTEND, Some("v"), "0", "1"),
        (Script::EXTEND, Some("v"), &over, "ERR invalid expire time in 'pexpire' command"),
        (Script::REVIVE, None, "-1", "ERR invalid expire time in 'set' command"),
        (Script::REVIVE, Some("v"), "ten", "ERR user_script: attempt to compare number with nil"),
    ] {
        let (_runtime, node) = start();
        if let Some(value) = before {
            node.set("k", value, Some(5 * MS));
        }
        let reply = node.execute(&["EVAL", script.text(), "1", "k", "v", ttl]);
        let reply = reply.map_or_else(|error| error.to_string(), |reply| show_reply(&reply));
        assert_eq!(reply, expected, "{script:?} of {before:?} for {ttl}");
        assert_eq!(node.ttl("k"), before.map(|_| 5 * MS), "nothing changed");
    }
}
