//! Under a limit of the address space (`ulimit -v`) a smaller range is reserved, and the rest of the process has room.
#![cfg(all(unix, not(loom)))]

use std::process::Command;

use allocator::{Arena, Cache, Owner, PAGE_SIZE, SizeClass, Space};

/// Set in the process under the limit.
const CHILD: &str = "ALLOCATOR_TEST_UNDER_LIMIT";

/// Runs under the limit: allocates, cycles, and lets the rest of the process allocate.
fn child() {
    let space = Space::global().unwrap();
    println!("reserved {}", space.reserved_bytes());
    let arena = Arena::new(space).unwrap();
    let mut cache = Cache::new(&arena);
    let owner = Owner { word: 0, attributes: 0 };
    let class = SizeClass::of(64, 16).unwrap();
    let mut count = 0;
    let wanted = space.reserved_bytes() / 4;
    while count * 64 < wanted {
        let slot = cache.refill(owner, class).unwrap();
        // SAFETY: the slot is ours.
        unsafe { slot.write_bytes(1, 64) };
        count += 1;
    }
    // All of it and no more: then an error, not a crash.
    let error = loop {
        match cache.alloc_large(owner, 128 * PAGE_SIZE, 16) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    println!("error {error}");
    // What was left for others, is left.
    let other = vec![1u8; space.reserved_bytes() / 4];
    assert!(other.iter().all(|&byte| byte == 1));
    let epoch = arena.flip();
    cache.hand_over(epoch);
    arena.allow_sweep();
    arena.sweep(usize::MAX, &mut |_| {});
    assert_eq!(space.page_heap().counters().in_use, 0);
    println!("done");
}

#[test]
fn smaller_ranges_serve_under_a_limit() {
    if std::env::var_os(CHILD).is_some() {
        return child();
    }
    for limit_mib in [4096usize, 1024, 256] {
        let program = std::env::current_exe().unwrap();
        let script = format!("ulimit -v {}; exec \"$0\" \"$@\"", limit_mib * 1024);
        let output = Command::new("sh")
            .args(["-c", &script])
            .arg(program)
            .args(["--exact", "smaller_ranges_serve_under_a_limit", "--nocapture", "--test-threads=1"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("done"), "{limit_mib} MiB: {text} {errors}");
        assert!(text.contains("error cannot allocate 1048576 bytes: the reserved address space is full"), "{text}");
        let reserved = text.split("reserved ").nth(1).unwrap().split_whitespace().next().unwrap();
        let reserved: usize = reserved.parse().unwrap();
        assert!(reserved >= 16 << 20, "{reserved} bytes of {limit_mib} MiB");
        assert!(reserved <= limit_mib << 20, "{reserved} bytes of {limit_mib} MiB");
        // Not needlessly small either: half would leave room, with the tables.
        assert!(reserved >= (limit_mib << 20) / 8, "{reserved} bytes of {limit_mib} MiB");
    }
}
