//! `Trace` for what can change, share or hide its content behind the collector's back: only with `'static` content (R5 of
//! the API's rules; T1), which is never looked at.
//!
//! - A std cell would let a `Gc` be overwritten without the barrier, and be read while it is written.
//! - Something shared by count would be reached from two owners: traced once for each, and its cells not covered by the
//!   exclusive hold on either.
//! - `ManuallyDrop` and `MaybeUninit` may hold no value any more, or not yet.

use std::borrow::Cow;
use std::cell;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::rc;
use std::sync::{self, atomic, mpsc};

use super::{Rebrand, Trace, leaves};
use crate::tracer::Tracer;

leaves! {
    [T]: cell::Cell<T>, cell::RefCell<T>, cell::UnsafeCell<T>, cell::OnceCell<T>;
    [T]: sync::Mutex<T>, sync::RwLock<T>, sync::OnceLock<T>, atomic::AtomicPtr<T>;
    [T, F]: cell::LazyCell<T, F>, sync::LazyLock<T, F>;
    [T ?Sized]: rc::Rc<T>, rc::Weak<T>, sync::Arc<T>, sync::Weak<T>;
    [T]: mpsc::Sender<T>, mpsc::SyncSender<T>, mpsc::Receiver<T>;
    [T]: ManuallyDrop<T>, MaybeUninit<T>;
}

leaves! {
    sync::Condvar, sync::Barrier, sync::Once,
    atomic::AtomicBool,
    atomic::AtomicI8, atomic::AtomicI16, atomic::AtomicI32, atomic::AtomicI64, atomic::AtomicIsize,
    atomic::AtomicU8, atomic::AtomicU16, atomic::AtomicU32, atomic::AtomicU64, atomic::AtomicUsize,
}

// SAFETY: T1. Borrowed content is `'static`, and owned content too.
unsafe impl<'gc, B: ?Sized + ToOwned<Owned: 'static> + 'static> Trace<'gc> for Cow<'static, B> {
    const HOLDS_GC: bool = false;

    #[inline(always)]
    fn trace(&self, _: &mut Tracer<'gc>) {}
}

// SAFETY: T3. The type is `'static`: there is no brand to replace.
unsafe impl<B: ?Sized + ToOwned<Owned: 'static> + 'static> Rebrand for Cow<'static, B> {
    type With<'a> = Cow<'static, B>;
}
