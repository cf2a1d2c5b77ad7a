//! The collector's threads: none before the first cycle, shared by all heaps, gone with the last one. A program of its own,
//! with one test, so that it sees all heaps of its process.
#![cfg(target_os = "linux")]

use gc_core::{Config, Heap, LocalHeap};

/// Names of the threads of the collector that exist.
fn collector_threads() -> Vec<String> {
    let names = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.map(|name| name.trim().to_owned()).filter(|name| name.starts_with("gc-")).collect()
}

#[test]
fn threads_start_when_they_are_needed_and_end_with_the_last_heap() {
    for _ in 0..3 {
        let first = LocalHeap::new();
        let others: Vec<_> = (0..20).map(|_| LocalHeap::new()).collect();
        let mut mutator = first.mutator().unwrap();
        assert!(mutator.mutate(|mc| *mc.alloc(7)) == 7);
        assert_eq!(collector_threads(), Vec::<String>::new(), "nobody has asked for a cycle");
        mutator.collect();
        for other in &others {
            // One after the other: a thread is enough, if the one before has come back when the next is called.
            for _ in 0..10 {
                other.mutator().unwrap().collect();
            }
        }
        let threads = collector_threads();
        assert!((1..=21).contains(&threads.len()), "more threads than heaps: {threads:?}");
        drop((mutator, first, others));
        assert_eq!(collector_threads(), Vec::<String>::new(), "no heap is left");

        let shared = Heap::with_config(Config::new().markers(3));
        shared.mutator().unwrap().collect();
        assert!(!collector_threads().is_empty());
        let root = shared.mutator().unwrap().mutate(|mc| mc.root(mc.alloc(1)));
        drop(shared);
        assert!(!collector_threads().is_empty(), "the root keeps the heap");
        drop(root);
        assert_eq!(collector_threads(), Vec::<String>::new(), "no heap is left");
    }
}
