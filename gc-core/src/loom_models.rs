//! Models of this crate's protocols on the shipped types, explored by loom (`ci/loom`).
//!
//! Loom runs a model's threads in every order that matters, up to a number of preemptions (`LOOM_MAX_PREEMPTIONS`), and
//! lets each load read every value that C11 allows. Plain data that a protocol protects carries a
//! [`Witness`](crate::sync::Witness), or is a `loom::cell::UnsafeCell` of the model: loom fails when two accesses to it are
//! not ordered. `SeqCst` accesses are weaker in loom than in C11, fences are not; the code needs fences only.
//!
//! Each model's header says what it shows, with which threads, and which changes of the shipped code it was seen to fail
//! with. Lines `covers:` name the atomic fields that it exercises; `ci/loom-coverage` fails if a field has none.

mod handshake;

use crate::Config;
use crate::heap::Heap;

/// Explores `model`. More branches than loom's default: a whole heap has hundreds of steps.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(2);
    builder.max_branches = 20_000;
    let executions = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = executions.clone();
    builder.check(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        model();
    });
    println!("{} executions", executions.load(std::sync::atomic::Ordering::Relaxed));
}

/// A shared heap that collects only when it is told to, with one marker.
fn heap() -> Heap {
    Heap::with_config(Config::new().markers(1).automatic(false))
}
