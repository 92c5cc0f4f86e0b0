//! What tests of redsync, and of code that uses it, need: servers, in-memory nodes and a virtual clock, and
//! the topologies that every driver has to work on.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod cancel;
#[cfg(unix)]
pub mod conformance;
pub mod memory;
#[cfg(unix)]
pub mod server;
pub mod simulation;
#[cfg(unix)]
pub mod topology;
pub mod virtual_time;
