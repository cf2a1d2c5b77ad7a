//! An interpreter of allocation programs, checked against a naive model: a map of the objects that must exist.
//!
//! A program is a list of [`Op`]s, from a property test's strategy or from a fuzzer's bytes ([`Op::decode`]). After each
//! step the allocator and the model must agree; the model knows nothing of spans, runs or bits.

use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::Arc;

use allocator::{Arena, Birth, Cache, Owner, SizeClass, Space, SweepProgress};

/// Owner words of the programs; odd ones want visits. They are addresses of nothing.
pub(crate) const OWNERS: usize = 8;
/// Caches of the programs.
pub(crate) const CACHES: usize = 3;

/// One step of a program. Numbers are taken modulo what there is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// Cache allocates `count` objects of `owner`.
    Alloc { cache: u8, owner: u8, size: u32, align_log: u8, count: u8 },
    /// Object number `index` becomes unreachable.
    Kill { index: u32 },
    /// Every object whose rank modulo `of` is not 0 becomes unreachable.
    KillMost { of: u8 },
    /// The cache's open runs are closed.
    Close { cache: u8 },
    /// Marking begins: births go through both to mark, and what is reachable gets marked.
    Mark,
    /// The cycle ends: flip, hand over, sweep. Refills get in between as `refills` allocations.
    Cycle { refills: u8, drop_guards: bool },
    /// The cache leaves; a new one takes its place.
    Leave { cache: u8 },
    /// Free memory goes back to the system: pages, and OS pages inside spans.
    Release,
}

impl Op {
    /// Reads a step from the front of `bytes`; `None` if they are used up.
    pub(crate) fn decode(bytes: &mut &[u8]) -> Option<Op> {
        fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
            let (head, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            Some(*head)
        }
        let [kind] = take(bytes)?;
        Some(match kind % 16 {
            0..8 => {
                let [cache, owner, low, high, align_log, count] = take(bytes)?;
                let size = u32::from(u16::from_le_bytes([low, high]));
                let size = if kind % 16 < 6 { size % 512 } else { size };
                Op::Alloc { cache, owner, size, align_log: align_log % 13, count }
            }
            8..10 => Op::Kill { index: u32::from_le_bytes(take(bytes)?) },
            10 => Op::Release,
            11 => Op::KillMost { of: take::<1>(bytes)?[0] },
            12 => Op::Close { cache: take::<1>(bytes)?[0] },
            13 => Op::Mark,
            14 => {
                let [refills, guards] = take(bytes)?;
                Op::Cycle { refills, drop_guards: guards % 2 == 1 }
            }
            _ => Op::Leave { cache: take::<1>(bytes)?[0] },
        })
    }
}

struct Object {
    size: usize,
    slot: usize,
    owner: Owner,
    reachable: bool,
    /// Survives the sweep to come, reachable or not.
    marked: bool,
    seed: u8,
}

/// The allocator and the model, side by side.
pub(crate) struct Machine {
    space: &'static Space,
    arena: Arc<Arena>,
    caches: Vec<Cache>,
    objects: BTreeMap<usize, Object>,
    marking: bool,
    serial: u8,
    /// Objects of each cache, ever.
    allocated: Vec<u64>,
}

/// The `n`th owner.
pub(crate) fn owner(n: usize) -> Owner {
    let n = n % OWNERS;
    let visit = if n % 2 == 1 { Owner::VISIT } else { 0 };
    Owner { word: n * 0x1000, attributes: visit | 1 }
}

impl Machine {
    pub(crate) fn new() -> Machine {
        let space = Space::global().unwrap();
        let arena = Arena::new(space).unwrap();
        let caches = (0..CACHES).map(|_| Cache::new(&arena)).collect();
        Machine {
            space,
            arena,
            caches,
            objects: BTreeMap::new(),
            marking: false,
            serial: 0,
            allocated: vec![0; CACHES],
        }
    }

    /// Runs a program, checks at its end that everything still holds what was written, and tears down.
    pub(crate) fn run(ops: impl IntoIterator<Item = Op>) {
        let mut machine = Machine::new();
        for op in ops {
            machine.step(op);
        }
        machine.finish();
    }

