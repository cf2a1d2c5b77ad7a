//! The allocator by itself, against bumpalo and mimalloc: `cargo bench -p benches --bench allocator`.
//!
//! Criterion's groups give the time of one allocation with its spread. The table at the end has the bounds that the allocator
//! is built to; its rows are measured in rounds in which each contender has its turn, and the fastest round of each counts:
//! what a noisy machine adds is never negative. `-- table` prints the table alone, `-- table WORD` the rows of `warm`,
//! `reuse`, `heap`, `sweep`, `rss` or `threads`.
//!
//! What each row does:
//!
//! - *warm allocation*: 1 MiB of objects from memory that was used before, bump and refill together; bumpalo's arena
//!   is reset between rounds, ours is swept; mimalloc frees each object at once, which is the fastest it can do.
//! - *4096 bytes*: a ring of 1024 live objects; each step drops the oldest and allocates. Ours marks the ring and sweeps every
//!   4096 steps; all of that is in its time.
//! - *page heap*: 64 GiB of pages, filled with runs of 1 to 16 pages, a random half freed; then steps of one allocation and
//!   one release of a random run, each step timed.
//! - *sweep*: 1 GiB of 32-byte slots, every other one marked; the processor time of the sweeping thread.
//! - *RSS*: in a process of its own, see [`rss_of`].
//! - *two threads*: 64-byte objects, 8 MiB for each thread from shared lists; objects per second of both over those of one. By
//!   processor time, which tells what the threads cost each other on a machine where others run too; by wall time as well.

use std::collections::VecDeque;
use std::hint::black_box;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use allocator::{Arena, Cache, Owner, PAGE_SIZE, PageRun, SizeClass, Space, SweepProgress};
use criterion::{BatchSize, Criterion};

use std::alloc::{GlobalAlloc, Layout};

const TYPED: Owner = Owner { word: 4096, attributes: 0 };
const PLAIN: Owner = Owner { word: 0, attributes: 0 };

/// A slot for `owner`, as a collector takes it.
#[inline(always)]
fn allocate(cache: &mut Cache, owner: Owner, class: SizeClass) -> NonNull<u8> {
    let slot = if owner.word == 0 { cache.bump_plain(class) } else { cache.bump(owner.word, class) };
    NonNull::new(slot).unwrap_or_else(|| cache.refill(owner, class).expect("memory"))
}

/// Ends a cycle: what is not marked dies.
fn cycle(arena: &Arena, caches: &mut [Cache]) {
    let epoch = arena.flip();
    caches.iter_mut().for_each(|cache| cache.hand_over(epoch));
    arena.allow_sweep();
    assert_eq!(arena.sweep(usize::MAX, &mut |_| {}), SweepProgress::Done);
}

/// xorshift64*: a workload repeats.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

/// Processor time of this thread.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes to a timespec of ours.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(result, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

// ---- warm allocation

/// Bytes of a batch of objects; nobody but mimalloc touches them.
const BATCH: usize = 1 << 20;

/// The contenders, each with warm memory.
struct Warm<const SIZE: usize> {
    arena: Arc<Arena>,
    cache: Cache,
    bump: bumpalo::Bump,
}

impl<const SIZE: usize> Warm<SIZE> {
    const COUNT: usize = BATCH / SIZE;
    const CLASS: SizeClass = SizeClass::of(SIZE, 8).unwrap();
    const LAYOUT: Layout = match Layout::from_size_align(SIZE, 8) {
        Ok(layout) => layout,
        Err(_) => unreachable!(),
    };

    fn new() -> Self {
        let arena = Arena::new(Space::global().expect("address space")).expect("tables");
        let cache = Cache::new(&arena);
        let mut warm = Warm { arena, cache, bump: bumpalo::Bump::with_capacity(2 * BATCH) };
        for _ in 0..4 {
            warm.ours(TYPED);
            warm.free_ours();
            warm.ours(PLAIN);
            warm.free_ours();
            warm.bumpalo();
            warm.bump.reset();
            warm.mimalloc();
        }
        warm
    }

