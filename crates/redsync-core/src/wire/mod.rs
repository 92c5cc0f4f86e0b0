//! What goes over the wire: commands, the requests that carry them, and what their replies mean.
//!
//! Pure: no clock, no randomness, no futures, no I/O.

mod command;
mod counter;
mod native;
mod outcome;
mod reject;
mod reply;
mod script;

pub use command::Command;
pub use counter::Counting;
pub(crate) use counter::counter_key;
pub use native::{Learnt, Native};
pub use outcome::{Grant, Outcome, Refusal};
pub(crate) use reject::turns_away;
pub use script::Script;
