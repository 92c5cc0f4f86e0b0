//! The target `tokens`: fuzzed by cargo-fuzz, and otherwise a program that replays the files it is given.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| redsync_fuzz::tokens::run(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    redsync_fuzz::replay(redsync_fuzz::tokens::run)
}