    /// The class is a constant here, as at every typed call.
    #[inline(never)]
    fn ours(&mut self, owner: Owner) {
        if owner.word == 0 {
            for _ in 0..Self::COUNT {
                black_box(allocate(&mut self.cache, PLAIN, Self::CLASS));
            }
        } else {
            for _ in 0..Self::COUNT {
                black_box(allocate(&mut self.cache, TYPED, Self::CLASS));
            }
        }
    }

    fn free_ours(&mut self) {
        cycle(&self.arena, std::slice::from_mut(&mut self.cache));
    }

    #[inline(never)]
    fn bumpalo(&mut self) {
        for _ in 0..Self::COUNT {
            black_box(self.bump.alloc_layout(Self::LAYOUT));
        }
    }

    #[inline(never)]
    fn mimalloc(&mut self) {
        for _ in 0..Self::COUNT {
            // SAFETY: the layout is not empty, and what is freed was allocated with it.
            let object = black_box(unsafe { mimalloc::MiMalloc.alloc(Self::LAYOUT) });
            // SAFETY: as above.
            unsafe { mimalloc::MiMalloc.dealloc(object, Self::LAYOUT) };
        }
    }

    /// Nanoseconds per object, the best of many rounds: ours typed, ours plain, bumpalo, mimalloc.
    fn measure(&mut self) -> [f64; 4] {
        let mut best = [f64::MAX; 4];
        let mut round = |n: usize, f: &mut dyn FnMut()| {
            let since = Instant::now();
            f();
            best[n] = best[n].min(since.elapsed().as_secs_f64() * 1e9 / Self::COUNT as f64);
        };
        for _ in 0..150 {
            round(0, &mut || self.ours(TYPED));
            self.free_ours();
            round(1, &mut || self.ours(PLAIN));
            self.free_ours();
            self.bump.reset();
            round(2, &mut || self.bumpalo());
            round(3, &mut || self.mimalloc());
        }
        best
    }

    fn criterion(criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group(format!("allocate {SIZE} bytes, warm ({} objects)", Self::COUNT));
        let mut warm = Self::new();
        group.bench_function("allocator, typed", |b| {
            b.iter_custom(|iterations| Self::timed(&mut warm, iterations, |warm| warm.ours(TYPED), Self::free_ours));
        });
        group.bench_function("allocator, plain", |b| {
            b.iter_custom(|iterations| Self::timed(&mut warm, iterations, |warm| warm.ours(PLAIN), Self::free_ours));
        });
        group.bench_function("bumpalo", |b| {
            b.iter_custom(|iterations| Self::timed(&mut warm, iterations, Self::bumpalo, |warm| warm.bump.reset()));
        });
        group.bench_function("mimalloc, malloc + free", |b| {
            b.iter_custom(|iterations| Self::timed(&mut warm, iterations, Self::mimalloc, |_| {}));
        });
        group.finish();
    }

    fn timed(warm: &mut Self, iterations: u64, work: impl Fn(&mut Self), after: impl Fn(&mut Self)) -> Duration {
        let mut sum = Duration::ZERO;
        for _ in 0..iterations {
            let since = Instant::now();
            work(warm);
            sum += since.elapsed();
            after(warm);
        }
        sum
    }
}

// ---- 4096 bytes

const RING: usize = 1024;
const STEPS: usize = 4 * RING;
const LARGE: usize = 4096;

struct Reuse {
    arena: Arc<Arena>,
    cache: Cache,
    ours: VecDeque<NonNull<u8>>,
    theirs: VecDeque<NonNull<u8>>,
}

impl Reuse {
    const LAYOUT: Layout = match Layout::from_size_align(LARGE, 16) {
        Ok(layout) => layout,
        Err(_) => unreachable!(),
    };

