//! A NaN-boxed value word, and a small stack machine that computes with it.
//!
//! ```text
//!   a number              any double but the NaNs below          (the one NaN is 7ff8 0000 0000 0000)
//!   an integer            fff9 | 0000 | 32 bits
//!   nil, false, true      fffa | 0, 1, 2
//!   a pair                fffc | 48 bits of address
//! ```
//!
//! N1. A word with the tag `fffc` was made by [`Value::pair`] from a `Gc` of the same brand: its low 48 bits, and its
//!     provenance, are the pointer's. All other words have no provenance.
//! N2. User-space addresses have at most 47 bits on the targets this is for, so the tag never hides one.
//!
//! Everything `unsafe` of a user's value word is in [`value`]; the machine is safe code.

use gc_core::{Config, GcRefCell, LocalHeap, Mutation, Owned, Trace};

use value::{Pair, Value};

mod value {
    use std::marker::PhantomData;
    use std::ptr::without_provenance_mut;

    use gc_core::{Gc, GcCell, Rebrand, Trace, Tracer, Word};

    const TAG: usize = 0xffff << 48;
    const INT: usize = 0xfff9 << 48;
    const SPECIAL: usize = 0xfffa << 48;
    const PAIR: usize = 0xfffc << 48;
    const NAN: u64 = 0x7ff8 << 48;

    /// One word. Kept as a pointer, for the provenance of those that are one.
    #[derive(Clone, Copy)]
    pub(crate) struct Value<'gc> {
        word: *mut (),
        _brand: PhantomData<Gc<'gc, Pair<'gc>>>,
    }

    /// A pair whose two halves can be changed.
    #[derive(Trace)]
    pub(crate) struct Pair<'gc> {
        pub(crate) head: GcCell<'gc, Value<'gc>>,
        pub(crate) tail: GcCell<'gc, Value<'gc>>,
    }

    /// What a value is, for `match`.
    #[derive(Clone, Copy)]
    pub(crate) enum Kind<'gc> {
        Number(f64),
        Int(i32),
        Nil,
        Bool(bool),
        Pair(Gc<'gc, Pair<'gc>>),
    }

    impl<'gc> Value<'gc> {
        pub(crate) const NIL: Self = Self::plain(SPECIAL);

        /// A word that is no pointer.
        const fn plain(bits: usize) -> Self {
            Value { word: without_provenance_mut(bits), _brand: PhantomData }
        }

        pub(crate) fn number(number: f64) -> Self {
            Self::plain(if number.is_nan() { NAN } else { number.to_bits() } as usize)
        }

        pub(crate) fn int(int: i32) -> Self {
            Self::plain(INT | int as u32 as usize)
        }

        pub(crate) fn bool(bool: bool) -> Self {
            Self::plain(SPECIAL + 1 + usize::from(bool))
        }

        pub(crate) fn pair(pair: Gc<'gc, Pair<'gc>>) -> Self {
            let word = Gc::into_raw(pair).cast_mut().map_addr(|address| address | PAIR);
            Value { word, _brand: PhantomData }
        }

        pub(crate) fn kind(self) -> Kind<'gc> {
            let bits = self.word.addr();
            match bits & TAG {
                INT => Kind::Int(bits as u32 as i32),
                SPECIAL => match bits & !TAG {
                    0 => Kind::Nil,
                    bit => Kind::Bool(bit == 2),
                },
                PAIR => {
                    let pointer = self.word.map_addr(|address| address & !TAG);
                    // SAFETY: N1: from `into_raw` of this brand, and kept alive: a `Value<'gc>` exists in its region
                    // only, and stands where the collector sees it otherwise (`trace`).
                    Kind::Pair(unsafe { Gc::from_raw(pointer) })
                }
                _ => Kind::Number(f64::from_bits(bits as u64)),
            }
        }
    }

    // SAFETY: passes the one pointer that a value can hold to the tracer, and reads nothing else.
    unsafe impl<'gc> Trace<'gc> for Value<'gc> {
        const HOLDS_GC: bool = true;

        fn trace(&self, tracer: &mut Tracer<'gc>) {
            if let Kind::Pair(pair) = self.kind() {
                tracer.field(&pair);
            }
        }
    }

    // SAFETY: substitutes the brand and nothing else.
    unsafe impl Rebrand for Value<'_> {
        type With<'a> = Value<'a>;
    }

    // SAFETY: the word is the value, and `Trace` reports its pointer.
    unsafe impl<'gc> Word<'gc> for Value<'gc> {
        fn into_raw(self) -> *mut () {
            self.word
        }

        unsafe fn from_raw(word: *mut ()) -> Self {
            Value { word, _brand: PhantomData }
        }
    }
}

