//! How a token's text looks by its documents, written down apart from the core.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A text of version 1 with this content, whole outside.
pub(super) fn whole(content: &str) -> String {
    let length = content.len() + ".01234567".len();
    let text = format!("redsync1.{length}.{content}");
    let checksum = crc32(text.as_bytes());
    format!("{text}.{checksum:08x}")
}

/// The CRC-32 of Ethernet and zip, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let shift = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), shift))
}

/// The base64url of these bytes, without padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    let digits = bytes.chunks(3).flat_map(|three| {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        [18, 12, 6, 0].into_iter().map(move |shift| bits >> shift & 63).take(three.len() + 1)
    });
    digits.filter_map(|digit| ALPHABET.get(digit as usize)).map(|digit| char::from(*digit)).collect()
}

/// A number, big-endian and without leading zeros.
pub(super) fn number(number: u64) -> Vec<u8> {
    number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}