    fn new() -> Reuse {
        let arena = Arena::new(Space::global().expect("address space")).expect("tables");
        let mut cache = Cache::new(&arena);
        let class = SizeClass::of(LARGE, 16).expect("a small size");
        let ours = (0..RING).map(|_| allocate(&mut cache, TYPED, class)).collect();
        // SAFETY: the layout is not empty.
        let theirs = (0..RING).map(|_| unsafe { mimalloc::MiMalloc.alloc(Self::LAYOUT) });
        let theirs = theirs.map(|object| NonNull::new(object).expect("memory")).collect();
        Reuse { arena, cache, ours, theirs }
    }

    fn ours(&mut self) {
        const CLASS: SizeClass = SizeClass::of(LARGE, 16).unwrap();
        for _ in 0..STEPS {
            self.ours.pop_front();
            let object = allocate(&mut self.cache, TYPED, CLASS);
            // SAFETY: the slot is ours.
            unsafe { object.cast::<u64>().write(1) };
            self.ours.push_back(object);
        }
        let space = self.arena.space();
        for object in &self.ours {
            space.mark(object.addr().get());
        }
        cycle(&self.arena, std::slice::from_mut(&mut self.cache));
    }

    fn mimalloc(&mut self) {
        for _ in 0..STEPS {
            let oldest = self.theirs.pop_front().expect("the ring is full");
            // SAFETY: allocated with this layout, and not used any more.
            unsafe { mimalloc::MiMalloc.dealloc(oldest.as_ptr(), Self::LAYOUT) };
            // SAFETY: the layout is not empty.
            let object = NonNull::new(unsafe { mimalloc::MiMalloc.alloc(Self::LAYOUT) }).expect("memory");
            // SAFETY: the object is ours.
            unsafe { object.cast::<u64>().write(1) };
            self.theirs.push_back(object);
        }
    }

    /// Nanoseconds per step: ours, mimalloc.
    fn measure(&mut self) -> [f64; 2] {
        let mut best = [f64::MAX; 2];
        for _ in 0..200 {
            let start = Instant::now();
            self.ours();
            let middle = Instant::now();
            self.mimalloc();
            let end = Instant::now();
            for (best, time) in best.iter_mut().zip([middle - start, end - middle]) {
                *best = best.min(time.as_secs_f64() * 1e9 / STEPS as f64);
            }
        }
        best
    }
}

// ---- page heap

/// A heap of 64 GiB in runs of 1 to 16 pages, of which a random half is free.
struct Fragmented {
    space: Space,
    runs: Vec<PageRun>,
    random: Random,
}

impl Fragmented {
    fn new() -> Self {
        let pages = (64usize << 30) / PAGE_SIZE;
        let space = Space::private(pages).expect("address space");
        let heap = space.page_heap();
        let mut random = Random(7);
        let mut runs = Vec::new();
        while let Ok(run) = heap.alloc(1 + random.below(16) as u32) {
            runs.push(run);
        }
        for i in (1..runs.len()).rev() {
            runs.swap(i, random.below(i + 1));
        }
        let keep = runs.len() / 2;
        runs.drain(keep..).for_each(|run| heap.free(run));
        Fragmented { space, runs, random }
    }

    /// One allocation and one release.
    fn step(&mut self) {
        let (pages, out) = (1 + self.random.below(16) as u32, self.random.below(self.runs.len()));
        let heap = self.space.page_heap();
        let run = heap.alloc(pages).expect("half is free");
        heap.free(std::mem::replace(&mut self.runs[out], run));
    }
}

