//! [`Error`]: why a call failed, with what every node said.

mod guard;

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::{
    Answer, InvalidOption, NodeError,
    machine::{
        AcquireFailure, ExtendCause, ExtendFailure, GaveUp, Quorum, ReleaseFailure, TransferCause,
        TransferFailure, ValueError,
    },
    redsync::World,
    wire::Refusal,
};

pub use guard::GuardError;

/// Why a call failed.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    name: Arc<str>,
    operation: &'static str,
    /// What ended the call, for people.
    ending: String,
    tries: u32,
    deadline_exceeded: bool,
    nodes: Vec<NodeReport>,
    source: Option<Cause>,
}

enum Cause {
    Option(InvalidOption),
    Value(ValueError),
}

/// The kinds of failure. They call for different things to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call makes no sense as it is, and nothing was sent: mend the program. The source is an [`InvalidOption`].
    InvalidOption,
    /// Somebody else holds the lock: try later.
    Taken,
    /// The lock is held under this very value, which was fixed by `with_value`: by an earlier call of your own,
    /// or by a rival with the same idea. Carry it on with `extend` and `unlock`, or choose another value.
    HeldUnderThisValue,
    /// Too few nodes could be reached, or answered in time: look at [`Error::nodes`].
    Unreachable,
    /// The validity was over before the call had succeeded: the lock is lost, or was never had.
    Expired,
    /// The lock is held by this value no more: it expired, or was released, or is somebody else's.
    Lost,
    /// Another delivery of the same token was adopted, or is about to be: leave the job to it, and come back when its TTL
    /// is over.
    AlreadyAdopted,
    /// The call was cancelled, or the [`Redsync`](crate::Redsync) was shut down.
    Cancelled,
    /// The value function failed; the source is its error.
    NoValue,
}

/// What one node said.
#[derive(Clone, Debug)]
pub struct NodeReport {
    index: usize,
    label: String,
    answer: Answer,
}

impl NodeReport {
    /// Which node, in the order in which they were given.
    pub fn index(&self) -> usize {
        self.index
    }

    /// What people call the node: its address, mostly.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it said, with the driver's own error where there was one.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }
}

impl fmt::Display for NodeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} ({}): {}", self.index, self.label, self.answer)
    }
}

impl Error {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The lock's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How many times the nodes were asked.
    pub fn tries(&self) -> u32 {
        self.0.tries
    }

    /// Whether the call ended because of its deadline, and not because its tries were used up.
    pub fn deadline_exceeded(&self) -> bool {
        self.0.deadline_exceeded
    }

    /// What each node said when it was last asked; empty when none was.
    pub fn nodes(&self) -> &[NodeReport] {
        &self.0.nodes
    }

    pub(crate) fn invalid(name: &Arc<str>, option: InvalidOption) -> Self {
        let ending = option.to_string();
        Self::new(ErrorKind::InvalidOption, name, "use", ending).caused_by(Cause::Option(option))
    }

    pub(crate) fn cancelled(name: &Arc<str>) -> Self {
        Self::new(ErrorKind::Cancelled, name, "lock", "before anything was sent".to_owned())
    }

    pub(crate) fn closed(operation: &'static str, name: &Arc<str>) -> Self {
        Self::new(ErrorKind::Cancelled, name, operation, "it was shut down".to_owned())
    }

    pub(crate) fn expired(operation: &'static str, name: &Arc<str>) -> Self {
        Self::new(ErrorKind::Expired, name, operation, "before anything was sent".to_owned())
    }

    pub(crate) fn acquire(world: &World, name: &Arc<str>, failure: AcquireFailure) -> Self {
        let AcquireFailure { gave_up, tries, answers, too_late } = failure;
        let kind = match &gave_up {
            GaveUp::Cancelled => ErrorKind::Cancelled,
            GaveUp::NoValue(_) => ErrorKind::NoValue,
            GaveUp::Tries | GaveUp::Deadline | GaveUp::Validity if too_late => ErrorKind::Expired,
            GaveUp::Tries | GaveUp::Deadline | GaveUp::Validity => {
                refused_or_unreachable(world.quorum, &answers)
            }
        };
        Self::new(kind, name, "lock", String::new()).ended_by(gave_up, tries).heard(world, answers)
    }

