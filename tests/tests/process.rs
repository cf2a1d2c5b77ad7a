//! What ends, limits or copies a process: each test runs itself again as a child, which does it.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;

use gc_core::{Config, GcMutex, Heap, LocalHeap, Rebrand, Trace, Tracer};
use tests::{Tally, child, is_child};

/// A `trace` that breaks its contract: it panics, on collector threads or on those of mutators.
struct Panics {
    on_collector: bool,
}

// SAFETY: it is not kept to: no panic.
unsafe impl<'gc> Trace<'gc> for Panics {
    const HOLDS_GC: bool = true;

    fn trace(&self, _: &mut Tracer<'gc>) {
        let on_collector = std::thread::current().name().is_some_and(|name| name.starts_with("gc-"));
        assert!(on_collector != self.on_collector, "in a trace");
    }
}

// SAFETY: there is no brand to replace.
unsafe impl Rebrand for Panics {
    type With<'a> = Panics;
}

const MESSAGE: &str = "panicked; the heap can't be marked, so the process ends";
const SIGABRT: i32 = 6;

#[test]
fn trace_that_panics_on_a_marker_aborts() {
    if is_child() {
        let heap = LocalHeap::new();
        let mut mutator = heap.mutator().unwrap();
        let root = mutator.mutate(|mc| mc.root(mc.alloc(Panics { on_collector: true })));
        mutator.collect();
        drop(root);
        return;
    }
    let output = child("trace_that_panics_on_a_marker_aborts", None);
    assert_eq!(output.status.signal(), Some(SIGABRT));
    assert!(String::from_utf8_lossy(&output.stderr).contains(MESSAGE));
}

#[test]
fn trace_that_panics_in_a_barrier_aborts() {
    if is_child() {
        let heap = Heap::new();
        let mut mutator = heap.mutator().unwrap();
        loop {
            heap.start_collection();
            mutator.mutate(|mc| {
                let cell = GcMutex::new(Panics { on_collector: false });
                drop(cell.lock(mc));
            });
        }
    }
    let output = child("trace_that_panics_in_a_barrier_aborts", None);
    assert_eq!(output.status.signal(), Some(SIGABRT));
    assert!(String::from_utf8_lossy(&output.stderr).contains(MESSAGE));
}

#[test]
fn process_exit_with_live_heaps() {
    if is_child() {
        let tally = Tally::new();
        let (local, shared) = (LocalHeap::new(), Heap::new());
        let mut in_local = local.mutator().unwrap();
        let root = in_local.mutate(|mc| mc.root(mc.alloc(tally.leaf())));
        std::thread::spawn({
            let shared = shared.clone();
            move || {
                let mut mutator = shared.mutator().unwrap();
                loop {
                    mutator.mutate(|mc| {
                        (0..100).for_each(|n| {
                            mc.alloc(format!("{n}"));
                        })
                    });
                    shared.start_collection();
                }
            }
        });
        while shared.statistics().cycles < 2 {
            std::thread::yield_now();
        }
        local.start_collection();
        in_local.mutate(|mc| {
            mc.alloc((root.get(mc), tally.leaf()));
            std::process::exit(7) // in the middle of a region
        })
    }
    let output = child("process_exit_with_live_heaps", None);
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn fork_and_exec_while_collecting() {
    let heap = Heap::with_config(Config::new().min_heap(1 << 18));
    let mut mutator = heap.mutator().unwrap();
    for round in 0..10 {
        mutator.mutate(|mc| {
            (0..1000).for_each(|n| {
                mc.alloc(format!("{n}"));
            })
        });
        heap.start_collection();
        let mut command = Command::new("true");
        // SAFETY: the child does nothing but exec: no heap is touched in it. (With a hook it is a real fork.)
        unsafe { command.pre_exec(|| Ok(())) };
        let status = mutator.mutate(|mc| {
            let text = mc.alloc(format!("{round}"));
            let status = command.status().expect("`true` starts");
            assert_eq!(*text, format!("{round}"));
            status
        });
        assert!(status.success());
    }
    mutator.collect();
    assert_eq!(heap.statistics().live_objects, 0);
}

#[test]
fn under_an_address_space_limit() {
    if is_child() {
        let heap = LocalHeap::with_config(Config::new().automatic(false));
        let mut mutator = heap.mutator().unwrap();
        let fill = |mutator: &mut gc_core::Mutator<gc_core::Owned>| {
            let mut all = Vec::new();
            // Untouched pages: address space, not memory.
            while let Ok(root) =
                mutator.mutate(|mc| Ok::<_, gc_core::AllocError>(mc.root(mc.slice_builder::<u8>(1 << 20)?.finish())))
            {
                all.push(root);
                assert!(all.len() < 1 << 20, "the limit does not hold");
            }
            all.len()
        };
        let first = fill(&mut mutator);
        assert!(first > 8, "only {first} MiB before the end");
        mutator.collect();
        assert!(fill(&mut mutator) >= first, "what was freed is there again");
        return;
    }
    let output = child("under_an_address_space_limit", Some(1 << 20));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the child ran another test, or none");
}