/// Sorted nanoseconds of steps of one allocation and one release in a fragmented heap of 64 GiB; then of the allocations and
/// of the releases by themselves, timed in steps between.
fn page_heap() -> [Vec<u32>; 3] {
    let Fragmented { space, mut runs, mut random } = Fragmented::new();
    let heap = space.page_heap();
    let mut times = [0; 3].map(|_| Vec::with_capacity(1_000_000));
    // What two looks at the clock take at least.
    let clock = (0..10_000).map(|_| Instant::now().elapsed()).min().expect("some");
    let nanos = |time: Duration| time.saturating_sub(clock).as_nanos() as u32;
    for step in 0..2_000_000 {
        let (pages, out) = (1 + random.below(16) as u32, random.below(runs.len()));
        let old = runs[out];
        if step % 2 == 0 {
            let since = Instant::now();
            let run = heap.alloc(pages).expect("half is free");
            heap.free(old);
            times[0].push(nanos(since.elapsed()));
            runs[out] = run;
        } else {
            let since = Instant::now();
            let run = heap.alloc(pages).expect("half is free");
            let middle = Instant::now();
            heap.free(old);
            times[2].push(nanos(middle.elapsed()));
            times[1].push(nanos(middle - since));
            runs[out] = run;
        }
    }
    times.iter_mut().for_each(|times| times.sort_unstable());
    times
}

// ---- sweep

const GIB: usize = 1 << 30;

/// Milliseconds of processor time to sweep 1 GiB of 32-byte slots, half dead; the best of some.
fn sweep_gib() -> f64 {
    const CLASS: SizeClass = SizeClass::of(32, 8).unwrap();
    let space = Space::global().expect("address space");
    let arena = Arena::new(space).expect("tables");
    let mut best = f64::MAX;
    for _ in 0..8 {
        let mut cache = [Cache::new(&arena)];
        let objects: Vec<_> = (0..GIB / 32).map(|_| allocate(&mut cache[0], PLAIN, CLASS).addr().get()).collect();
        for &object in objects.iter().step_by(2) {
            space.mark(object);
        }
        let epoch = arena.flip();
        cache[0].hand_over(epoch);
        arena.allow_sweep();
        let since = cpu_time();
        assert_eq!(arena.sweep(usize::MAX, &mut |_| {}), SweepProgress::Done);
        best = best.min((cpu_time() - since).as_secs_f64() * 1e3);
        assert_eq!(arena.live_objects() as usize, GIB / 64);
        cycle(&arena, &mut cache);
    }
    best
}

// ---- RSS

/// How the sizes of objects from 16 bytes to 32 KiB are drawn.
#[derive(Clone, Copy, Debug)]
enum Sizes {
    /// Each size as likely as any other.
    Uniform,
    /// Each doubling as likely as any other: most objects are small. Harder, as small objects share pages.
    Logarithmic,
}

const RSS_ARGUMENT: &str = "measure-rss";

/// Runs [`rss_of`] in a process of its own.
fn in_child(sizes: Sizes) -> [f64; 2] {
    let program = std::env::current_exe().expect("a path");
    let output = std::process::Command::new(program).arg(RSS_ARGUMENT).arg(format!("{sizes:?}")).output();
    let text = String::from_utf8(output.expect("a child").stdout).expect("text");
    let mut numbers = text.split_whitespace().map(|number| number.parse().expect("a number"));
    [0; 2].map(|_| numbers.next().expect("two numbers"))
}

/// Resident bytes of this process.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number") * allocator::OS_PAGE
}