    pub(crate) fn step(&mut self, op: Op) {
        match op {
            Op::Alloc { cache, owner: n, size, align_log, count } => {
                let cache = cache as usize % CACHES;
                let few = if size > 4096 { count % 4 } else { count };
                for _ in 0..=few {
                    self.alloc(cache, owner(n as usize), size as usize, 1 << align_log.min(12));
                }
            }
            Op::Kill { index } => {
                let count = self.objects.len().max(1);
                if let Some(object) = self.objects.values_mut().nth(index as usize % count) {
                    object.reachable = false;
                }
            }
            Op::KillMost { of } => {
                for (i, object) in self.objects.values_mut().enumerate() {
                    object.reachable &= i % (of as usize).max(1) == 0;
                }
            }
            Op::Close { cache } => {
                let n = cache as usize % CACHES;
                self.caches[n].close_runs();
                assert_eq!(self.caches[n].objects_allocated(), self.allocated[n]);
            }
            Op::Mark => self.mark(),
            Op::Cycle { refills, drop_guards } => self.cycle(refills, drop_guards),
            Op::Release => {
                self.arena.release_free_pages().unwrap();
                self.space.release_free(usize::MAX).unwrap();
                self.objects.keys().for_each(|&addr| self.check(addr));
            }
            Op::Leave { cache } => {
                let n = cache as usize % CACHES;
                let birth = self.caches[n].birth();
                self.caches[n] = Cache::new(&self.arena);
                self.caches[n].set_birth(birth);
                self.allocated[n] = 0;
            }
        }
    }

    fn alloc(&mut self, n: usize, owner: Owner, size: usize, align: usize) {
        let cache = &mut self.caches[n];
        let (slot, room) = match SizeClass::of(size, align) {
            Some(class) => {
                let slot = match owner.word {
                    0 => cache.bump_plain(class),
                    word => cache.bump(word, class),
                };
                let slot = NonNull::new(slot).unwrap_or_else(|| cache.refill(owner, class).unwrap());
                (slot, class.slot_size())
            }
            None => {
                let slot = cache.alloc_large(owner, size, align).unwrap();
                (slot, size.next_multiple_of(allocator::PAGE_SIZE))
            }
        };
        let addr = slot.as_ptr().addr();
        assert_eq!(addr % align, 0, "alignment");
        assert!(self.space.contains(addr) && self.space.contains(addr + room - 1));
        if let Some((&before, object)) = self.objects.range(..=addr).next_back() {
            assert!(before + object.slot <= addr, "{addr:#x} lies in a slot in use");
        }
        if let Some((&after, _)) = self.objects.range(addr..).next() {
            assert!(addr + room <= after, "{addr:#x} reaches into the next slot in use");
        }
        let span = self.space.span_of(addr).expect("a slot has a span");
        assert_eq!((span.owner(), span.slot_size()), (owner, room));
        assert_eq!(
            self.space.page_flags(self.space.page_of(addr)).load(std::sync::atomic::Ordering::Relaxed) & 15,
            owner.attributes
        );
        let birth = cache.birth();
        let want = (birth != Birth::Mark, birth != Birth::Alloc);
        assert_eq!(self.space.slot_bits(addr), want, "birth bits");
        self.serial = self.serial.wrapping_add(1);
        let seed = self.serial;
        // SAFETY: the slot is ours and has this size.
        unsafe { slot.write_bytes(seed, room) };
        let marked = birth != Birth::Alloc;
        self.objects.insert(addr, Object { size: room, slot: room, owner, reachable: true, marked, seed });
        self.allocated[n] += 1;
    }

    fn mark(&mut self) {
        if self.marking {
            return;
        }
        self.marking = true;
        for birth in [Birth::Both, Birth::Mark] {
            for cache in &mut self.caches {
                cache.set_birth(birth);
            }
            for n in 0..CACHES {
                self.alloc(n, owner(n), 24, 8);
            }
        }
        for (&addr, object) in &mut self.objects {
            if object.reachable && !object.marked {
                assert!(self.space.mark(addr));
                object.marked = true;
            }
            if addr % 3 == 0 {
                self.space.take_both(self.space.page_of(addr));
            }
        }
    }

