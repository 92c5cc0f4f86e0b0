//! What is said about the figures.

mod bounds;
mod plot;
mod table;

use serde::Serialize;

use crate::figures::Row;

/// All that was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    /// What it was measured on.
    pub(crate) machine: String,
    pub(crate) rows: Vec<Row>,
}

impl Report {
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}
