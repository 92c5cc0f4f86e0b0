//! From bytes to what several targets need: durations of any size, texts, and numbers within bounds.

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};

/// A duration, mostly of the size that people use.
#[derive(Clone, Copy)]
pub(crate) struct Span(pub(crate) Duration);

impl<'a> Arbitrary<'a> for Span {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self(match input.int_in_range(0..=9_u8)? {
            0 => Duration::ZERO,
            1 => Duration::MAX,
            2 => Duration::from_nanos(input.arbitrary()?),
            3 => Duration::from_millis(input.arbitrary()?),
            4 => Duration::from_secs(input.arbitrary()?),
            5 => Duration::new(input.arbitrary()?, input.int_in_range(0..=999_999_999)?),
            6 => Duration::from_micros(input.arbitrary::<u32>()?.into()),
            _ => Duration::from_millis(input.arbitrary::<u16>()?.into()),
        }))
    }
}

/// One of the given items.
pub(crate) fn one_of<T: Copy>(input: &mut Unstructured<'_>, items: &[T]) -> Result<T> {
    input.choose(items).copied()
}