/// Fills 1 GiB with objects of random sizes, all bytes written; lets a random 90 % die; releases memory. What is resident
/// then, side tables included, over the bytes of the survivors. Then allocates 64-byte objects until 1 GiB is asked for
/// again: resident bytes over that.
fn rss_of(sizes: Sizes) -> [f64; 2] {
    let space = Space::global().expect("address space");
    let mut random = Random(11);
    let mut objects: Vec<(usize, usize)> = vec![(1, 1); GIB / 1024];
    objects.clear();
    let before = resident();
    let arena = Arena::new(space).expect("tables");
    let mut cache = [Cache::new(&arena)];
    let allocate = |cache: &mut Cache, size: usize| {
        let class = SizeClass::of(size, 8).expect("a small size");
        let slot = NonNull::new(cache.bump(TYPED.word, class));
        let slot = slot.unwrap_or_else(|| cache.refill(TYPED, class).expect("memory"));
        // SAFETY: the slot is ours.
        unsafe { slot.write_bytes(1, size) };
        slot.addr().get()
    };
    let mut asked = 0;
    while asked < GIB {
        let size = match sizes {
            Sizes::Uniform => 16 + random.below((32 << 10) - 15),
            Sizes::Logarithmic => {
                let doubling = 16usize << random.below(11);
                doubling + random.below(doubling + 1)
            }
        };
        objects.push((allocate(&mut cache[0], size), size));
        asked += size;
    }
    let mut live = 0;
    for &(addr, size) in &objects {
        if random.below(10) == 0 {
            space.mark(addr);
            live += size;
        }
    }
    cycle(&arena, &mut cache);
    space.release_free(usize::MAX).expect("the system takes them");
    arena.release_free_pages().expect("the system takes them");
    let after = (resident() - before) as f64 / live as f64;
    let mut asked = live;
    while asked < GIB {
        allocate(&mut cache[0], 64);
        asked += 64;
    }
    [after, (resident() - before) as f64 / GIB as f64]
}

// ---- two threads

/// Million objects per second: one thread, and two at once.
fn threads() -> [f64; 4] {
    const CLASS: SizeClass = SizeClass::of(64, 8).unwrap();
    const COUNT: usize = (8 << 20) / 64;
    let space = Space::global().expect("address space");
    let mut best = [0f64; 4];
    for _ in 0..60 {
        for threads in 1..=2 {
            let arena = Arena::new(space).expect("tables");
            let ready = AtomicUsize::new(0);
            let mut caches: Vec<_> = (0..threads).map(|_| Cache::new(&arena)).collect();
            let times: Vec<_> = std::thread::scope(|scope| {
                let workers: Vec<_> = caches
                    .iter_mut()
                    .map(|cache| {
                        let ready = &ready;
                        scope.spawn(move || {
                            // A barrier that blocks would wake one thread long after the other.
                            ready.fetch_add(1, Ordering::SeqCst);
                            while ready.load(Ordering::SeqCst) != threads {
                                std::hint::spin_loop();
                            }
                            let (since, cpu) = (Instant::now(), cpu_time());
                            for _ in 0..COUNT {
                                let object = allocate(cache, TYPED, CLASS);
                                // SAFETY: the slot is ours.
                                unsafe { object.cast::<u64>().write(1) };
                            }
                            (since, Instant::now(), cpu_time() - cpu)
                        })
                    })
                    .collect();
                workers.into_iter().map(|worker| worker.join().expect("no panic")).collect()
            });
            let start = times.iter().map(|time| time.0).min().expect("a thread");
            let end = times.iter().map(|time| time.1).max().expect("a thread");
            let rate = (threads * COUNT) as f64 / (end - start).as_secs_f64() / 1e6;
            best[threads - 1] = best[threads - 1].max(rate);
            let rate: f64 = times.iter().map(|time| COUNT as f64 / time.2.as_secs_f64() / 1e6).sum();
            best[threads + 1] = best[threads + 1].max(rate);
            cycle(&arena, &mut caches);
        }
    }
    best
}

fn criterion() {
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .configure_from_args();
    Warm::<16>::criterion(&mut criterion);
    Warm::<32>::criterion(&mut criterion);
    Warm::<64>::criterion(&mut criterion);
    let mut group = criterion.benchmark_group(format!("allocate {LARGE} bytes with reuse ({STEPS} steps)"));
    let mut reuse = Reuse::new();
    group.bench_function("allocator", |b| b.iter_batched(|| (), |()| reuse.ours(), BatchSize::SmallInput));
    group.bench_function("mimalloc", |b| b.iter_batched(|| (), |()| reuse.mimalloc(), BatchSize::SmallInput));
    group.finish();
    let mut group = criterion.benchmark_group("page heap, 64 GiB fragmented");
    let mut fragmented = None;
    group.bench_function("allocate and free", |b| {
        let fragmented = fragmented.get_or_insert_with(Fragmented::new);
        b.iter(|| fragmented.step());
    });
    group.finish();
    criterion.final_summary();
}

