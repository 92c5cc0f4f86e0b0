//! Fingerprints of 128 bits: equal for states that behave alike, and different for all others as good as certainly.
//!
//! A machine is known by how it shows itself, except for what makes no difference: the serial numbers of requests, which
//! are replaced by what the requests are for, and the number of the next one. Values are not shown, but follow
//! from the rounds of the requests.

use std::{
    fmt::Write as _,
    hash::{Hash, Hasher},
};

use crate::{
    client::Client,
    process::{Name, Process},
    search::Time,
};

/// The fingerprint of anything that can be hashed.
pub(crate) fn of(thing: &impl Hash) -> u128 {
    let mut hasher = Twofold::default();
    thing.hash(&mut hasher);
    hasher.value()
}

/// The fingerprint of a client, by its text; `text` is there to be used again.
pub(crate) fn of_client(client: &Client, time: Time, text: &mut String) -> u128 {
    text.clear();
    let Client {
        role,
        stage,
        calls,
        extends,
        cancels,
        hand_backs,
        hand_overs,
        crashes,
        rounds,
        over,
        holding,
        processes,
        now,
    } = client;
    let now = matches!(time, Time::Endless).then_some(now);
    // Writing into a string does not fail.
    let _ = write!(text, "{role} {stage:?} {calls} {extends} {cancels} {hand_backs} {hand_overs} {crashes} ");
    let _ = write!(text, "{rounds} {over} {now:?} {holding:?}");
    let mut hasher = Twofold::default();
    text.as_bytes().hash(&mut hasher);
    for process in processes {
        match process {
            Some(process) => hash_process(process, text, &mut hasher),
            None => hasher.write_u8(0),
        }
    }
    hasher.value()
}

fn hash_process(process: &Process, text: &mut String, hasher: &mut Twofold) {
    text.clear();
    let Process { running, follows, gives_back, told, wait, names: _ } = process;
    let _ = write!(text, "{running:?} {follows:?} {gives_back:?} {told:?} {wait:?}");
    let mut rest = text.as_str();
    while let Some(at) = rest.find(" { serial: ") {
        let (before, from) = rest.split_at(at);
        let (id, after) = from.split_at(from.find('}').map_or(from.len(), |end| end + 1));
        hash_text(before, hasher);
        hash_id(id, &process.names, hasher);
        rest = after;
    }
    hash_text(rest, hasher);
    let mut open: Vec<_> =
        process.names.iter().filter(|name| name.is_open).map(|name| name.request).collect();
    open.sort_unstable();
    open.hash(hasher);
}

/// An unanswered request is known by its name, and an answered one by the round that it set something in.
fn hash_id(shown: &str, names: &[Name], hasher: &mut Twofold) {
    match names.iter().find(|name| name.shown.ends_with(shown)) {
        Some(name) if name.is_open => name.request.hash(hasher),
        Some(name) => hasher.write_u8(name.request.round),
        None => hasher.write_u8(u8::MAX),
    }
}

/// Leaves out how many requests there have been.
fn hash_text(text: &str, hasher: &mut Twofold) {
    match text.split_once("Ids(") {
        Some((before, after)) => {
            hasher.write(before.as_bytes());
            hasher.write(after.trim_start_matches(|digit: char| digit.is_ascii_digit()).as_bytes());
        }
        None => hasher.write(text.as_bytes()),
    }
}

/// Two 64-bit hashes with different multipliers.
struct Twofold(u64, u64);

impl Default for Twofold {
    fn default() -> Self {
        Self(0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344)
    }
}

impl Twofold {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 29;
        self.1 = (self.1.rotate_left(23) ^ word).wrapping_mul(0xd6e8_feb8_6659_fd93);
        self.1 ^= self.1 >> 32;
    }

    fn value(mut self) -> u128 {
        self.mix(0);
        self.mix(1);
        u128::from(self.0) << 64 | u128::from(self.1)
    }
}

impl Hasher for Twofold {
    fn finish(&self) -> u64 {
        self.0 ^ self.1
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            self.mix(word);
        }
        self.mix(bytes.len() as u64);
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(u64::from(byte));
    }

    fn write_u32(&mut self, word: u32) {
        self.mix(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.mix(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.mix(word as u64);
    }
}