/// The instructions. Operands are taken from the stack, results put there.
#[derive(Clone, Copy)]
enum Op {
    Int(i32),
    Number(f64),
    Nil,
    Bool(bool),
    /// Copies the item at this place, counted from the bottom.
    Get(usize),
    /// Moves the top to this place.
    Set(usize),
    Add,
    Less,
    Remainder,
    Pair,
    Head,
    /// `pair value --`: makes `value` the pair's tail.
    SetTail,
    JumpIfNot(usize),
    Jump(usize),
    Halt,
}

type Stack<'gc> = GcRefCell<'gc, Vec<Value<'gc>>>;

/// The state of a machine between two regions. What it points to is rooted; the rest is plain Rust.
#[derive(Trace)]
struct Machine<'gc> {
    stack: Stack<'gc>,
}

/// Runs until the program ends (true) or the collector asks for the thread.
fn run<'gc>(mc: &Mutation<'gc, Owned>, machine: &Machine<'gc>, program: &[Op], at: &mut usize) -> bool {
    // One borrow for the region: the barrier runs once, not for each push.
    let mut stack = machine.stack.borrow_mut(mc);
    let stack = &mut *stack;
    loop {
        let op = program[*at];
        *at += 1;
        match op {
            Op::Int(int) => stack.push(Value::int(int)),
            Op::Number(number) => stack.push(Value::number(number)),
            Op::Nil => stack.push(Value::NIL),
            Op::Bool(bool) => stack.push(Value::bool(bool)),
            Op::Get(place) => stack.push(stack[place]),
            Op::Set(place) => stack[place] = pop(stack),
            Op::Add => {
                let (b, a) = (pop(stack), pop(stack));
                stack.push(match (a.kind(), b.kind()) {
                    (value::Kind::Int(a), value::Kind::Int(b)) => Value::int(a.wrapping_add(b)),
                    _ => Value::number(number(a) + number(b)),
                });
            }
            Op::Less => {
                let (b, a) = (pop(stack), pop(stack));
                stack.push(Value::bool(number(a) < number(b)));
            }
            Op::Remainder => {
                let (b, a) = (pop(stack), pop(stack));
                stack.push(Value::number(number(a) % number(b)));
            }
            Op::Pair => {
                let (tail, head) = (pop(stack), pop(stack));
                let pair = Pair { head: gc_core::GcCell::new(head), tail: gc_core::GcCell::new(tail) };
                stack.push(Value::pair(mc.alloc(pair)));
            }
            Op::Head => {
                let pair = pair(pop(stack));
                stack.push(pair.head.get());
            }
            Op::SetTail => {
                let (tail, pair) = (pop(stack), pair(pop(stack)));
                pair.tail.set(mc, tail);
            }
            Op::JumpIfNot(target) => {
                if let value::Kind::Bool(false) | value::Kind::Nil = pop(stack).kind() {
                    *at = target;
                }
            }
            Op::Jump(target) => {
                *at = target;
                // Whatever runs for long jumps back.
                if mc.should_yield() {
                    return false;
                }
            }
            Op::Halt => return true,
        }
    }
}

fn pop<'gc>(stack: &mut Vec<Value<'gc>>) -> Value<'gc> {
    stack.pop().expect("the program leaves what it takes")
}

fn number(value: Value<'_>) -> f64 {
    match value.kind() {
        value::Kind::Number(number) => number,
        value::Kind::Int(int) => int.into(),
        _ => panic!("not a number"),
    }
}

fn pair<'gc>(value: Value<'gc>) -> gc_core::Gc<'gc, Pair<'gc>> {
    match value.kind() {
        value::Kind::Pair(pair) => pair,
        _ => panic!("not a pair"),
    }
}

const ROUNDS: i32 = 4_000_000;
/// Pairs in a ring before it is let go.
const RING: i32 = 100;

