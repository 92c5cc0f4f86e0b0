//! [`Bell`]: wakes whoever listens, and costs next to nothing where nobody does.

use std::sync::OnceLock;

use event_listener::{Event, EventListener};

/// An [`Event`] that is made for its first listener, since most have none.
///
/// Who listens has to look after that at what the bell is rung for, and who rings it has to have changed that before, both
/// under one mutex. So either the change is seen, or the bell is heard.
#[derive(Debug, Default)]
pub(crate) struct Bell(OnceLock<Event>);

impl Bell {
    pub(crate) fn listen(&self) -> EventListener {
        self.0.get_or_init(Event::new).listen()
    }

    pub(crate) fn ring(&self) {
        if let Some(event) = self.0.get() {
            event.notify(usize::MAX);
        }
    }
}
