//! Tries every order of events on the machines of `redsync-core`, within stated bounds.
//!
//! The clients are the real machines with what the façade does between them; the nodes, the network and the
//! time are a model. Whatever may happen is tried at every step: each request is executed and each reply delivered at
//! any later time and in any order, callers give up, replies and requests are lost, time-outs fire.
//!
//! | To change | look in |
//! | --- | --- |
//! | what is searched | [`searches`] |
//! | what a client does | `client`, `holding`, `plans` |
//! | what can happen | `world` |
//! | what a node does with a request | `world/node` |
//! | what must hold | `world/check` |
//! | how it is searched, and how a trace reads | [`explore`], `trace` |

mod arena;
mod client;
pub mod explore;
mod fingerprint;
mod holding;
mod message;
mod meter;
mod naming;
mod plans;
mod process;
pub mod search;
pub mod searches;
mod trace;
mod world;

#[path = "../../crates/redsync-core/src/bell.rs"]
mod bell;
/// The façade's own record of a held lock, and what is to be released of it; they name what they need by these paths.
#[expect(dead_code, reason = "the façade uses more of it")]
#[path = "../../crates/redsync-core/src/held.rs"]
mod held;
#[expect(dead_code, reason = "the façade uses more of it")]
#[path = "../../crates/redsync-core/src/target.rs"]
mod target;
pub(crate) use redsync_core::{Loss, Moment, Ttl, Value, machine};