    /// `operation` is to extend, or to hand over.
    pub(crate) fn extend(
        world: &World,
        name: &Arc<str>,
        operation: &'static str,
        failure: ExtendFailure,
    ) -> Self {
        let ExtendFailure { cause, tries, answers } = failure;
        let (kind, gave_up) = match cause {
            ExtendCause::Lost => (ErrorKind::Lost, None),
            ExtendCause::Expired => (ErrorKind::Expired, None),
            ExtendCause::GaveUp(GaveUp::Cancelled) => (ErrorKind::Cancelled, Some(GaveUp::Cancelled)),
            ExtendCause::GaveUp(gave_up) => (ErrorKind::Unreachable, Some(gave_up)),
        };
        let error = Self::new(kind, name, operation, String::new()).heard(world, answers);
        error.ended(gave_up, tries)
    }

    pub(crate) fn release(world: &World, name: &Arc<str>, failure: ReleaseFailure) -> Self {
        let ReleaseFailure { gave_up, tries, answers, not_deleted: _ } = failure;
        let error = Self::new(ErrorKind::Unreachable, name, "release", String::new());
        error.ended_by(gave_up, tries).heard(world, answers)
    }

    /// `operation` is to adopt, or to hand back.
    pub(crate) fn transfer(
        world: &World,
        name: &Arc<str>,
        operation: &'static str,
        failure: TransferFailure,
    ) -> Self {
        let TransferFailure { cause, tries, answers, not_rotated: _ } = failure;
        let (kind, gave_up) = match cause {
            TransferCause::Missing => (ErrorKind::Expired, None),
            TransferCause::Taken => (ErrorKind::Taken, None),
            TransferCause::Adopted => (ErrorKind::AlreadyAdopted, None),
            TransferCause::GaveUp(GaveUp::Cancelled) => (ErrorKind::Cancelled, Some(GaveUp::Cancelled)),
            TransferCause::GaveUp(gave_up) => (ErrorKind::Unreachable, Some(gave_up)),
        };
        let error = Self::new(kind, name, operation, String::new()).heard(world, answers);
        error.ended(gave_up, tries)
    }

    fn new(kind: ErrorKind, name: &Arc<str>, operation: &'static str, ending: String) -> Self {
        let name = Arc::clone(name);
        let (tries, deadline_exceeded, nodes, source) = (0, false, Vec::new(), None);
        Self(Box::new(Inner { kind, name, operation, ending, tries, deadline_exceeded, nodes, source }))
    }

    /// It has spent so many more tries in the line of this process.
    pub(crate) fn queued(mut self, tries: u32) -> Self {
        if tries > 0 {
            let part = if tries >= self.0.tries { "most" } else { "some" };
            self.0.ending.push_str(&format!(", {part} of the time behind other calls of this process"));
        }
        self
    }

    fn caused_by(mut self, cause: Cause) -> Self {
        self.0.source = Some(cause);
        self
    }

    fn after(mut self, tries: u32) -> Self {
        self.0.tries = tries;
        self
    }

    fn ended(self, gave_up: Option<GaveUp>, tries: u32) -> Self {
        match gave_up {
            Some(gave_up) => self.ended_by(gave_up, tries),
            None => self.after(tries),
        }
    }

