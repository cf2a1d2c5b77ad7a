//! The state of the virtual machine between two regions: one object that a root holds, and what is not of the heap.

use std::io::{BufWriter, Stdout, Write};

use gc_core::{Gc, GcCell, Mutation, Owned, Thin, Trace};

use crate::compiler::Globals;
use crate::interner::Interner;
use crate::object::{Closure, Upvalue};
use crate::value::{Text, Value};

/// Calls that may be under way at once.
pub(crate) const FRAMES: usize = 64;

/// Slots of the stack: a power of two, so that a mask keeps an index inside.
pub(crate) const STACK: usize = FRAMES * 256;

/// What the root holds.
#[derive(Trace)]
pub(crate) struct Machine<'gc> {
    pub(crate) interner: Interner<'gc>,
    /// The name `init`.
    pub(crate) init: Text<'gc>,
    pub(crate) globals: GcCell<'gc, Thin<'gc, [GcCell<'gc, Value<'gc>>]>>,
    /// The program, while it runs and is between two regions.
    pub(crate) suspended: GcCell<'gc, Option<Gc<'gc, Suspended<'gc>>>>,
}

/// A program that stands still: made anew each time one stops, since filling a new object takes no barrier.
#[derive(Trace)]
pub(crate) struct Suspended<'gc> {
    pub(crate) stack: Gc<'gc, [Value<'gc>]>,
    pub(crate) frames: Gc<'gc, [Frame<'gc>]>,
    /// By slot, the highest last.
    pub(crate) open: Gc<'gc, [Gc<'gc, Upvalue<'gc>>]>,
}

/// A call under way.
#[derive(Trace, Clone, Copy)]
pub(crate) struct Frame<'gc> {
    pub(crate) closure: Gc<'gc, Closure<'gc>>,
    /// The next instruction.
    pub(crate) ip: u32,
    /// The stack slot of the function itself, or of `this`.
    pub(crate) base: u32,
}

/// What the machine has outside of the heap.
pub(crate) struct Host {
    pub(crate) globals: Globals,
    pub(crate) out: BufWriter<Stdout>,
    /// Safepoints until the next forced one, and how many there are from one to the next.
    pub(crate) zeal_left: u32,
    pub(crate) zeal: u32,
}

impl Host {
    /// Whether zeal has this safepoint taken.
    pub(crate) fn zeal_strikes(&mut self) -> bool {
        self.zeal_left -= 1;
        let strikes = self.zeal_left == 0;
        if strikes {
            self.zeal_left = self.zeal;
        }
        strikes
    }

    pub(crate) fn flush(&mut self) {
        if let Err(error) = self.out.flush() {
            eprintln!("Could not write to standard output: {error}.");
            std::process::exit(74);
        }
    }
}

/// The native functions, by index: each takes the arguments.
pub(crate) const NATIVES: [(&str, fn(&[Value<'_>]) -> f64); 1] = [("clock", |_| clock())];

/// Processor time of the process, in seconds.
pub(crate) fn clock() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

impl<'gc> Machine<'gc> {
    pub(crate) fn new(mc: &Mutation<'gc, Owned>, globals: &mut Globals) -> Self {
        let interner = Interner::new(mc);
        let init = interner.intern(mc, "init");
        let natives = NATIVES.iter().enumerate().map(|(index, (name, _))| {
            assert_eq!(globals.slot(name) as usize, index, "natives are the first globals");
            GcCell::new(Value::native(index))
        });
        let globals = mc.alloc_slice(natives).into();
        Machine { interner, init, globals: GcCell::new(globals), suspended: GcCell::new(None) }
    }

    /// Gives every global variable its place; new ones are undefined.
    pub(crate) fn make_globals(&self, mc: &Mutation<'gc, Owned>, count: usize) {
        let old = Thin::as_ref(self.globals.get());
        if old.len() < count {
            let value = |slot| old.get(slot).map_or(Value::UNDEFINED, GcCell::get);
            let globals = mc.alloc_slice((0..count).map(|slot| GcCell::new(value(slot))));
            self.globals.set(mc, globals.into());
        }
    }

    /// Makes a script ready to run.
    pub(crate) fn load(&self, mc: &Mutation<'gc, Owned>, script: Gc<'gc, crate::object::Function<'gc>>) {
        let upvalues = mc.alloc_slice([]).into();
        let closure = mc.alloc(Closure { function: script, upvalues });
        let suspended = Suspended {
            stack: mc.alloc_slice([Value::closure(closure)]),
            frames: mc.alloc_slice([Frame { closure, ip: 0, base: 0 }]),
            open: mc.alloc_slice([]),
        };
        self.suspended.set(mc, Some(mc.alloc(suspended)));
    }
}
