//! The crates that are published, as the registry would get them: `cargo xtask package`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{cargo, root, run as run_command};
use crate::files::read;
use crate::setup;

/// Lists what every package contains, word for word as the root of the repository has it.
const LICENSES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];
const README: &str = "README.md";
/// Lists the lines that the manifest of every package has, by how they begin.
const FIELDS: [&str; 9] = [
    "all-features = true",
    "categories = [",
    "description = \"",
    "keywords = [",
    "license = \"",
    "readme = \"README.md\"",
    "repository = \"",
    "rust-version = \"",
    "rustdoc-args = [",
];

/// Publishes all of them but for the upload, each built from its package alone, and looks into the packages.
pub(crate) fn run() -> Result<(), String> {
    setup::ensure_openssl()?;
    // What is checked is what lies here, committed or not.
    let mut publish = cargo(&["publish", "--workspace", "--dry-run", "--allow-dirty", "--all-features"]);
    // Without it, each package would build all of its dependencies anew.
    run_command(publish.env("CARGO_TARGET_DIR", target()))?;
    let mut faults = Vec::new();
    for name in published()? {
        let package = target().join("package").join(format!("{name}-{}", stated("version")?));
        faults.extend(faults_of(&package)?.into_iter().map(|fault| format!("{name}: {fault}")));
        println!("{name}: {}", package.display());
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// Returns the names of the crates that are published.
pub(crate) fn published() -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let crates = root().join("crates");
    for entry in fs::read_dir(&crates).map_err(|error| format!("cannot read crates: {error}"))? {
        let place = entry.map_err(|error| format!("cannot read crates: {error}"))?;
        if !read(&place.path().join("Cargo.toml"))?.lines().any(|line| line == "publish = false") {
            names.push(place.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Returns what the root's manifest states under this key; all crates inherit it.
pub(crate) fn stated(key: &str) -> Result<String, String> {
    let manifest = read(&root().join("Cargo.toml"))?;
    let value = manifest.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
    let value = value.and_then(|value| value.strip_suffix('"'));
    value.map(str::to_owned).ok_or_else(|| format!("Cargo.toml states no {key}"))
}

/// Where cargo puts what it builds of this repository.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

fn faults_of(package: &Path) -> Result<Vec<String>, String> {
    let manifest = read(&package.join("Cargo.toml"))?;
    let mut faults: Vec<_> =
        missing(&manifest).into_iter().map(|field| format!("its manifest has no `{field}`")).collect();
    for license in LICENSES {
        if fs::read(package.join(license)).ok() != fs::read(root().join(license)).ok() {
            faults.push(format!("its {license} is not that of the repository"));
        }
    }
    if !fs::read_to_string(package.join(README)).is_ok_and(|text| text.starts_with("# ")) {
        faults.push(format!("it has no {README} with a heading"));
    }
    Ok(faults)
}

/// Returns the fields that a manifest lacks.
fn missing(manifest: &str) -> Vec<&'static str> {
    FIELDS.into_iter().filter(|field| !manifest.lines().any(|line| line.starts_with(field))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_the_repository_alone_are_not_published() {
        let names = published().unwrap();
        assert!(names.iter().any(|name| name == "redsync-core"), "{names:?}");
        assert!(!names.iter().any(|name| name == "redsync-bench"), "{names:?}");
    }

    #[test]
    fn what_a_manifest_lacks_is_named() {
        let whole: Vec<_> = FIELDS.iter().map(|field| format!("{field}…")).collect();
        assert!(missing(&whole.join("\n")).is_empty());
        for (at, field) in FIELDS.iter().enumerate() {
            let mut lines = whole.clone();
            lines.remove(at);
            assert_eq!(missing(&lines.join("\n")), [*field]);
        }
    }

    #[test]
    fn a_package_without_its_texts_has_a_fault_for_each() {
        let package = env::temp_dir().join(format!("redsync-package-{}", std::process::id()));
        fs::create_dir_all(&package).unwrap();
        fs::write(package.join("Cargo.toml"), FIELDS.join("\n")).unwrap();
        fs::write(package.join("LICENSE-MIT"), "../../LICENSE-MIT").unwrap();
        let faults = faults_of(&package).unwrap();
        fs::remove_dir_all(&package).unwrap();
        let expected = [
            "its LICENSE-APACHE is not that of the repository",
            "its LICENSE-MIT is not that of the repository",
            "it has no README.md with a heading",
        ];
        assert_eq!(faults, expected);
    }

    #[test]
    fn all_crates_inherit_one_version_and_one_oldest_rust() {
        for key in ["version", "rust-version"] {
            assert!(stated(key).unwrap().starts_with(|first: char| first.is_ascii_digit()));
        }
        for name in published().unwrap() {
            let manifest = read(&root().join("crates").join(&name).join("Cargo.toml")).unwrap();
            for key in ["version", "rust-version"] {
                let line = format!("{key}.workspace = true");
                assert!(manifest.lines().any(|other| other == line), "{name}: {key}");
            }
        }
    }
}
