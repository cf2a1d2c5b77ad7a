//! The small examples run, and say what they found.

use std::process::Command;

/// Standard output of a program that ends well.
#[track_caller]
fn output(program: &str) -> String {
    let output = Command::new(program).output().expect("the built program starts");
    let out = String::from_utf8(output.stdout).expect("the output is UTF-8");
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    out
}

#[test]
fn a_cycle_is_collected() {
    let out = output(env!("CARGO_BIN_EXE_cycle"));
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[0], "rooted: 2 objects live");
    assert_eq!(lines[1..3], ["  Bob is a friend of Alice", "  Alice is a friend of Bob"]);
    assert_eq!(lines[5], "root dropped: 0 objects live, 2 dropped");
}

/// The program itself compares what lives with what can be reached.
#[test]
fn threads_share_a_graph() {
    let out = output(env!("CARGO_BIN_EXE_shared_graph"));
    assert!(out.contains("nodes can be reached") && out.contains("interruptions of the program"), "{out}");
}

/// The program itself checks its sum.
#[test]
fn the_stack_machine_ties_rings() {
    let out = output(env!("CARGO_BIN_EXE_nanbox"));
    assert!(out.contains("4000000 pairs in rings of 100") && out.contains("cycles "), "{out}");
}
