//! Makes sure that the builds and the tests find what they need outside of Cargo.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apt;
use crate::command::{cargo, output, root, run, succeeds};

const SERVERS: [&str; 2] = ["redis-server", "valkey-server"];
const NO_SERVER: &str = "no redis-server or valkey-server found: install Redis or Valkey \
    (Debian: apt-get install redis-server), or name the program in REDSYNC_SERVER";
/// Debian puts it where the PATH of plain users does not lead.
const NATS: [&str; 2] = ["nats-server", "/usr/sbin/nats-server"];
const NO_NATS: &str = "no nats-server found: install NATS (Debian: apt-get install nats-server)";
const NO_OPENSSL: &str = "the native-tls features need OpenSSL's headers and pkg-config: install them \
    (Debian: apt-get install libssl-dev pkg-config), or name their place in OPENSSL_DIR";
/// Where packages put the program itself; what is in the PATH starts it as another user.
const RABBITMQ: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const NO_RABBITMQ: &str =
    "no rabbitmq-server found: install RabbitMQ (Debian: apt-get install rabbitmq-server)";
const NO_CPP: &str = "the fuzzer's own part is written in C++: install a compiler for it (Debian: apt-get install \
    g++), or name it in CXX";
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const NO_BROWSER: &str =
    "no Chromium found: install it (Debian: apt-get install chromium), or name the program in CHROME";
/// Which one builds the book: another one may have other warnings, and other pages.
const MDBOOK: &str = "0.5.4";

/// Finds a server program as the tests will, or installs Debian's package.
pub(crate) fn ensure_server() -> Result<(), String> {
    if let Some(path) = env::var_os("REDSYNC_SERVER").filter(|path| !path.is_empty()) {
        return ensure_named(&path);
    }
    ensure(|| SERVERS.iter().any(starts), &["redis-server"], NO_SERVER)
}

/// Finds the server of NATS as the tests will, or installs Debian's package.
pub(crate) fn ensure_nats() -> Result<(), String> {
    ensure(|| NATS.iter().any(starts), &["nats-server"], NO_NATS)
}

/// Finds a part of Rust that minimal installations lack, or has rustup add it.
pub(crate) fn ensure_component(subcommand: &str, component: &str) -> Result<(), String> {
    if succeeds(&mut cargo(&[subcommand, "--version"])) {
        return Ok(());
    }
    run(Command::new("rustup").args(["component", "add", component]))
}

/// Finds what builds with all features link to on Linux, or installs Debian's packages.
pub(crate) fn ensure_openssl() -> Result<(), String> {
    if !cfg!(target_os = "linux") || env::var_os("OPENSSL_DIR").is_some() {
        return Ok(());
    }
    let known = || succeeds(Command::new("pkg-config").args(["--exists", "openssl"]));
    ensure(known, &["libssl-dev", "pkg-config"], NO_OPENSSL)
}

/// Finds a C++ compiler, or installs Debian's package.
pub(crate) fn ensure_cpp() -> Result<(), String> {
    if env::var_os("CXX").is_some() {
        return Ok(());
    }
    ensure(|| starts("c++"), &["g++"], NO_CPP)
}

/// Finds the broker that the tests of `redsync-queue`'s feature `amqp` start, or installs Debian's package.
pub(crate) fn ensure_amqp() -> Result<(), String> {
    ensure(|| is_file(RABBITMQ) || in_path("rabbitmq-server"), &["rabbitmq-server"], NO_RABBITMQ)
}

/// Finds a Chromium as the book's browser test will, or installs Debian's package.
pub(crate) fn ensure_chromium() -> Result<(), String> {
    if env::var_os("CHROME").is_some() {
        return Ok(());
    }
    ensure(|| BROWSERS.iter().any(starts), &["chromium"], NO_BROWSER)
}

/// Finds the mdbook of the version that the book is built with, or has cargo build it, and returns its program.
///
/// It goes below `target`, so that nobody's own mdbook is replaced, and in the profile that is built the quickest.
pub(crate) fn ensure_mdbook() -> Result<PathBuf, String> {
    let tools = root().join("target/tools");
    let own = tools.join("bin/mdbook");
    if let Some(found) = [PathBuf::from("mdbook"), own.clone()].into_iter().find(|program| is_mdbook(program))
    {
        return Ok(found);
    }
    eprintln!("Installing what is missing with cargo: mdbook {MDBOOK}, into {}.", tools.display());
    let install = ["install", "--locked", "--debug", "--version", MDBOOK, "mdbook", "--root"];
    run(cargo(&install).arg(&tools))?;
    Ok(own)
}

fn is_mdbook(program: &Path) -> bool {
    let version = format!("mdbook v{MDBOOK}");
    output(Command::new(program).arg("--version")).is_ok_and(|told| told.trim() == version)
}

fn ensure_named(path: &OsStr) -> Result<(), String> {
    if starts(path) {
        return Ok(());
    }
    Err(format!("REDSYNC_SERVER names {}, which cannot be started", path.display()))
}

fn ensure(is_there: impl Fn() -> bool, packages: &[&str], missing: &str) -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    apt::install(packages).map_err(|why| format!("{missing} ({why})"))?;
    if is_there() { Ok(()) } else { Err(missing.to_owned()) }
}

fn starts(program: impl AsRef<OsStr>) -> bool {
    succeeds(Command::new(program).arg("--version"))
}

/// Whether the PATH leads to this program; for those that know no `--version`.
fn in_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|dir| is_file(dir.join(program))))
}

fn is_file(path: impl AsRef<Path>) -> bool {
    path.as_ref().is_file()
}
