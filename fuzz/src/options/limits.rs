//! The limits of options by their documents, written down apart from the core, and what a refusal has to name.

use std::time::Duration;

use redsync_core::InvalidOption;

use super::{Options, Pause, Timeout, Tries};
use crate::input::Span;

const DEFAULT_TTL: Duration = Duration::from_secs(8);
const DEFAULT_DRIFT: f64 = 0.01;
const DEFAULT_TIMEOUT: f64 = 0.05;
const LONGEST_DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);
/// What the validity of a lock loses beside the drift factor.
const PRECISION: Duration = Duration::from_millis(2);
/// Half of what Redis can count, in milliseconds.
const LONGEST_TTL: u64 = i64::MAX as u64 / 2;
const MOST_NODES: usize = 64;

/// Checks what came of building a set of nodes.
pub(super) fn check_nodes(nodes: usize, quorum: Option<usize>, refusal: Option<&InvalidOption>) {
    let needed = quorum.unwrap_or(nodes / 2 + 1);
    let mut breaches = Breaches::default();
    breaches.unless(nodes > 0, &["no nodes".to_owned()]);
    breaches.unless(nodes <= MOST_NODES, &[nodes.to_string()]);
    breaches.unless(needed * 2 > nodes && needed <= nodes, &[needed.to_string(), nodes.to_string()]);
    breaches.check(refusal);
}

/// Checks what came of checking a lock's options.
pub(super) fn check(options: &Options, refusal: Option<&InvalidOption>) {
    let mut breaches = Breaches::default();
    options.check_texts(&mut breaches);
    options.check_counts(&mut breaches);
    options.check_delay(&mut breaches);
    options.check_times(&mut breaches);
    breaches.check(refusal);
}

/// The limits that were broken, each as the parts that a refusal has to name.
#[derive(Default)]
struct Breaches(Vec<Vec<String>>);

impl Breaches {
    fn unless(&mut self, holds: bool, named: &[String]) {
        if !holds {
            self.0.push(named.to_vec());
        }
    }

    /// A refusal has to name one of these, and there must be one if any limit was broken.
    fn check(&self, refusal: Option<&InvalidOption>) {
        let Some(refusal) = refusal else {
            assert!(self.0.is_empty(), "accepted in spite of {:?}", self.0);
            return;
        };
        let text = refusal.to_string();
        let is_named = self.0.iter().any(|breach| breach.iter().all(|part| text.contains(part)));
        assert!(is_named, "{text:?} names nothing of {:?}", self.0);
    }
}

impl Options {
    fn check_texts(&self, breaches: &mut Breaches) {
        breaches.unless(!self.name.text().is_empty(), &["empty name".to_owned()]);
        let mut values = [&self.value, &self.label].into_iter().flatten();
        breaches.unless(values.all(|text| !text.text().is_empty()), &["empty value".to_owned()]);
    }

    fn check_counts(&self, breaches: &mut Breaches) {
        let is_some = |tries: &Option<Tries>| tries.as_ref().is_none_or(|tries| tries.0 > 0);
        breaches.unless(is_some(&self.tries), &["zero tries".to_owned()]);
        breaches.unless(is_some(&self.extend_tries), &["zero tries to extend".to_owned()]);
        breaches.unless(is_some(&self.release_tries), &["zero tries to release".to_owned()]);
    }

    fn check_delay(&self, breaches: &mut Breaches) {
        if let Some(Pause::Between(Span(least), Span(most)) | Pause::Backoff(Span(least), Span(most))) =
            self.delay
        {
            breaches.unless(least <= most, &[format!("{least:?}"), format!("{most:?}")]);
        }
    }

    fn check_times(&self, breaches: &mut Breaches) {
        let in_time = self.deadline.as_ref().is_none_or(|deadline| !deadline.0.is_zero());
        breaches.unless(in_time, &["deadline of zero".to_owned()]);
        let is_held = self.max_hold.as_ref().is_none_or(|limit| !limit.0.is_zero());
        breaches.unless(is_held, &["limit of zero".to_owned()]);
        let drift = self.drift();
        let is_part = (0.0..1.0).contains(&drift);
        breaches.unless(is_part, &[format!("drift factor of {drift}")]);
        let ttl = self.ttl();
        let Some(whole) = whole_millis(ttl) else {
            return breaches.unless(false, &[format!("TTL of {ttl:?}")]);
        };
        match self.timeout_of(whole) {
            Err(factor) => breaches.unless(false, &[format!("time-out factor of {factor}")]),
            Ok(Duration::ZERO) => breaches.unless(false, &["time-out of zero".to_owned()]),
            // What is left of a TTL less no part of it, nobody can say.
            Ok(_) if !is_part => {}
            Ok(timeout) => {
                let named = [format!("{ttl:?}"), format!("{timeout:?}")];
                breaches.unless(self.validity() > timeout, &named);
                if let Some(Span(margin)) = self.loss_margin {
                    let named = [format!("{ttl:?}"), format!("{margin:?}")];
                    breaches.unless(self.validity() > margin, &named);
                }
            }
        }
    }
}

impl Options {
    fn ttl(&self) -> Duration {
        self.ttl.as_ref().map_or(DEFAULT_TTL, |ttl| ttl.0)
    }

    fn drift(&self) -> f64 {
        self.drift_factor.as_ref().map_or(DEFAULT_DRIFT, |factor| factor.0)
    }

    /// How long a lock may be relied on; zero where there is no telling.
    pub(super) fn validity(&self) -> Duration {
        let ttl = whole_millis(self.ttl()).unwrap_or_default();
        let lost = Duration::try_from_secs_f64(ttl.as_secs_f64() * self.drift()).unwrap_or(ttl);
        ttl.saturating_sub(lost).saturating_sub(PRECISION)
    }

    /// A time-out of the whole validity, or of a nanosecond more or less.
    pub(super) fn about_all(&self, side: i8) -> Duration {
        let nano = Duration::from_nanos(1);
        match side % 2 {
            0 => self.validity(),
            1 => self.validity().saturating_sub(nano),
            _ => self.validity().saturating_add(nano),
        }
    }

    /// The node time-out, or the factor that is none.
    fn timeout_of(&self, ttl: Duration) -> Result<Duration, f64> {
        let part = |factor: f64| Duration::try_from_secs_f64(ttl.as_secs_f64() * factor).map_err(|_| factor);
        match &self.timeout {
            None => part(DEFAULT_TIMEOUT).map(|timeout| timeout.min(LONGEST_DEFAULT_TIMEOUT)),
            Some(Timeout::Fixed(timeout)) => Ok(timeout.0),
            Some(Timeout::AboutAll(side)) => Ok(self.about_all(*side)),
            Some(Timeout::Factor(factor)) if factor.0 > 0.0 && factor.0 <= 1.0 => part(factor.0),
            Some(Timeout::Factor(factor)) => Err(factor.0),
        }
    }
}

/// A TTL as it goes to the server; `None` for one that cannot be.
fn whole_millis(ttl: Duration) -> Option<Duration> {
    let millis = u64::try_from(ttl.as_millis()).ok()?;
    (1..=LONGEST_TTL).contains(&millis).then(|| Duration::from_millis(millis))
}
