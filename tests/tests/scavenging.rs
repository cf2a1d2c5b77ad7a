//! Free memory goes back to the system: in the background, on demand, and with its heap. A program of its own, since all heaps
//! of a process share their free pages.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use allocator::{PAGE_SIZE, Space};
use gc_core::{Config, LocalHeap};

/// Bytes of free pages that the system still backs.
fn free_bytes() -> usize {
    Space::global().unwrap().page_heap().counters().free * PAGE_SIZE
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

fn fill(mutator: &mut gc_core::Mutator<gc_core::Owned>, bytes: usize) {
    mutator.mutate(|mc| {
        for n in 0..bytes / 1024 {
            mc.alloc([n; 128]);
        }
    });
}

#[test]
fn free_memory_goes_back() {
    const MIB: usize = 1 << 20;
    let heap = LocalHeap::with_config(Config::new().min_heap(MIB).automatic(false));
    let mut mutator = heap.mutator().unwrap();
    let before = resident_bytes();

    // In the background, once a cycle is over and nothing else is to be done.
    fill(&mut mutator, 24 * MIB);
    assert!(resident_bytes() > before + 20 * MIB);
    mutator.collect();
    let since = Instant::now();
    while free_bytes() > 2 * MIB {
        assert!(since.elapsed() < Duration::from_secs(60), "{} bytes stay free and backed", free_bytes());
        std::thread::yield_now();
    }
    assert!(resident_bytes() < before + 8 * MIB);

    // On demand, at once, inside spans too.
    fill(&mut mutator, 24 * MIB);
    let kept = mutator.mutate(|mc| mc.root(mc.alloc([7_usize; 128])));
    let returned = mutator.release_memory().unwrap();
    assert!(returned > 0 && free_bytes() == 0, "{returned} bytes returned, {} left", free_bytes());
    assert!(resident_bytes() < before + 8 * MIB);
    mutator.mutate(|mc| assert_eq!(*kept.get(mc), [7; 128]));

    // With the last heap.
    fill(&mut mutator, 24 * MIB);
    drop((kept, mutator, heap));
    assert_eq!(free_bytes(), 0);
}
