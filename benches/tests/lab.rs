//! The laboratory as its users run it: checksums are those that the programs of other collectors print, on either kind of
//! heap; what it can't do it says, and ends well.

use std::process::{Command, Output};

use serde_json::Value;

fn lab(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(args)
        .env("PEER_NAME", "me")
        .env_remove("COLLECTOR_THREADS")
        .output()
        .expect("the laboratory starts")
}

fn line(args: &[&str]) -> Value {
    let output = lab(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).expect("a line of JSON")
}

/// What a program without a collector prints for the same arguments.
const CHECKSUMS: &[(&[&str], &str)] = &[
    (&["binary_trees", "10"], "000000225ae1ca30"),
    (&["alloc_micro", "16", "0", "100000"], "0000000006127e00"),
    (&["alloc_micro", "64", "2", "100000"], "0000000000000800"),
    (&["alloc_micro", "4096", "0", "5000"], "0000000000461e00"),
    (&["latency_ring", "250000"], "00000006ff3027d0"),
    (&["barrier", "100000"], "2149f5dadd893317"),
    (&["full_mark", "20000"], "d7498674f7e91db6"),
];

#[test]
fn checksums_are_those_of_other_programs() {
    for heap in ["local", "shared"] {
        for (args, checksum) in CHECKSUMS {
            let line = line(&[args, &["--heap", heap][..]].concat());
            assert_eq!(line["checksum"], *checksum, "{args:?} on a {heap} heap");
            assert_eq!(line["peer"], "me");
            assert_eq!(line["extra"]["heap"], heap);
            assert!(line["ops"].as_u64().is_some_and(|ops| ops > 0), "{line}");
        }
    }
}

#[test]
fn several_mutators_have_the_checksum_of_one() {
    for threads in ["1", "2", "4"] {
        let line = line(&["binary_trees_mt", "10", threads]);
        assert_eq!(line["checksum"], CHECKSUMS[0].1, "{threads} threads");
    }
}

#[test]
fn what_was_measured_is_there() {
    let line = line(&["full_mark", "50000", "--markers", "1"]);
    let extra = &line["extra"];
    assert_eq!(extra["markers"], 1);
    assert_eq!(extra["gc_cycles"], 5);
    for name in ["interruptions", "handshake_latency", "phases_ms", "heap_mib", "in_all"] {
        assert!(extra[name].is_object(), "{name}: {extra}");
    }
    // Every object of the graph, the array and the object that holds it, five times.
    assert_eq!(extra["phases_ms"]["total"]["marked"], 5 * (50_000 + 2));
    assert!(line["pause_p99_us"].is_null());
}

#[test]
fn latencies_and_the_control_run_are_there() {
    let line = line(&["latency_ring", "1000"]);
    for name in ["pause_p50_us", "pause_p99_us", "pause_p999_us", "pause_max_us"] {
        assert!(line[name].as_f64().is_some_and(|us| us > 0.0), "{name}: {line}");
    }
    assert!(line["extra"]["control"]["empty_max_us"].as_f64().is_some(), "{line}");
}

#[test]
fn the_workloads_of_our_own_end_with_what_they_promise() {
    let dropped = line(&["drops", "20000", "1"]);
    assert_eq!(dropped["extra"]["dropped_after_collect"], 20_000);
    let deep = line(&["deep", "300000"]);
    assert_eq!(deep["extra"]["live_after_drop"], 1);
    let types = line(&["many_types", "20000"]);
    assert_eq!(types["extra"]["types"], 1000);
    let big = line(&["big_array", "1", "10000", "1000"]);
    assert_eq!(big["ops"], 10_000);
    let threads = line(&["threads", "1"]);
    assert_eq!(threads["ops"], 1000);
    let slow = line(&["slow_mutator", "1"]);
    assert_eq!(slow["ops"], 10_000);
}

#[test]
fn a_cache_of_weak_values_agrees_with_its_model_on_either_heap() {
    let lines = ["local", "shared"].map(|heap| line(&["weak_cache", "5000", "1", "--heap", heap]));
    for line in &lines {
        let extra = &line["extra"];
        let count = |name: &str| extra[name].as_u64().expect(name);
        assert_eq!(count("hits") + count("misses"), 16 * 10_000);
        assert_eq!(extra["upgrade"]["count"], 16 * 10_000);
        assert!(count("misses") > 0 && count("gc_cycles") > 0, "{line}");
        // 1 - 1/e of the keys have an owner.
        assert!((2900..3400).contains(&count("owned_at_rest")), "{line}");
        for window in ["1ms", "10ms", "100ms"] {
            let share = |mmu: &Value| mmu[window].as_f64().is_some_and(|share| (0.0..=1.0).contains(&share));
            assert!(share(&extra["mmu"]) && share(&extra["control"]["mmu"]), "{line}");
        }
    }
    assert_eq!(lines[0]["checksum"], lines[1]["checksum"]);
}

#[test]
fn all_prints_a_row_for_each_run_and_appends_its_line() {
    let path = std::env::temp_dir().join(format!("lab-lines-{}.jsonl", std::process::id()));
    let output = lab(&["all", "--quick", "alloc_micro 16", "--lines", path.to_str().expect("a path in UTF-8")]);
    let lines = std::fs::read_to_string(&path).expect("the lines were written");
    std::fs::remove_file(&path).expect("it is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).expect("text");
    // Both heaps without pointers, the local one with.
    assert_eq!(table.lines().filter(|row| row.starts_with("| alloc_micro 16 ")).count(), 3, "{table}");
    assert_eq!(lines.lines().count(), 3, "{lines}");
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        assert_eq!(line["peer"], "me");
    }
}

#[test]
fn what_it_cannot_do_it_says() {
    for args in [
        &["binary_trees_mt", "10", "2", "--heap", "local"][..],
        &["barrier", "1000", "--mutators", "2"],
        &["alloc_micro", "17", "0", "1"],
        &["binary_trees_mt", "10", "3"],
    ] {
        let output = lab(args);
        assert!(output.status.success(), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("null: "), "{args:?}");
    }
}
