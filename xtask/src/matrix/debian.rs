//! Server programs out of Debian's packages, unpacked below `target` with all that they link to: nothing is
//! installed, and the apt of the machine is left as it is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{output, run};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Returns a script that runs `program`, from the package of the same name in a suite of Debian.
pub(super) fn unpack(suite: &str, program: &str, dir: &Path) -> Result<PathBuf, String> {
    let script = dir.join(program);
    if script.is_file() {
        return Ok(script);
    }
    let (apt, root) = (dir.join("apt"), dir.join("root"));
    // A run that was broken off may have left half of it.
    let _ = fs::remove_dir_all(dir);
    for dir in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.join(dir)).map_err(|error| failed(&apt, &error))?;
    }
    write(&apt.join("status"), "")?;
    write(&apt.join("sources.list"), &sources(suite, &mirror()?))?;
    run(&mut apt_get(&apt, &["update"]))?;
    let install = ["install", "--yes", "--download-only", "--target-release", suite, program];
    run(&mut apt_get(&apt, &install))?;
    for package in packages(&apt.join("cache/archives"))? {
        run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&root))?;
    }
    write(&script, &starter(&root, program)?)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
        .map_err(|error| failed(&script, &error))?;
    Ok(script)
}

/// Lists the suite, and the one that it builds on.
fn sources(suite: &str, mirror: &str) -> String {
    let base = suite.strip_suffix("-backports");
    let suites = base.into_iter().chain([suite]);
    suites.map(|suite| format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n")).collect()
}

/// Asks the machine's apt where it gets Debian from.
fn mirror() -> Result<String, String> {
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(LABEL)", "Created-By: Packages"]);
    let targets = output(&mut targets)?;
    let main = targets.lines().find_map(|line| line.strip_suffix(" Debian Debian"));
    main.map(str::to_owned).ok_or_else(|| "the apt of this machine knows no archive of Debian".to_owned())
}

/// Prepares an apt that knows of nothing outside of `dir`; to it, nothing is installed yet.
fn apt_get(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    let option = |name: &str, place: &str| format!("{name}={}", dir.join(place).display());
    for option in [
        option("Dir::Etc::sourcelist", "sources.list"),
        option("Dir::Etc::sourceparts", "none"),
        option("Dir::Etc::preferences", "none"),
        option("Dir::Etc::preferencesparts", "none"),
        option("Dir::State", "."),
        option("Dir::State::lists", "lists"),
        option("Dir::State::status", "status"),
        option("Dir::Cache", "cache"),
        "Debug::NoLocking=true".to_owned(),
        "APT::Install-Recommends=false".to_owned(),
        "APT::Sandbox::User=".to_owned(),
    ] {
        command.args(["-o", &option]);
    }
    command.arg("-qq").args(args).env("DEBIAN_FRONTEND", "noninteractive").stdout(std::io::stderr());
    command
}

fn packages(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(dir).map_err(|error| failed(dir, &error))?;
    let mut packages: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    packages.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
    packages.sort();
    Ok(packages)
}

/// Returns a script that starts the program with the loader and the libraries of its own suite. It becomes the
/// program, so that signals reach it.
fn starter(root: &Path, program: &str) -> Result<String, String> {
    let find = |places: &[&str], name: &str| {
        let mut found = places.iter().flat_map(|place| fs::read_dir(root.join(place))).flatten().flatten();
        let found = found.find(|entry| entry.file_name().to_string_lossy().starts_with(name));
        found.map(|entry| entry.path()).ok_or_else(|| format!("no {name} below {}", root.display()))
    };
    let loader = find(&["lib64", "usr/lib64", "lib", "usr/lib"], "ld-linux")?;
    let libc = find(&["usr/lib", "lib"], std::env::consts::ARCH)?;
    let other = root.join("lib").join(libc.file_name().unwrap_or_default());
    let binary = root.join("usr/bin").join(program);
    let [loader, libc, other, binary] = [loader, libc, other, binary].map(|path| path.display().to_string());
    Ok(format!("#!/bin/sh\nexec '{loader}' --library-path '{libc}:{other}' '{binary}' \"$@\"\n"))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write to {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backports_come_with_what_they_build_on() {
        assert_eq!(sources("sid", "m").lines().count(), 1);
        let both = sources("bookworm-backports", "m");
        assert!(
            both.contains(" m bookworm main\n") && both.contains(" m bookworm-backports main\n"),
            "{both}"
        );
    }
}
