//! A heap of 1 TiB, simulated: its pages are never touched, its tables are where they must be. One test, so that nothing
//! else changes what is resident.
#![cfg(all(target_os = "linux", not(loom)))]

use std::time::Instant;

use allocator::{Arena, Cache, Owner, PAGE_SIZE, PageId, PageRun, SizeClass, Space};

/// Resident bytes of this process.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * allocator::OS_PAGE
}

fn run(first: u32, pages: u32) -> PageRun {
    PageRun { first: PageId(first), pages, zeroed: false }
}

#[test]
fn a_tebibyte_costs_what_was_computed() {
    const PAGES: u32 = ((1u64 << 40) / PAGE_SIZE as u64) as u32;
    let start = resident();
    let space: &'static Space = Box::leak(Box::new(Space::private(PAGES as usize).unwrap()));
    let planned = resident() - start;
    assert!(planned < 1 << 20, "planning touches {planned} bytes");

    // All pages in use: the bitmaps and their summaries are resident, and nothing else.
    let heap = space.page_heap();
    let long = 1 << 16;
    for _ in 0..PAGES / long {
        heap.alloc(long).unwrap();
    }
    assert!(heap.alloc(1).is_err());
    let full = resident() - start;
    // Two bits a page, and eight bytes a chunk of 512 with an eighth of that for each level above.
    let computed = PAGES as usize / 4 + PAGES as usize / 512 * 8 * 8 / 7;
    assert!(full >= computed * 9 / 10 && full <= computed + computed / 8 + (1 << 20), "{full} of {computed} bytes");

    // Single pages free, all over it.
    let mut seed = 1u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut free = std::collections::BTreeSet::new();
    while free.len() < 20_000 {
        let page = (random() % u64::from(PAGES)) as u32;
        if free.insert(page) {
            heap.free(run(page, 1));
        }
    }
    // The lowest is taken, wherever it is; steps take microseconds, not the look at a tebibyte's bitmaps (some
    // milliseconds).
    let mut times = Vec::new();
    let pages: Vec<u32> = free.iter().copied().collect();
    for &page in &pages[..10_000] {
        let since = Instant::now();
        assert_eq!(heap.alloc(1).unwrap().first, PageId(page));
        times.push(since.elapsed());
    }
    for &page in &pages[..10_000] {
        let since = Instant::now();
        heap.free(run(page, 1));
        times.push(since.elapsed());
    }
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    println!("page heap of 1 TiB: p50 {:?}, p99 {p99:?}; tables {full} bytes", times[times.len() / 2]);
    assert!(p99.as_micros() < 100, "{p99:?}");
    assert!(resident() - start <= full + (4 << 20), "single pages touch more than a full heap");

    // Spans on them: each touches a page of the system in five tables, and one of its own.
    let before = resident();
    let arena = Arena::new(space).unwrap();
    let mut cache = Cache::new(&arena);
    let class = SizeClass::of(8192, 16).unwrap();
    for n in 0..2_000 {
        let owner = Owner { word: 64 * (n + 1), attributes: 0 };
        let slot = cache.refill(owner, class).unwrap();
        // SAFETY: the slot is ours.
        unsafe { slot.write(1) };
    }
    let spans = resident() - before;
    assert!(spans < 2_000 * 6 * allocator::OS_PAGE + (4 << 20), "2000 spans touch {spans} bytes");
    drop(cache);
    arena.teardown(&mut |_, _| {});
    for &page in &pages {
        assert!(space.span_of(space.page_base(PageId(page))).is_none());
    }
}
