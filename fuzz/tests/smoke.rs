//! Every target on its committed inputs and on a fixed stream of pseudo-random ones, with a stable compiler.
#![allow(clippy::unwrap_used, reason = "tests state what they expect")]

use std::{fs, path::Path};

use redsync_fuzz::{machines, options, replies, tokens};

/// Miri takes a thousand times as long.
const INPUTS: u64 = if cfg!(miri) { 3 } else { 5_000 };
const LONGEST: u64 = 600;

#[test]
fn replies_mean_what_the_servers_document() {
    smoke("replies", replies::run);
}

#[test]
fn options_are_accepted_exactly_within_their_limits() {
    smoke("options", options::run);
}

#[test]
fn machines_end_once_whatever_happens() {
    smoke("machines", machines::run);
}

#[test]
fn tokens_say_what_was_written_or_are_refused() {
    smoke("tokens", tokens::run);
}

fn smoke(name: &str, target: fn(&[u8])) {
    seeds(name).iter().for_each(|seed| target(seed));
    (0..INPUTS).for_each(|number| target(&bytes(number)));
}

/// The committed inputs; none in Miri, which lets nobody read files.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    if cfg!(miri) {
        return Vec::new();
    }
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    fs::read_dir(seeds).unwrap().map(|seed| fs::read(seed.unwrap().path()).unwrap()).collect()
}

/// The input with this number; the same in every run.
fn bytes(number: u64) -> Vec<u8> {
    let mut state = number << 32;
    let length = next(&mut state) % LONGEST;
    (0..length).map(|_| next(&mut state).to_le_bytes()[0]).collect()
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
