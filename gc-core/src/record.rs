//! A mutator's record: what its thread uses inside regions, and the collector while it acts for it from outside.
//!
//! I1. All fields but the atomics and the locked ones belong to whoever holds the state word: the mutator's thread while
//!     INSIDE, the collector while ACTING (`safepoint` I1).
//! I2. The mode changes in `answer` alone.

use std::cell::{Cell, UnsafeCell};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Instant;

use allocator::{Birth, Cache};

use crate::heap::HeapCore;
use crate::locals::LocalStack;
use crate::mode::{Handshake, Mode};
use crate::safepoint::{StateWord, Waiting};
use crate::shade::ShadeSink;
use crate::stats::{Cause, Recorder};
use crate::sync::thread::{self, ThreadId};
use crate::sync::{AtomicU32, AtomicU64, Mutex, Ordering, Witness, spin_loop, yield_now};
use crate::trace::Trace;
use crate::tracer::{Sink, Tracer, abort_if_trace_panics};

/// See the module documentation.
pub(crate) struct Record {
    pub(crate) state: StateWord,
    mode: Cell<Mode>,
    /// The cycle that claims count for, from H3 to H4.
    epoch: Cell<u32>,
    cache: UnsafeCell<Cache>,
    /// The sink of barriers and of the roots' shading.
    tracer: UnsafeCell<Box<Tracer<'static>>>,
    pub(crate) locals: LocalStack,
    pub(crate) heap: Arc<HeapCore>,
    /// Safepoints left until zeal collects.
    zeal_left: Cell<u32>,
    /// What the cache had allocated when newborns became black.
    black_from: Cell<u64>,
    /// What the cache had allocated when the last assist was reckoned.
    reckoned: Cell<u64>,
    /// Bytes to scan that are left from the last one.
    pub(crate) debt: Cell<usize>,
    /// Of I1, for the models.
    data: Witness,

    /// The handshake asked for. Written by the collector before `StateWord::request` (Release), read after it is seen
    /// (Acquire).
    request: AtomicU32,
    /// When it was asked for, in nanoseconds since the heap's start. As `request`.
    requested_at: AtomicU64,
    /// Never reused; tells mutators apart.
    pub(crate) id: u64,
    pub(crate) thread: ThreadId,
    /// The thread's name.
    pub(crate) name: Option<Arc<str>>,
    /// How long its answer to the last handshake took, in nanoseconds; 0: the collector gave it. Written by whoever asks and
    /// answers (Relaxed), read by the collector behind the rendezvous.
    latency: AtomicU64,
    pub(crate) recorder: Mutex<Recorder>,
    pub(crate) counts: Counts,
}

/// What a mutator counts without a lock. Written by the mutator alone, by a load and a store; read by statistics (all
/// Relaxed).
#[derive(Debug)]
pub(crate) struct Counts {
    /// Objects shaded, up to the last answer.
    shaded: AtomicU64,
    /// As `shaded`, but to the last one.
    barrier_hits: AtomicU64,
}

impl Counts {
    fn new() -> Counts {
        Counts { shaded: AtomicU64::new(0), barrier_hits: AtomicU64::new(0) }
    }

    pub(crate) fn shaded(&self) -> u64 {
        self.shaded.load(Ordering::Relaxed)
    }

    pub(crate) fn barrier_hits(&self) -> u64 {
        self.barrier_hits.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn barrier_hit(&self) {
        self.barrier_hits.store(self.barrier_hits() + 1, Ordering::Relaxed);
    }
}

// SAFETY: I1: the state word hands the unsynchronised fields over (Release on the way out, Acquire on the way in).
unsafe impl Send for Record {}
// SAFETY: as above.
unsafe impl Sync for Record {}

impl Record {
    /// A record in the mode of the latest request. Called under the registry's lock.
    pub(crate) fn new(heap: &Arc<HeapCore>, id: u64, mode: Mode, epoch: u32) -> Record {
        let mut cache = Cache::new(&heap.arena);
        cache.set_birth(mode.birth());
        let sink = Sink::Shade(ShadeSink::new(heap.shades.clone()));
        let record = Record {
            state: StateWord::new(),
            mode: Cell::new(mode),
            epoch: Cell::new(epoch),
            cache: UnsafeCell::new(cache),
            tracer: UnsafeCell::new(Box::new(Tracer::new(heap.space, sink))),
            locals: LocalStack::new(),
            heap: heap.clone(),
            zeal_left: Cell::new(heap.config.zeal.unwrap_or(0)),
            black_from: Cell::new(0),
            reckoned: Cell::new(0),
            debt: Cell::new(0),
            data: Witness::new(),
            request: AtomicU32::new(0),
            requested_at: AtomicU64::new(0),
            id,
            thread: thread::current().id(),
            name: thread::current().name().map(Arc::from),
            latency: AtomicU64::new(0),
            recorder: Mutex::new(Recorder::default()),
            counts: Counts::new(),
        };
        record.apply_mode(mode);
        record
    }

