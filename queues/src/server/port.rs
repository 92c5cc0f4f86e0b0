//! A port that is free, and still is for a restart.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io,
    net::{Ipv4Addr, TcpListener},
};

const TRIES: usize = 100;
/// Below those that the kernel gives to outgoing connections: one of these could take it while its server is down.
const FIRST: u64 = 10_000;
const COUNT: u64 = 22_000;

/// Draws ports of 127.0.0.1 until one is free.
pub(super) fn free() -> io::Result<u16> {
    let draw =
        || u16::try_from(FIRST + RandomState::new().build_hasher().finish() % COUNT).unwrap_or_default();
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let free = std::iter::repeat_with(draw).take(TRIES).find(is_free);
    free.ok_or_else(|| io::Error::other("no free port was found"))
}
