//! Fault injection: makes the next calls to the system, or the next allocations, fail on demand.
//!
//! Compiled with the feature `fault-injection` and in this crate's own tests; elsewhere no point is ever asked. A plan belongs to the thread that made it, so tests that run beside each other do not disturb each other.

/// A place where a request can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Reserving address space (`mmap`).
    Reserve,
    /// Returning pages to the system (`madvise`).
    Release,
    /// Taking a run or a window of pages from the page heap.
    Pages,
    /// Taking a span descriptor.
    Descriptor,
    /// Growing a table of the program's own allocator: lists of spans, buckets, entries of a cache.
    Tables,
}

#[cfg(any(test, feature = "fault-injection"))]
mod plan {
    use std::cell::RefCell;

    use super::Point;

    thread_local! {
        static PLAN: RefCell<Option<Plan>> = const { RefCell::new(None) };
    }

    #[derive(Debug)]
    struct Plan {
        point: Point,
        /// Passes before the first failure.
        skip: usize,
        /// Failures that are left.
        failures: usize,
        /// How often the point was passed.
        passes: usize,
    }

    /// Runs `f`; on this thread, passes `skip..skip + failures` of `point` fail meanwhile. Returns what `f` returned,
    /// and how often the point was passed, so that a test can try each pass in turn.
    ///
    /// # Panics
    /// If a plan is in force already.
    pub fn with<R>(point: Point, skip: usize, failures: usize, f: impl FnOnce() -> R) -> (R, usize) {
        struct Clear;
        impl Drop for Clear {
            fn drop(&mut self) {
                PLAN.set(None);
            }
        }
        let before = PLAN.replace(Some(Plan { point, skip, failures, passes: 0 }));
        assert!(before.is_none(), "one plan at a time");
        let clear = Clear;
        let result = f();
        let passes = PLAN.with_borrow(|plan| plan.as_ref().map_or(0, |plan| plan.passes));
        drop(clear);
        (result, passes)
    }

    /// Whether this pass of `point` fails.
    pub(crate) fn strikes(point: Point) -> bool {
        PLAN.with_borrow_mut(|plan| match plan {
            Some(plan) if plan.point == point => {
                let pass = plan.passes;
                plan.passes += 1;
                pass >= plan.skip && pass - plan.skip < plan.failures
            }
            _ => false,
        })
    }
}

#[cfg(any(test, feature = "fault-injection"))]
pub(crate) use plan::strikes;
#[cfg(any(test, feature = "fault-injection"))]
pub use plan::with;

/// Whether this pass of a point fails: never, without fault injection.
#[cfg(not(any(test, feature = "fault-injection")))]
#[inline(always)]
pub(crate) fn strikes(_: Point) -> bool {
    false
}
