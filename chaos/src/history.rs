//! What the contenders saw, put together from their logs.

use std::{collections::BTreeMap, fmt, io, path::Path};

use crate::{
    crew::Life,
    log::{self, Call, Entry, Event},
};

/// Names one attempt of one contender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Who {
    pub(crate) contender: u32,
    pub(crate) attempt: u64,
}

/// Is a lock that was held, as its holder saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) who: Who,
    pub(crate) name: String,
    pub(crate) value: String,
    /// When the call began that took it.
    pub(crate) asked: u64,
    /// When that call had returned.
    pub(crate) got: u64,
    /// Until when the guard was valid, extensions included.
    pub(crate) valid_until: u64,
    /// When each extension that succeeded began and had returned.
    pub(crate) extended: Vec<(u64, u64)>,
    /// When the extension began that found it lost, and when that was told.
    pub(crate) lost: Option<(u64, u64)>,
    /// When the first call began that gave it back.
    pub(crate) given_back: Option<u64>,
    /// When the release had returned that found it held until then.
    pub(crate) released: Option<u64>,
    /// When the update was written, and whether the guard was valid then.
    pub(crate) wrote: Option<(u64, bool)>,
}

/// Is one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) who: Who,
    pub(crate) call: Call,
    pub(crate) deadline: u64,
    pub(crate) began: u64,
    /// Nothing when the contender's log ends before.
    pub(crate) ended: Option<u64>,
}

/// Is all that is known after a run.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) lives: Vec<Life>,
    pub(crate) holds: Vec<Hold>,
    pub(crate) spans: Vec<Span>,
    /// Counts failures by call and kind.
    pub(crate) failures: BTreeMap<String, usize>,
}

impl History {
    /// Reads the logs of all contenders, which have ended.
    pub(crate) fn read(dir: &Path, lives: Vec<Life>) -> io::Result<Self> {
        let mut history = Self { lives, ..Self::default() };
        for contender in history.lives.iter().map(|life| life.who).collect::<Vec<_>>() {
            let mut attempts = BTreeMap::<u64, Vec<Entry>>::new();
            for entry in log::read(dir, contender)? {
                attempts.entry(entry.attempt).or_default().push(entry);
            }
            for (attempt, entries) in attempts {
                history.add(Who { contender, attempt }, entries);
            }
        }
        Ok(history)
    }

    /// Adds what one attempt has written down, in order.
    fn add(&mut self, who: Who, entries: Vec<Entry>) {
        let mut hold = None;
        for Entry { at, event, .. } in entries {
            if let Event::Began { call, deadline, name } = event {
                self.spans.push(Span { who, call, deadline, began: at, ended: None });
                hold.get_or_insert_with(|| Hold::asked_for(who, name, at)).began(call, at);
            } else if let Some(hold) = &mut hold {
                self.ended(hold, at, event);
            }
        }
        self.holds.extend(hold.filter(|hold| hold.got > 0));
    }

    fn ended(&mut self, hold: &mut Hold, at: u64, event: Event) {
        let Some(span) = self.spans.last_mut() else { return };
        let began = span.began;
        match event {
            Event::Wrote { .. } => return hold.wrote = Some((at, at < hold.valid_until)),
            Event::Skipped | Event::Began { .. } => return,
            Event::Locked { valid_until, value } => {
                (hold.got, hold.valid_until, hold.value) = (at, valid_until, value);
            }
            Event::Extended { valid_until } => {
                hold.extended.push((began, at));
                hold.valid_until = hold.valid_until.max(valid_until);
            }
            Event::ReleasedHeld => hold.released = Some(at),
            Event::ReleasedOtherwise { .. } | Event::Dropped => {}
            Event::Failed { kind, .. } => {
                if kind == "Lost" && span.call == Call::Extend {
                    hold.lost = Some((began, at));
                }
                *self.failures.entry(format!("{:?} {kind}", span.call)).or_default() += 1;
            }
        }
        span.ended = Some(at);
    }
}

impl Hold {
    fn asked_for(who: Who, name: String, asked: u64) -> Self {
        Self {
            who,
            name,
            value: String::new(),
            asked,
            got: 0,
            valid_until: 0,
            extended: Vec::new(),
            lost: None,
            given_back: None,
            released: None,
            wrote: None,
        }
    }

    fn began(&mut self, call: Call, at: u64) {
        if call.gives_back() {
            self.given_back.get_or_insert(at);
        }
    }

    /// Returns when somebody else may have had the lock at the earliest.
    pub(crate) fn end(&self) -> u64 {
        let ends = [Some(self.valid_until), self.given_back, self.lost.map(|(began, _)| began)];
        ends.into_iter().flatten().min().unwrap_or(self.valid_until)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "contender {}, attempt {}", self.contender, self.attempt)
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { who, name, value, asked, got, valid_until, .. } = self;
        write!(
            f,
            "{who}: {name} under {value}, asked at {asked}, held from {got}, valid until {valid_until}"
        )?;
        if let Some((_, at)) = self.extended.last() {
            write!(f, ", extended {} times until {at}", self.extended.len())?;
        }
        if let Some(at) = self.given_back {
            write!(f, ", given back at {at}")?;
        }
        if let Some(at) = self.released {
            write!(f, ", held until the release that returned at {at}")?;
        }
        if let Some((began, ended)) = self.lost {
            write!(f, ", found lost between {began} and {ended}")?;
        }
        Ok(())
    }
}
