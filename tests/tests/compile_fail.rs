//! Attacks that must not compile (`ui/*.rs`), and user programs that must (`ui/pass/*.rs`).
//!
//! Each attack would be a use after free, a data race or a pointer in the wrong heap if it compiled. Its first line names
//! the error code that it is rejected with (`//@ error: E0521`, `no code` where rustc has none; several if it draws several
//! errors), and its `.stderr` pins the whole message; a typo can't pass for a rejection, and a changed rejection is seen.
//!
//! After a change of rustc or of a message: `TRYBUILD=overwrite cargo test -p tests --test compile_fail`, then read the diff.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The attacks, in the order of their names.
fn attacks() -> Vec<PathBuf> {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let mut paths: Vec<_> = fs::read_dir(ui)
        .expect("the attacks are beside this file")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    paths.sort();
    paths
}

/// One project, one build of the dependencies, for all programs.
#[test]
fn programs() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/*.rs");
}

/// The codes of the errors in a compiler's message.
fn errors(stderr: &str) -> BTreeSet<&str> {
    stderr
        .lines()
        .filter_map(|line| {
            let rest = line.strip_prefix("error")?;
            match rest.strip_prefix('[') {
                Some(code) => code.split(']').next(),
                None => rest.starts_with(':').then_some("no code"),
            }
        })
        .collect()
}

#[test]
fn each_attack_pins_its_error_code() {
    let attacks = attacks();
    assert!(attacks.len() >= 90, "only {} attacks are left", attacks.len());
    for path in attacks {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let source = fs::read_to_string(&path).expect("readable");
        let pinned = source.lines().next().and_then(|line| line.strip_prefix("//@ error: "));
        let pinned = pinned.unwrap_or_else(|| panic!("{name}: the first line is `//@ error: CODE`"));
        let pinned: BTreeSet<_> = pinned.split(", ").collect();
        let stderr = fs::read_to_string(path.with_extension("stderr"))
            .unwrap_or_else(|_| panic!("{name}: its message is pinned in a `.stderr`"));
        assert_eq!(errors(&stderr), pinned, "{name}: rejected for another reason than it says");
    }
}

#[test]
fn errors_are_read_with_and_without_a_code() {
    let message = "error[E0521]: borrowed data\n  --> a.rs\nerror: lifetime may not\nnote: error: no\n";
    assert_eq!(errors(message), BTreeSet::from(["E0521", "no code"]));
}