    fn cycle(&mut self, refills: u8, drop_guards: bool) {
        self.mark();
        let epoch = self.arena.flip();
        for n in 0..CACHES {
            // Caches of both epochs at work.
            for i in 0..CACHES {
                self.alloc(i, owner(n + 1), 100 * n, 8);
            }
            self.caches[n].hand_over(epoch);
            self.caches[n].set_birth(Birth::Alloc);
        }
        self.marking = false;
        self.arena.allow_sweep();
        // What is not marked and not of the new epoch dies.
        let mut dead: BTreeMap<usize, Owner> = BTreeMap::new();
        let (mut live, mut live_bytes) = (0, 0);
        let mut newborn = Vec::new();
        for (&addr, object) in &self.objects {
            let (_, mark) = self.space.slot_bits(addr);
            assert_eq!(mark, object.marked);
            if object.marked {
                (live, live_bytes) = (live + 1, live_bytes + object.slot as u64);
            } else if object.reachable {
                newborn.push(addr);
            } else {
                dead.insert(addr, object.owner);
            }
        }
        // Reachable and unmarked: of the new epoch. They were born after the hand-over.
        for addr in newborn {
            assert_eq!(self.space.slot_bits(addr), (true, false));
        }
        for addr in dead.keys() {
            self.check(*addr);
            if !dead[addr].visit() {
                self.objects.remove(addr);
            }
        }
        dead.retain(|_, owner| owner.visit());
        for i in 0..refills {
            self.alloc(i as usize % CACHES, owner(i as usize * 2), 16 << (i % 6), 8);
        }
        while let Some(mut visit) = self.arena.take_visit() {
            let mut handed = 0;
            while let Some(slot) = visit.next_dead() {
                let addr = slot.as_ptr().addr();
                let owner = dead.remove(&addr).expect("a slot is visited once, if it is dead");
                assert_eq!((owner, self.objects[&addr].slot), (visit.owner(), visit.slot_size()));
                self.check(addr);
                self.objects.remove(&addr);
                handed += 1;
                if drop_guards && handed % 3 == 0 {
                    break;
                }
            }
            if !drop_guards {
                visit.finish();
            }
        }
        assert!(dead.is_empty(), "{} dead slots were not visited", dead.len());
        while self.arena.sweep(3, &mut |_| ()) == SweepProgress::More {}
        assert_eq!((self.arena.live_objects(), self.arena.live_bytes()), (live, live_bytes));
        for object in self.objects.values_mut() {
            object.marked = false;
        }
        for &addr in self.objects.keys() {
            assert_eq!(self.space.slot_bits(addr), (true, false), "after the sweep");
        }
    }

    /// The object still holds what was written into it.
    fn check(&self, addr: usize) {
        let object = &self.objects[&addr];
        // SAFETY: the slot was handed out with this size, and the model says that it is still in use.
        let bytes = unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance::<u8>(addr), object.size) };
        assert!(bytes.iter().all(|&b| b == object.seed), "{addr:#x} was overwritten");
    }

    /// Checks all contents, then tears the arena down.
    pub(crate) fn finish(mut self) {
        for &addr in self.objects.keys() {
            self.check(addr);
        }
        self.caches.clear();
        let mut objects = std::mem::take(&mut self.objects);
        self.arena.teardown(&mut |owner, slot| {
            let object = objects.remove(&slot.as_ptr().addr()).expect("a slot in use is visited once");
            assert_eq!(object.owner, owner);
        });
        assert!(objects.values().all(|object| !object.owner.visit()));
        for &addr in objects.keys() {
            assert!(
                self.space.span_of(addr).is_none_or(|span| span.base() != addr || span.owner().word < OWNERS * 0x1000)
            );
        }
        assert!(self.arena.class_stats().iter().all(|class| class.spans == 0 && class.bytes == 0));
    }
}