    /// What barriers do now. One plain load.
    #[inline(always)]
    pub(crate) fn mode(&self) -> Mode {
        self.data.read();
        self.mode.get()
    }

    /// The allocation cache.
    ///
    /// # Safety
    /// The caller holds the state word (I1) and makes no second reference while the result lives.
    #[inline(always)]
    #[expect(clippy::mut_from_ref, reason = "exclusive by the state word")]
    pub(crate) unsafe fn cache(&self) -> &mut Cache {
        self.data.write();
        // SAFETY: by contract.
        unsafe { &mut *self.cache.get() }
    }

    /// The barrier's tracer.
    ///
    /// # Safety
    /// As [`cache`](Self::cache).
    #[inline(always)]
    #[expect(clippy::mut_from_ref, reason = "exclusive by the state word")]
    pub(crate) unsafe fn tracer(&self) -> &mut Tracer<'static> {
        self.data.write();
        // SAFETY: by contract.
        unsafe { &mut *self.tracer.get() }
    }

    /// The epoch that claims count for, while in Trace.
    #[inline]
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.get()
    }

    /// Bytes allocated since this was asked last, or since H3. Called inside.
    pub(crate) fn allocated_since_assist(&self) -> usize {
        // SAFETY: I1.
        let allocated = unsafe { self.cache() }.bytes_allocated();
        // Runs that were closed unused may have taken some back.
        allocated.saturating_sub(self.reckoned.replace(allocated)) as usize
    }

    // ---- regions

    /// Enters a region; answers what waits.
    #[inline(always)]
    pub(crate) fn enter(&self) {
        if !self.state.try_enter() {
            self.enter_slow();
        }
    }

    #[cold]
    #[inline(never)]
    fn enter_slow(&self) {
        let mut since = None;
        loop {
            match self.state.enter_with_waiting() {
                Waiting::Nothing | Waiting::Attention => break,
                Waiting::Request => {
                    self.answer_request();
                    break;
                }
                Waiting::Collector => {
                    since.get_or_insert_with(Instant::now);
                    if cfg!(loom) { yield_now() } else { spin_loop() }
                }
            }
        }
        if let Some(since) = since {
            self.recorder.lock().interrupted(Cause::Handshake, since.elapsed());
        }
    }

    /// Leaves a region; answers what waits. True if the owner has business outside.
    #[inline(always)]
    pub(crate) fn leave(&self) -> bool {
        if self.state.try_leave() { false } else { self.leave_slow() }
    }

    #[cold]
    #[inline(never)]
    fn leave_slow(&self) -> bool {
        loop {
            match self.state.waiting() {
                Waiting::Request => self.answer_request(),
                Waiting::Attention => {
                    if self.state.try_leave_with_attention() {
                        return true;
                    }
                }
                Waiting::Nothing | Waiting::Collector => {
                    if self.state.try_leave() {
                        return false;
                    }
                }
            }
        }
    }

    /// Whether zeal wants a collection at this safepoint.
    pub(crate) fn zeal_strikes(&self) -> bool {
        let Some(nth) = self.heap.config.zeal else { return false };
        let left = self.zeal_left.get();
        if left <= 1 {
            self.zeal_left.set(nth);
            return !self.heap.control.is_runner(); // a drop's mutator there can't wait for a cycle
        }
        self.zeal_left.set(left - 1);
        false
    }

    // ---- handshakes

    /// The collector asks. Followed by an answer, exactly one.
    pub(crate) fn ask(&self, handshake: Handshake, now: u64) {
        // Relaxed, both: published by the Release in `request`.
        self.request.store(handshake as u32, Ordering::Relaxed);
        self.requested_at.store(now, Ordering::Relaxed);
        self.latency.store(0, Ordering::Relaxed);
        self.state.request();
    }

    /// The collector answers for a mutator that is outside.
    pub(crate) fn act(&self, handshake: Handshake) -> bool {
        if !self.state.try_act() {
            return false;
        }
        self.answer(handshake);
        self.state.acted();
        self.heap.rendezvous.answered();
        true
    }

    /// How long its answer to the last handshake took, in nanoseconds; `None`: the collector gave it. Asked when all have
    /// answered.
    pub(crate) fn latency(&self) -> Option<u64> {
        // Relaxed: behind the rendezvous.
        Some(self.latency.load(Ordering::Relaxed)).filter(|&latency| latency != 0)
    }

    /// The mutator, inside, answers the request that waits.
    #[cold]
    pub(crate) fn answer_request(&self) {
        let since = Instant::now();
        // Relaxed, both: the request was seen with Acquire.
        let handshake = Handshake::from_raw(self.request.load(Ordering::Relaxed));
        let requested_at = self.requested_at.load(Ordering::Relaxed);
        self.answer(handshake);
        self.state.answered();
        let latency = self.heap.now().saturating_sub(requested_at);
        // Relaxed: published by the count of answers.
        self.latency.store(latency.max(1), Ordering::Relaxed);
        let mut recorder = self.recorder.lock();
        recorder.answered(latency);
        recorder.interrupted(Cause::Handshake, since.elapsed());
        drop(recorder);
        self.heap.rendezvous.answered();
    }

    /// Inside a region, where it allocates: answers what may be answered there (`mode` M2).
    #[inline]
    pub(crate) fn poll_in_region(&self) {
        if !self.state.should_yield() || self.state.waiting() != Waiting::Request {
            return;
        }
        // Relaxed: the request was seen with Acquire.
        // MUTATION(h1-to-h3-in-regions) Handshake::from_raw(self.request.load(Ordering::Relaxed)).suits_regions() ==> true
        if Handshake::from_raw(self.request.load(Ordering::Relaxed)).suits_regions() {
            self.answer_request();
        }
    }

    /// Does what a handshake asks for (I1, I2).
    fn answer(&self, handshake: Handshake) {
        for &step in handshake.steps() {
            self.take_step(step);
        }
    }

    fn take_step(&self, step: Handshake) {
        let mode = step.next_mode(self.mode.get());
        let set_birth = || {
            // SAFETY: I1: the caller holds the state word; no other reference to the cache lives.
            let cache = unsafe { self.cache() };
            // MUTATION(born-white-in-rooted) mode.birth() ==> if mode == Mode::Rooted { Birth::Alloc } else { Mode::birth(mode) }
            // MUTATION(born-black-in-rooted) mode.birth() ==> if mode == Mode::Rooted { Birth::Mark } else { Mode::birth(mode) }
            // MUTATION(born-white-in-trace) mode.birth() ==> if mode == Mode::Trace { Birth::Alloc } else { Mode::birth(mode) }
            cache.set_birth(mode.birth());
            cache.bytes_allocated()
        };
        match step {
            Handshake::Sync | Handshake::Wave | Handshake::Ended => {}
            Handshake::Rooted => {
                set_birth();
                // MUTATION(locals-unshaded) skip
                self.shade_locals();
            }
            Handshake::Trace => {
                let allocated = set_birth();
                self.black_from.set(allocated);
                self.reckoned.set(allocated);
                self.debt.set(0);
            }
            Handshake::Idle => {
                // MUTATION(caches-kept) self.hand_over() ==> ()
                self.hand_over();
                set_birth();
            }
            Handshake::Start | Handshake::Finish => unreachable!("these are taken in steps"),
        }
        // SAFETY: I1.
        let tracer = unsafe { self.tracer() };
        // MUTATION(answer-flushes-nothing) skip
        tracer.flush();
        let Sink::Shade(sink) = &mut tracer.sink else { unreachable!("a mutator's tracer shades") };
        match step {
            // What was shaded until H3, roots included, is where marking begins.
            Handshake::Trace => {
                // MUTATION(born-grey-kept-at-h3) skip
                sink.take_born_grey(self.heap.space);
                sink.hand_in();
            }
            // MUTATION(wave-hands-nothing-in) sink.hand_in() ==> ()
            Handshake::Wave => sink.hand_in(),
            Handshake::Ended => sink.discard(),
            _ => {}
        }
        // Relaxed: see `Counts`.
        self.counts.shaded.store(sink.shaded, Ordering::Relaxed);
        // Relaxed: written before the request, whose lock and Release publish it.
        self.epoch.set(self.heap.epoch());
        self.apply_mode(mode);
    }

    /// Sets the mode and what follows from it.
    fn apply_mode(&self, mode: Mode) {
        self.data.write();
        self.mode.set(mode);
        // SAFETY: I1.
        let tracer = unsafe { self.tracer() };
        tracer.set_claims((mode == Mode::Trace).then_some(self.epoch.get()));
        let Sink::Shade(sink) = &mut tracer.sink else { unreachable!("a mutator's tracer shades") };
        sink.set_in_trace(mode == Mode::Trace);
    }

    /// Shades the locals (at H2).
    fn shade_locals(&self) {
        // SAFETY: I1.
        let tracer = unsafe { self.tracer() };
        // SAFETY: I1.
        unsafe { self.locals.for_each(|target| tracer.edge(target)) }
    }

    /// The last act of a mutator that leaves: answers what waits, hands in what it shaded, hands over its cache. Called
    /// inside, under the registry's lock.
    pub(crate) fn retire(&self) {
        if self.state.waiting() == Waiting::Request {
            self.answer_request();
        }
        // SAFETY: I1.
        let tracer = unsafe { self.tracer() };
        tracer.flush();
        let Sink::Shade(sink) = &mut tracer.sink else { unreachable!("a mutator's tracer shades") };
        match self.mode.get() {
            // Counts in a wave that is on.
            Mode::Sync | Mode::Rooted | Mode::Trace => {
                sink.take_born_grey(self.heap.space);
                // MUTATION(leaver-takes-its-shades-along) skip
                sink.hand_in();
            }
            Mode::Idle | Mode::Ended => sink.discard(),
        }
        // Relaxed: see `Counts`.
        self.counts.shaded.store(sink.shaded, Ordering::Relaxed);
        // MUTATION(leaver-takes-its-cache-along) skip
        self.hand_over();
    }

    /// Hands the cache over, and tells how much was born black.
    fn hand_over(&self) {
        // SAFETY: I1.
        let cache = unsafe { self.cache() };
        cache.hand_over(self.heap.arena.epoch());
        if cache.birth() == Birth::Mark {
            self.heap.pacing.add_born_black(cache.bytes_allocated() - self.black_from.get());
        }
    }

    /// A run was opened: if its newborns are grey, its page is handed in at H3 (`shade` I4).
    #[inline]
    pub(crate) fn opened_run(&self, slot: NonNull<u8>) {
        if self.mode() == Mode::Rooted {
            // SAFETY: I1: inside a region.
            let tracer = unsafe { self.tracer() };
            let Sink::Shade(sink) = &mut tracer.sink else { unreachable!("a mutator's tracer shades") };
            sink.opened_grey(self.heap.space, slot);
        }
    }

    // ---- barriers

    /// When the barrier's buffer was first flushed since this was asked last.
    pub(crate) fn forget_flush(&self) -> Option<Instant> {
        // SAFETY: I1: barriers run inside regions.
        unsafe { self.tracer() }.take_flushed_at()
    }

    /// Shades what `value` holds, at the latest in the next answer (`shade` I3).
    #[inline]
    pub(crate) fn shade<'gc, T: Trace<'gc> + ?Sized>(&self, value: &T) {
        self.counts.barrier_hit();
        // SAFETY: I1: barriers run inside regions.
        let tracer = unsafe { self.tracer() };
        // SAFETY: only values of the region's own brand come here.
        let tracer = unsafe { tracer.rebrand() };
        let bomb = abort_if_trace_panics(std::any::type_name::<T>); // a claim would stay busy, and its content white
        value.trace(tracer);
        std::mem::forget(bomb);
    }

    /// Shades the target of a weak reference, in Rooted or Trace; false if it is lost.
    #[cold]
    #[inline(never)]
    pub(crate) fn try_shade(&self, target: NonNull<()>) -> bool {
        // SAFETY: I1: inside a region.
        let tracer = unsafe { self.tracer() };
        let Sink::Shade(sink) = &mut tracer.sink else { unreachable!("a mutator's tracer shades") };
        sink.try_shade(self.heap.space, target)
    }
}
