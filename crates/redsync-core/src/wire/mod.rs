//! What goes over the wire: commands, the requests that carry them, and what their replies mean.
//!
//! Pure: no clock, no randomness, no futures, no I/O.

mod command;
mod native;
mod reject;
mod script;

pub use command::{Command, Outcome, Refusal};
pub use native::{Learnt, Native};
pub(crate) use reject::turns_away;
pub use script::Script;
