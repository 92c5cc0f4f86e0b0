//! Finds a free port.
//!
//! Ports that the kernel hands out for outgoing connections (32768 and up) are avoided: while a server
//! is killed, any connection of any process could be given its port, or a client that keeps trying to
//! reconnect could even connect to itself, and `restart_empty` would find the port taken.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Leaves room for the cluster bus, which listens at the port plus 10000.
const PORTS: Range<u16> = 10_000..32_000;
const TRIES: u32 = 100;

/// Returns a port of 127.0.0.1 that nobody listened on a moment ago, and that no outgoing connection takes.
///
/// # Errors
///
/// Fails when none is found.
pub fn free_port() -> io::Result<u16> {
    (0..TRIES)
        .map(|_| random())
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::AddrInUse, "no free port found"))
}

/// Draws a port by the random keys that the standard library gives to its hashers.
///
/// Many test processes start at once, so counting up from one start would make them collide.
fn random() -> u16 {
    let draw = RandomState::new().build_hasher().finish() % u64::from(PORTS.end - PORTS.start);
    PORTS.start + u16::try_from(draw).unwrap_or_default()
}
