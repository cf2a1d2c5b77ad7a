//! The objects of a Lox heap.
//!
//! An instance has no table of its own. Its *shape* says which field lies where: instances of a class that got the same
//! fields in the same order share one, so an instruction that has seen the shape before knows the place ([`Cache`]).
//! Shapes, caches and code are objects as any other: what a program no longer uses is collected.

use std::cell::Cell;
use std::collections::HashMap;

use gc_core::{AllocError, ByPtr, Gc, GcCell, GcRefCell, Mutation, Owned, Thin, Trace};
use rustc_hash::FxBuildHasher;

use crate::code::{Capture, Instr};
use crate::value::{Text, Value};

/// A table with names for keys, by identity: they are interned.
type ByName<'gc, V> = HashMap<ByPtr<'gc, str>, V, FxBuildHasher>;

/// Fields of an instance that lie in the instance itself.
pub(crate) const INLINE: usize = 4;

/// A compiled function.
#[derive(Trace)]
pub(crate) struct Function<'gc> {
    /// `None` for the script.
    pub(crate) name: Option<Text<'gc>>,
    pub(crate) arity: u32,
    /// The most stack slots it uses at a time, its parameters included.
    pub(crate) slots: usize,
    pub(crate) code: Box<[Instr]>,
    /// The line of each instruction.
    pub(crate) lines: Box<[u32]>,
    /// Where a closure takes its upvalues from.
    pub(crate) captures: Box<[Capture]>,
    pub(crate) constants: Gc<'gc, [Value<'gc>]>,
    pub(crate) functions: Gc<'gc, [Gc<'gc, Function<'gc>>]>,
    pub(crate) caches: Gc<'gc, [Cache<'gc>]>,
}

/// What an instruction that names a property saw last.
#[derive(Trace)]
pub(crate) struct Cache<'gc> {
    pub(crate) name: Text<'gc>,
    /// The shape that the rest holds for.
    pub(crate) shape: GcCell<'gc, Option<Gc<'gc, Shape<'gc>>>>,
    /// The shape after the store of a field that this shape has not.
    pub(crate) next: GcCell<'gc, Option<Gc<'gc, Shape<'gc>>>>,
    /// The method, if the name is one's.
    pub(crate) method: GcCell<'gc, Option<Gc<'gc, Closure<'gc>>>>,
    /// The place of the field, if it is one's.
    pub(crate) index: Cell<usize>,
}

impl<'gc> Cache<'gc> {
    pub(crate) fn new(name: Text<'gc>) -> Self {
        Cache {
            name,
            shape: GcCell::new(None),
            next: GcCell::new(None),
            method: GcCell::new(None),
            index: Cell::new(0),
        }
    }

    /// Whether this was seen with that shape.
    #[inline(always)]
    pub(crate) fn hit(&self, shape: Gc<'gc, Shape<'gc>>) -> bool {
        self.shape.get().is_some_and(|seen| Gc::ptr_eq(seen, shape))
    }
}

/// A function with its upvalues: two words.
#[derive(Trace)]
pub(crate) struct Closure<'gc> {
    pub(crate) function: Gc<'gc, Function<'gc>>,
    pub(crate) upvalues: Thin<'gc, [Gc<'gc, Upvalue<'gc>>]>,
}

/// A variable that a closure has captured.
#[derive(Trace)]
pub(crate) struct Upvalue<'gc> {
    /// The stack slot where the variable lives; [`Upvalue::CLOSED`] once it has moved to `closed`.
    pub(crate) slot: Cell<usize>,
    pub(crate) closed: GcCell<'gc, Value<'gc>>,
}

impl Upvalue<'_> {
    pub(crate) const CLOSED: usize = usize::MAX;
}

/// A method with the instance it was taken from.
#[derive(Trace)]
pub(crate) struct BoundMethod<'gc> {
    pub(crate) receiver: Value<'gc>,
    pub(crate) method: Gc<'gc, Closure<'gc>>,
}

#[derive(Trace)]
pub(crate) struct Class<'gc> {
    pub(crate) name: Text<'gc>,
    methods: GcRefCell<'gc, ByName<'gc, Gc<'gc, Closure<'gc>>>>,
    /// The method `init`, which each call of the class asks for.
    pub(crate) init: GcCell<'gc, Option<Gc<'gc, Closure<'gc>>>>,
    /// The shape of an instance without fields.
    shape: GcCell<'gc, Option<Gc<'gc, Shape<'gc>>>>,
    /// Room for fields beyond the inline ones that instances got so far: the next gets as much at once.
    more: Cell<usize>,
}

impl<'gc> Class<'gc> {
    pub(crate) fn alloc(mc: &Mutation<'gc, Owned>, name: Text<'gc>) -> Result<Gc<'gc, Class<'gc>>, AllocError> {
        let class = mc.try_alloc(Class {
            name,
            methods: GcRefCell::new(ByName::default()),
            init: GcCell::new(None),
            shape: GcCell::new(None),
            more: Cell::new(0),
        })?;
        let shape =
            mc.try_alloc(Shape { class, places: ByName::default(), next: GcRefCell::new(ByName::default()) })?;
        class.shape.set(mc, Some(shape));
        Ok(class)
    }

    /// The shape of an instance without fields.
    #[inline(always)]
    pub(crate) fn shape(&self) -> Gc<'gc, Shape<'gc>> {
        self.shape.get().expect("a class is made with its shape")
    }

