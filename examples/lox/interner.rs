//! The table of all strings that live. It keeps none of them alive.
//!
//! Open addressing with linear probing. A place of the table is a word cell, so that a store shades one handle, whatever
//! the table's size. The handles of dead strings stay until the table is full; then it is made anew from those that live.

use std::cell::{Cell, RefCell};
use std::hash::Hasher;

use gc_core::{Gc, GcCell, Mutation, Owned, Thin, Trace, Weak};
use rustc_hash::FxHasher;

use crate::value::Text;

/// Places of the first table.
const SMALLEST: usize = 256;

#[derive(Trace)]
pub(crate) struct Interner<'gc> {
    table: GcCell<'gc, Gc<'gc, Table<'gc>>>,
    /// Where strings are put together that are looked up next.
    buffer: RefCell<String>,
}

#[derive(Trace)]
struct Table<'gc> {
    hashes: Box<[Cell<u32>]>,
    places: Gc<'gc, [GcCell<'gc, Option<Weak<'gc, str>>>]>,
    /// Places in use, by the dead too.
    used: Cell<usize>,
}

impl<'gc> Table<'gc> {
    fn alloc(mc: &Mutation<'gc, Owned>, places: usize) -> Gc<'gc, Table<'gc>> {
        let hashes = vec![Cell::new(0); places].into();
        let places = mc.alloc_slice((0..places).map(|_| GcCell::new(None)));
        mc.alloc(Table { hashes, places, used: Cell::new(0) })
    }

    /// The places where a string of this hash may stand, from the first.
    fn probe(&self, hash: u32) -> impl Iterator<Item = usize> + use<'_, 'gc> {
        let mask = self.places.len() - 1;
        (0..=mask).map(move |step| (hash as usize + step) & mask)
    }

    fn insert(&self, mc: &Mutation<'gc, Owned>, hash: u32, text: Weak<'gc, str>) {
        let free = self.probe(hash).find(|&place| self.places[place].get().is_none());
        let free = free.expect("the table is never full");
        self.hashes[free].set(hash);
        self.places[free].set(mc, Some(text));
        self.used.set(self.used.get() + 1);
    }

    fn is_full(&self) -> bool {
        self.used.get() >= self.places.len() / 4 * 3
    }
}

impl<'gc> Interner<'gc> {
    pub(crate) fn new(mc: &Mutation<'gc, Owned>) -> Self {
        Interner { table: GcCell::new(Table::alloc(mc, SMALLEST)), buffer: RefCell::default() }
    }

    /// The one string with this text.
    pub(crate) fn intern(&self, mc: &Mutation<'gc, Owned>, text: &str) -> Text<'gc> {
        let hash = hash(text);
        let mut table = self.table.get();
        for place in table.probe(hash) {
            let Some(found) = table.places[place].get() else { break };
            if table.hashes[place].get() == hash
                && let Some(found) = found.upgrade(mc)
                && &*found == text
            {
                return found.into();
            }
        }
        if table.is_full() {
            table = self.rebuild(mc, table);
        }
        let new = mc.alloc_str(text);
        table.insert(mc, hash, Gc::downgrade(new, mc));
        new.into()
    }

    /// The one string with the text of both.
    pub(crate) fn concatenate(&self, mc: &Mutation<'gc, Owned>, first: Text<'gc>, second: Text<'gc>) -> Text<'gc> {
        let mut buffer = self.buffer.borrow_mut();
        buffer.clear();
        buffer.push_str(Thin::as_ref(first));
        buffer.push_str(Thin::as_ref(second));
        self.intern(mc, &buffer)
    }

    #[cold]
    fn rebuild(&self, mc: &Mutation<'gc, Owned>, old: Gc<'gc, Table<'gc>>) -> Gc<'gc, Table<'gc>> {
        let live = || {
            let all = old.places.iter().zip(&old.hashes);
            all.filter_map(|(place, hash)| place.get().filter(|text| text.upgrade(mc).is_some()).zip(Some(hash.get())))
        };
        let table = Table::alloc(mc, (live().count() * 2).next_power_of_two().max(SMALLEST));
        for (text, hash) in live() {
            table.insert(mc, hash, text);
        }
        self.table.set(mc, table);
        table
    }
}

fn hash(text: &str) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish() as u32
}