/// Ties rings of pairs, and lets go of each when it is closed:
///
/// ```text
/// i = 0; sum = 0.0; first = last = nil
/// while i < ROUNDS {
///     new = pair(i, nil)
///     if i % RING < 1 { if first { tail of last = first }; first = new } else { tail of last = new }
///     last = new; sum = sum + head of new + 0.5; i = i + 1
/// }
/// ```
fn rings() -> Vec<Op> {
    const I: usize = 0;
    const SUM: usize = 1;
    const FIRST: usize = 2;
    const LAST: usize = 3;
    const NEW: usize = 4;
    use Op::{Add, Bool, Get, Halt, Head, Int, Jump, JumpIfNot, Less, Nil, Number, Pair, Remainder, Set, SetTail};
    #[rustfmt::skip]
    let program = vec![
        Int(0), Number(0.0), Nil, Nil, Nil,
        /*  5 */ Get(I), Int(ROUNDS), Less, JumpIfNot(46),
        /*  9 */ Get(I), Nil, Pair, Set(NEW),
        /* 13 */ Get(I), Int(RING), Remainder, Int(1), Less, JumpIfNot(28),
        /* 19 */ Get(FIRST), JumpIfNot(24), Get(LAST), Get(FIRST), SetTail,
        /* 24 */ Get(NEW), Set(FIRST), Bool(false), JumpIfNot(31),
        /* 28 */ Get(LAST), Get(NEW), SetTail,
        /* 31 */ Get(NEW), Set(LAST),
        /* 33 */ Get(SUM), Get(NEW), Head, Add, Number(0.5), Add, Set(SUM),
        /* 40 */ Get(I), Int(1), Add, Set(I), Jump(5),
        /* 45 */ Halt,
        /* 46 */ Halt,
    ];
    program
}

fn main() {
    let heap = LocalHeap::with_config(Config::new().min_heap(1 << 20));
    let mut mutator = heap.mutator().expect("the first mutator of this heap");
    let root = mutator.mutate(|mc| mc.root(mc.alloc(Machine { stack: GcRefCell::new(Vec::new()) })));
    let (program, mut at, mut regions) = (rings(), 0, 1);
    while !mutator.mutate(|mc| run(mc, &root.get(mc), &program, &mut at)) {
        regions += 1;
    }
    let sum = mutator.mutate(|mc| number(root.get(mc).stack.borrow()[1]));
    println!("{ROUNDS} pairs in rings of {RING}, in {regions} regions; the sum is {sum}");
    assert_eq!(sum, f64::from(ROUNDS) * f64::from(ROUNDS - 1) / 2.0 + 0.5 * f64::from(ROUNDS));
    mutator.collect();
    print!("{}", examples::report(&heap.statistics()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use value::Kind;

    #[test]
    fn words_are_what_they_were() {
        for number in [0.0, -0.0, 1.5, f64::MIN, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE] {
            assert!(matches!(Value::number(number).kind(), Kind::Number(n) if n.to_bits() == number.to_bits()));
        }
        // Whatever NaN comes in, with the bits of a tag too, the one NaN comes out.
        for bits in [0x7ff8 << 48, 0xfff8 << 48, 0xfff9 << 48, 0xfffc_0000_dead_beef, u64::MAX] {
            assert!(matches!(Value::number(f64::from_bits(bits)).kind(), Kind::Number(n) if n.is_nan()));
        }
        for int in [0, 1, -1, i32::MIN, i32::MAX] {
            assert!(matches!(Value::int(int).kind(), Kind::Int(i) if i == int));
        }
        assert!(matches!(Value::NIL.kind(), Kind::Nil));
        assert!(matches!(Value::bool(true).kind(), Kind::Bool(true)));
        assert!(matches!(Value::bool(false).kind(), Kind::Bool(false)));
    }

    #[test]
    fn a_pair_is_kept_by_its_word() {
        let heap = LocalHeap::new();
        let mut mutator = heap.mutator().unwrap();
        let root = mutator.mutate(|mc| {
            let knot =
                mc.alloc(Pair { head: gc_core::GcCell::new(Value::int(7)), tail: gc_core::GcCell::new(Value::NIL) });
            knot.tail.set(mc, Value::pair(knot));
            mc.root(mc.alloc(Machine { stack: GcRefCell::new(vec![Value::pair(knot)]) }))
        });
        mutator.collect();
        assert_eq!(heap.statistics().live_objects, 2);
        mutator.mutate(|mc| {
            let knot = pair(root.get(mc).stack.borrow()[0]);
            assert_eq!(number(pair(knot.tail.get()).head.get()), 7.0);
            root.get(mc).stack.borrow_mut(mc).clear();
        });
        mutator.collect();
        assert_eq!(heap.statistics().live_objects, 1);
    }
}
