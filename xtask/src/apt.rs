//! Installs packages on Debian and its relatives, as root or by a sudo that asks for no password.

use std::process::{Command, Stdio};

use crate::command::{output, run, succeeds};

/// Lists the packages that come with a service, and its port.
const SERVICES: [(&str, u16); 2] = [("redis-server", 6379), ("rabbitmq-server", 5672)];

/// Installs the packages and says so first.
pub(crate) fn install(packages: &[&str]) -> Result<(), String> {
    let prefix = how_to_be_root()?;
    eprintln!("Installing what is missing with apt-get: {}.", packages.join(", "));
    for (_, port) in SERVICES.iter().filter(|(package, _)| packages.contains(package)) {
        eprintln!("(Debian may start a service of it on port {port}; the tests start servers of their own.)");
    }
    run(&mut apt_get(prefix, &["update", "-q"]))?;
    run(&mut apt_get(prefix, &[&["install", "-q", "-y", "--no-install-recommends"], packages].concat()))
}

fn how_to_be_root() -> Result<&'static [&'static str], String> {
    if !succeeds(Command::new("apt-get").arg("--version")) {
        return Err("there is no apt-get to do it here".to_owned());
    }
    if output(Command::new("id").arg("-u"))?.trim() == "0" {
        return Ok(&[]);
    }
    if succeeds(Command::new("sudo").args(["-n", "true"])) {
        return Ok(&["sudo", "-n"]);
    }
    Err("apt-get needs root or a sudo without a password to do it here".to_owned())
}

fn apt_get(prefix: &[&str], args: &[&str]) -> Command {
    // Passed through `env`, because sudo clears the environment.
    let words = [prefix, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"], args].concat();
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().unwrap_or_default());
    // A question would wait for ever in CI. Its chatter goes to stderr: stdout is for test results.
    command.args(words).stdin(Stdio::null()).stdout(std::io::stderr());
    command
}