    pub(crate) fn method(&self, name: Text<'gc>) -> Option<Gc<'gc, Closure<'gc>>> {
        self.methods.borrow().get(&ByPtr(Thin::gc(name))).copied()
    }

    pub(crate) fn define(
        &self,
        mc: &Mutation<'gc, Owned>,
        name: Text<'gc>,
        method: Gc<'gc, Closure<'gc>>,
        init: Text<'gc>,
    ) {
        self.methods.borrow_mut(mc).insert(ByPtr(Thin::gc(name)), method);
        if Thin::ptr_eq(name, init) {
            self.init.set(mc, Some(method));
        }
    }

    /// Copies all methods of `superclass`, before it defines its own.
    pub(crate) fn inherit(&self, mc: &Mutation<'gc, Owned>, superclass: &Class<'gc>) {
        // A class that inherits from itself is refused by the compiler when it is written so, and otherwise has nothing to
        // add.
        if !std::ptr::eq(self, superclass) {
            let methods = superclass.methods.borrow();
            self.methods.borrow_mut(mc).extend(methods.iter().map(|(&name, &method)| (name, method)));
            self.init.set(mc, superclass.init.get());
        }
    }
}

/// Which field lies where. The places count from 0; the first [`INLINE`] are in the instance.
#[derive(Trace)]
pub(crate) struct Shape<'gc> {
    pub(crate) class: Gc<'gc, Class<'gc>>,
    places: ByName<'gc, usize>,
    /// The shapes with one field more.
    next: GcRefCell<'gc, ByName<'gc, Gc<'gc, Shape<'gc>>>>,
}

impl<'gc> Shape<'gc> {
    pub(crate) fn place(&self, name: Text<'gc>) -> Option<usize> {
        self.places.get(&ByPtr(Thin::gc(name))).copied()
    }

    /// The shape with this field too, which is at its end.
    pub(crate) fn with(
        this: Gc<'gc, Shape<'gc>>,
        mc: &Mutation<'gc, Owned>,
        name: Text<'gc>,
    ) -> Result<(Gc<'gc, Shape<'gc>>, usize), AllocError> {
        let name = ByPtr(Thin::gc(name));
        let place = this.places.len();
        if let Some(&next) = this.next.borrow().get(&name) {
            return Ok((next, place));
        }
        let mut places = this.places.clone();
        places.insert(name, place);
        let next = mc.try_alloc(Shape { class: this.class, places, next: GcRefCell::new(ByName::default()) })?;
        this.next.borrow_mut(mc).insert(name, next);
        Ok((next, place))
    }
}

type Fields<'gc> = [GcCell<'gc, Value<'gc>>];

#[derive(Trace)]
pub(crate) struct Instance<'gc> {
    pub(crate) shape: GcCell<'gc, Gc<'gc, Shape<'gc>>>,
    more: GcCell<'gc, Option<Thin<'gc, Fields<'gc>>>>,
    inline: [GcCell<'gc, Value<'gc>>; INLINE],
}

impl<'gc> Instance<'gc> {
    #[inline(always)]
    pub(crate) fn alloc(
        mc: &Mutation<'gc, Owned>,
        class: Gc<'gc, Class<'gc>>,
    ) -> Result<Gc<'gc, Instance<'gc>>, AllocError> {
        mc.try_alloc(Instance {
            shape: GcCell::new(class.shape()),
            more: GcCell::new(None),
            inline: [const { Value::NIL }; INLINE].map(GcCell::new),
        })
    }

    #[inline(always)]
    fn cell(&self, place: usize) -> &GcCell<'gc, Value<'gc>> {
        match self.inline.get(place) {
            Some(cell) => cell,
            None => {
                let more = self.more.get().expect("a shape with more fields than fit has room for them");
                &Thin::as_ref(more)[place - INLINE]
            }
        }
    }

    #[inline(always)]
    pub(crate) fn get(&self, place: usize) -> Value<'gc> {
        self.cell(place).get()
    }

    #[inline(always)]
    pub(crate) fn set(&self, mc: &Mutation<'gc, Owned>, place: usize, value: Value<'gc>) {
        self.cell(place).set(mc, value);
    }

    /// Stores the field at `place`, one beyond those of the shape at hand, and takes the shape that has it.
    #[inline(always)]
    pub(crate) fn add(
        &self,
        mc: &Mutation<'gc, Owned>,
        place: usize,
        value: Value<'gc>,
        next: Gc<'gc, Shape<'gc>>,
    ) -> Result<(), AllocError> {
        if place >= INLINE {
            self.make_room(mc, place - INLINE)?;
        }
        self.cell(place).set(mc, value);
        self.shape.set(mc, next);
        Ok(())
    }

    fn make_room(&self, mc: &Mutation<'gc, Owned>, place: usize) -> Result<(), AllocError> {
        let old = self.more.get();
        let fields: &Fields<'gc> = old.map_or(&[], Thin::as_ref);
        if place < fields.len() {
            return Ok(());
        }
        let wanted = &self.shape.get().class.more;
        if place >= wanted.get() {
            wanted.set((place + 1).next_power_of_two());
        }
        let value = |place| fields.get(place).map_or(Value::NIL, GcCell::get);
        let more: Thin<'gc, Fields<'gc>> =
            mc.try_alloc_slice((0..wanted.get()).map(|at| GcCell::new(value(at))))?.into();
        self.more.set(mc, Some(more));
        Ok(())
    }
}