fn row(what: &str, value: f64, bound: f64, at_most: bool, detail: String) {
    let (sign, met) = if at_most { ("<=", value <= bound) } else { (">=", value >= bound) };
    let verdict = if met { "" } else { "  MISSED" };
    println!("{what:<58} {value:>8.2} {sign} {bound:<6.2} {detail}{verdict}");
}

fn warm_rows<const SIZE: usize>() {
    let [typed, plain, bump, mi] = Warm::<SIZE>::new().measure();
    for (name, ours) in [("typed", typed), ("plain", plain)] {
        let detail = format!("{ours:.2} ns, bumpalo {bump:.2} ns");
        row(&format!("allocate {SIZE} bytes warm, {name}, over bumpalo"), ours / bump, 1.5, true, detail);
        let detail = format!("{ours:.2} ns, mimalloc {mi:.2} ns");
        row(&format!("allocate {SIZE} bytes warm, {name}, over mimalloc"), ours / mi, 0.4, true, detail);
    }
}

/// Prints the rows whose name contains `filter`.
fn table(filter: &str) {
    let wanted = |name: &str| name.contains(filter);
    if wanted("warm") {
        warm_rows::<16>();
        warm_rows::<32>();
        warm_rows::<64>();
    }
    if wanted("reuse") {
        let [ours, mi] = Reuse::new().measure();
        let detail = format!("{ours:.1} ns, mimalloc {mi:.1} ns");
        row("allocate 4096 bytes with reuse, over mimalloc", ours / mi, 1.0, true, detail);
    }
    if wanted("heap") {
        let names = ["allocate + free", "allocate", "free"];
        for (name, times) in names.into_iter().zip(page_heap()) {
            let at = |share: f64| f64::from(times[(times.len() as f64 * share) as usize]);
            let detail = format!("p50 {:.0}, p90 {:.0}, p99.9 {:.0} ns", at(0.5), at(0.9), at(0.999));
            row(&format!("page heap, 64 GiB fragmented, {name}, p99 in ns"), at(0.99), 300.0, true, detail);
        }
    }
    if wanted("sweep") {
        row("sweep of 1 GiB of 32-byte slots, half dead, ms of CPU", sweep_gib(), 1.0, true, String::new());
    }
    if wanted("rss") {
        for sizes in [Sizes::Uniform, Sizes::Logarithmic] {
            let [after, again] = in_child(sizes);
            row(&format!("RSS over live, 90 % dead, sizes {sizes:?}"), after, 1.5, true, String::new());
            row("RSS over bytes asked for, refilled with 64 bytes to 1 GiB", again, 1.05, true, String::new());
        }
    }
    if wanted("threads") {
        let [one, two, cpu_one, cpu_two] = threads();
        let detail = format!("by wall time {:.2}: {one:.0} and {two:.0} M objects/s", two / one);
        row("two threads over one, 64 bytes, by processor time", cpu_two / cpu_one, 1.9, false, detail);
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [rss, sizes] = &args[..]
        && rss == RSS_ARGUMENT
    {
        let sizes = if sizes == "Uniform" { Sizes::Uniform } else { Sizes::Logarithmic };
        let [after, again] = rss_of(sizes);
        println!("{after} {again}");
        return;
    }
    // `cargo test` runs benches too, to see that they run.
    if args.iter().any(|arg| arg == "--test") {
        return;
    }
    match args.iter().position(|arg| arg == "table") {
        Some(at) => table(args.get(at + 1).filter(|arg| !arg.starts_with('-')).map_or("", String::as_str)),
        None => {
            criterion();
            table("");
        }
    }
}
