//! Every macro of the crate in a program that forbids unsafe code, with the warnings of a careful user denied.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, clippy::all)]

use gc_core::{DynTrace, Gc, GcCell, GcMutex, GcOnceCell, GcRefCell, GcRwLock, LocalHeap, Thin, Trace, gc_dyn, unsize};

trait Object<'gc>: DynTrace<'gc> {
    fn size(&self) -> usize;
}
gc_dyn!(Object);

#[derive(Trace)]
struct All<'gc> {
    word: GcCell<'gc, Option<Gc<'gc, All<'gc>>>>,
    text: GcRefCell<'gc, String>,
    locked: GcMutex<'gc, Vec<Gc<'gc, str>>>,
    shared: GcRwLock<'gc, Option<Gc<'gc, [u8]>>>,
    once: GcOnceCell<'gc, String>,
    #[trace(skip)]
    thread: std::thread::ThreadId,
}

impl<'gc> Object<'gc> for All<'gc> {
    fn size(&self) -> usize {
        self.text.borrow().len()
    }
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let all = || All {
            word: GcCell::new(None),
            text: GcRefCell::new(String::from("four")),
            locked: GcMutex::new(vec![mc.alloc_str("s")]),
            shared: GcRwLock::new(Some(mc.alloc_slice_copy(b"bytes"))),
            once: GcOnceCell::new(),
            thread: std::thread::current().id(),
        };
        let object = mc.alloc(all());
        object.word.set(mc, Some(object));
        object.once.get_or_init(mc, || String::from("once"));
        assert_eq!(object.once.get().map(String::as_str), Some("once"));
        assert_eq!(object.locked.lock(mc).len(), 1);
        assert_eq!(object.shared.read().unwrap().len(), 5);
        assert_eq!(object.thread, std::thread::current().id());
        assert_eq!(unsize!(object => dyn Object).size(), 4);
        let thin: Thin<'_, dyn Object> = mc.alloc_dyn(all());
        assert_eq!(thin.size(), 4);
        assert!(Thin::downcast::<All>(thin).is_some());
    });
}