    fn ended_by(mut self, gave_up: GaveUp, tries: u32) -> Self {
        let times = if tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") };
        self.0.deadline_exceeded = matches!(gave_up, GaveUp::Deadline);
        self.0.ending = match &gave_up {
            GaveUp::Tries => format!("gave up after {times}"),
            GaveUp::Deadline => format!("the deadline came after {times}"),
            GaveUp::Validity => format!("too little of its validity was left after {times}"),
            GaveUp::Cancelled => format!("cancelled after {times}"),
            GaveUp::NoValue(error) => error.to_string(),
        };
        if let GaveUp::NoValue(error) = gave_up {
            self.0.source = Some(Cause::Value(error));
        }
        self.after(tries)
    }

    fn heard(mut self, world: &World, answers: Vec<Answer>) -> Self {
        let label = |index| world.label(index).unwrap_or_default().into_owned();
        let report = |(index, answer)| NodeReport { index, label: label(index), answer };
        self.0.nodes = answers.into_iter().enumerate().map(report).collect();
        self
    }
}

/// Who is to blame when a round was lost: rivals if they alone were enough, and otherwise the nodes that did not
/// answer, with which there might have been a quorum.
fn refused_or_unreachable(quorum: Quorum, answers: &[Answer]) -> ErrorKind {
    let refusals = answers.iter().filter(|answer| matches!(answer, Answer::Refused(_)));
    let by_same_value = answers.iter().filter(|answer| matches!(answer, Answer::Refused(Refusal::SameValue)));
    if !quorum.is_blocked_by(refusals.count()) {
        ErrorKind::Unreachable
    } else if quorum.is_blocked_by(by_same_value.count()) {
        ErrorKind::HeldUnderThisValue
    } else {
        ErrorKind::Taken
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, name, operation, ending, nodes, .. } = &*self.0;
        write!(f, "cannot {operation} {name:?}: {kind}")?;
        if !ending.is_empty() {
            write!(f, "; {ending}")?;
        }
        nodes.iter().try_for_each(|node| write!(f, "; {node}"))
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidOption => "invalid option",
            Self::Taken => "somebody else holds it",
            Self::HeldUnderThisValue => {
                "it is held under this very value: carry it on with `extend` and `unlock`, or choose another value"
            }
            Self::Unreachable => "too few nodes answered",
            Self::Expired => "its validity ended first",
            Self::Lost => "it is held by this value no more",
            Self::AlreadyAdopted => "another delivery of its token was adopted",
            Self::Cancelled => "cancelled",
            Self::NoValue => "the value function failed",
        })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str(
                "not asked: an earlier request about this value is unsettled there, or it never held it",
            ),
            Self::Open => f.write_str("had not answered by then"),
            Self::Granted => f.write_str("granted"),
            Self::Refused(Refusal::Taken) => f.write_str("taken"),
            Self::Refused(Refusal::SameValue) => f.write_str("held under this very value"),
            Self::Refused(Refusal::OtherValue) => f.write_str("another value stands there"),
            Self::Refused(Refusal::Adopted) => f.write_str("adopted by another delivery"),
            Self::Refused(Refusal::Missing) => f.write_str("the key is gone"),
            Self::Failed(error) | Self::Unknown(error) => describe(error, f),
        }
    }
}

impl fmt::Debug for Error {
    /// The kind and the whole text, since this is what `unwrap` and `main` print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}

impl StdError for Error {
    /// The invalid option, the value function's error, or the first error of a node.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.source {
            Some(Cause::Option(option)) => Some(option),
            Some(Cause::Value(error)) => Some(&**error),
            None => self.0.nodes.iter().find_map(|node| match &node.answer {
                Answer::Failed(error) | Answer::Unknown(error) => Some(error as &(dyn StdError + 'static)),
                Answer::NotAsked | Answer::Open | Answer::Granted | Answer::Refused(_) => None,
            }),
        }
    }
}

/// The error with its cause, since this text is all that a log line gets. A server's own words are in it already.
fn describe(error: &NodeError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error.source() {
        Some(cause) if error.code().is_none() => write!(f, "{error}: {cause}"),
        Some(_) | None => write!(f, "{error}"),
    }
}
