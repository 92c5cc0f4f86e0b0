//! [`Number`]: a number in decimal digits.

/// As it goes over the wire, without a `String` of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    /// From `first` on.
    digits: [u8; Self::LENGTH],
    first: u8,
}

impl Number {
    /// Of the greatest `u64`.
    const LENGTH: usize = 20;

    pub(crate) fn new(number: u64) -> Self {
        let (mut digits, mut first, mut rest) = ([b'0'; Self::LENGTH], Self::LENGTH as u8, number);
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            (first, rest) = (first - 1, rest / 10);
            if rest == 0 {
                break;
            }
        }
        Self { digits, first }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.get(usize::from(self.first)..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_are_those_of_the_standard_library() {
        for number in [0, 1, 9, 10, 99, 8000, 1_234_567_890, u64::MAX - 1, u64::MAX] {
            assert_eq!(Number::new(number).as_bytes(), number.to_string().as_bytes());
        }
    }
}
