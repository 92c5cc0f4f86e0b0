//! Commands and their replies, as Redis 7 has them.

use super::*;

/// Runs steps of a command and its reply; a step of `+n` lets n milliseconds pass.
fn check(steps: &[(&str, &str)]) {
    let (runtime, node) = start();
    for (step, expected) in steps {
        if let Some(millis) = step.strip_prefix('+') {
            runtime.advance(Duration::from_millis(millis.parse().unwrap()));
            continue;
        }
        let words: Vec<_> = step.split(' ').filter(|word| !word.is_empty()).collect();
        let reply = node.execute(&words).map_or_else(|error| error.to_string(), |reply| show_reply(&reply));
        assert_eq!(reply, *expected, "{step} in {steps:?}");
    }
}

#[test]
fn set_takes_its_options_in_any_order_and_case() {
    for options in ["NX PX 10", "PX 10 NX", "nx px 10", "NX NX PX 5 PX 10"] {
        check(&[
            (&format!("SET k a {options}"), "OK"),
            ("PTTL k", "10"),
            (&format!("SET k b {options}"), "nil"),
            ("GET k", "a"),
            ("+11", ""),
            (&format!("SET k b {options}"), "OK"),
            ("GET k", "b"),
        ]);
    }
}

#[test]
fn a_plain_set_overwrites_the_value_and_the_expiry() {
    check(&[("SET k a PX 10", "OK"), ("SET k b", "OK"), ("PTTL k", "-1"), ("+99", ""), ("GET k", "b")]);
    check(&[("set k a", "OK"), ("SET k b PX 10", "OK"), ("PTTL k", "10"), ("SET k c NX", "nil")]);
}

#[test]
fn a_key_stands_through_the_millisecond_of_its_expiry() {
    check(&[
        ("SET k a PX 10", "OK"),
        ("+10", ""),
        ("PTTL k", "0"),
        ("GET k", "a"),
        ("SET k b NX PX 10", "nil"),
        ("+1", ""),
        ("PTTL k", "-2"),
        ("GET k", "nil"),
        ("DEL k", "0"),
        ("PEXPIRE k 10", "0"),
    ]);
}

#[test]
fn del_counts_what_it_deleted() {
    check(&[("SET a 1", "OK"), ("SET b 1", "OK"), ("DEL a x b a", "2"), ("GET a", "nil"), ("DEL a", "0")]);
}

#[test]
fn pexpire_sets_the_expiry_of_a_key_that_is_there() {
    check(&[
        ("PEXPIRE k 10", "0"),
        ("SET k a", "OK"),
        ("PEXPIRE k 10", "1"),
        ("PTTL k", "10"),
        ("PEXPIRE k 5", "1"),
        ("PTTL k", "5"),
    ]);
    for deleting in ["0", "-1", "-9223372036854775808"] {
        check(&[("SET k a", "OK"), (&format!("PEXPIRE k {deleting}"), "1"), ("GET k", "nil")]);
    }
}

#[test]
fn what_a_server_does_not_take_it_turns_down_in_its_own_words() {
    let no_integer = "ERR value is not an integer or out of range";
    for (command, expected) in [
        ("SET k v PX 0", "ERR invalid expire time in 'set' command"),
        ("SET k v PX -1", "ERR invalid expire time in 'set' command"),
        ("SET k v PX 9223372036854775807", "ERR invalid expire time in 'set' command"),
        ("SET k v PX 9223372036854775808", no_integer),
        ("SET k v PX ten", no_integer),
        ("SET k v PX +1", no_integer),
        ("SET k v PX 01", no_integer),
        ("SET k v PX 1.5", no_integer),
        ("SET k v PX", "ERR syntax error"),
        ("SET k v NX PX", "ERR syntax error"),
        ("SET k v FOO", "ERR syntax error"),
        ("SET k", "ERR wrong number of arguments for 'set' command"),
        ("get", "ERR wrong number of arguments for 'get' command"),
        ("GET a b", "ERR wrong number of arguments for 'get' command"),
        ("DEL", "ERR wrong number of arguments for 'del' command"),
        ("PTTL", "ERR wrong number of arguments for 'pttl' command"),
        ("PEXPIRE k", "ERR wrong number of arguments for 'pexpire' command"),
        ("PEXPIRE k ten", no_integer),
        ("PEXPIRE k 9223372036854775807", "ERR invalid expire time in 'pexpire' command"),
        ("PEXPIRE k 10 FOO", "ERR Unsupported option FOO"),
        ("EVAL text", "ERR wrong number of arguments for 'eval' command"),
        ("EVALSHA", "ERR wrong number of arguments for 'evalsha' command"),
        ("EVAL text x k", no_integer),
        ("EVAL text -1 k", "ERR Number of keys can't be negative"),
        ("EVAL text 2 k", "ERR Number of keys can't be greater than number of args"),
        ("EVAL text 1 k", "ERR Error running script: not one of redsync's own"),
        ("EVALSHA 0c64 1 k v", "NOSCRIPT No matching script. Please use EVAL."),
        ("EVALSHA 0c64 x", "NOSCRIPT No matching script. Please use EVAL."),
        ("DELEX k IFEQ v", "ERR unknown command 'DELEX', with args beginning with: 'k' 'IFEQ' 'v' "),
        ("ping", "ERR unknown command 'ping', with args beginning with: "),
        ("", "ERR unknown command '', with args beginning with: "),
    ] {
        check(&[(command, expected), ("GET k", "nil")]);
    }
}

#[test]
fn an_invalid_expiry_is_an_error_even_where_nx_turns_the_set_down() {
    check(&[
        ("SET k a", "OK"),
        ("SET k b NX PX 0", "ERR invalid expire time in 'set' command"),
        ("PEXPIRE missing 9223372036854775807", "ERR invalid expire time in 'pexpire' command"),
    ]);
}

#[test]
fn error_replies_reach_the_caller_with_what_they_prove() {
    for (error, expected) in [
        (ErrorReply::unknown_command(b"DELEX", &[b"k"]), "ERR Rejected"),
        (ErrorReply::invalid_expire_time("set"), "ERR Rejected"),
        (ErrorReply::invalid_expire_time("pexpire"), "ERR Rejected"),
        (ErrorReply::syntax(), "ERR Rejected"),
        (ErrorReply::not_an_integer(), "ERR Rejected"),
        (ErrorReply::wrong_number_of_arguments(b"SET"), "ERR Rejected"),
        (ErrorReply::no_script(), "NOSCRIPT Rejected"),
        (ErrorReply::new("ERR", "Connection timed out"), "ERR Unknown"),
    ] {
        // The arguments that a server quotes are nobody's business.
        let told = error.to_string();
        let message = format!("the server answered {}", told.split(", with args").next().unwrap());
        let seen = NodeError::from(error);
        assert_eq!(seen.to_string(), message);
        assert_eq!(show(&Err(seen)), expected);
    }
}
