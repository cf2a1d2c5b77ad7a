//! `dyn Trait` in the heap: [`gc_dyn!`](crate::gc_dyn) makes a trait's objects known to the collector,
//! [`unsize!`](crate::unsize) turns a `Gc` to a struct into a `Gc` to such an object.
//!
//! Both take user tokens only outside of `unsafe`, and only as names and types.

/// A `dyn Trait` type that [`gc_dyn!`](crate::gc_dyn) has made known: the only targets of [`unsize!`](crate::unsize).
///
/// A slice must not be one: where a slice of the heap keeps its length, an array has none.
///
/// # Safety
///
/// `Self` is a `dyn Trait` type.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a `Gc` can't be converted to `{Self}`: the collector doesn't know this type",
    note = "for a `dyn Trait` of your own: `gc_dyn!(Trait)`; slices are made by `mc.alloc_slice`"
)]
pub unsafe trait GcDyn {}

/// A `T` can stand behind the `dyn Trait` that is `Self`: what [`Mutation::alloc_dyn`](crate::Mutation::alloc_dyn) demands.
/// Implemented by [`gc_dyn!`](crate::gc_dyn) for every `T` with the trait.
///
/// # Safety
///
/// `unsize` returns its argument, coerced.
#[diagnostic::on_unimplemented(
    message = "a `{T}` can't stand behind `{Self}`",
    note = "it must implement the trait, and the trait be known to the collector: `gc_dyn!(Trait)`"
)]
pub unsafe trait DynFrom<T>: GcDyn {
    /// The pointer, unsized.
    #[doc(hidden)]
    fn unsize(pointer: *const T) -> *const Self;
}

/// Makes the objects of a trait known to the collector: implements [`Trace`](trait@crate::Trace) and
/// [`Pointee`](crate::Pointee) for `dyn Trait<'gc> + 'gc` and `dyn Trait<'gc> + Send + Sync + 'gc`.
///
/// The trait has the brand as its first parameter, and [`DynTrace`](crate::DynTrace) as a supertrait:
/// `trait Callable<'gc>: DynTrace<'gc>`. It can be given by a path, and further parameters (types that are `'static`) are
/// declared in front: `gc_dyn!(<S: Kind> vm::Callable<S>)`.
///
/// ```
/// use gc_core::{gc_dyn, unsize, DynTrace, Gc, LocalHeap, Root, Owned, Trace};
///
/// trait Object<'gc>: DynTrace<'gc> {
///     fn name(&self) -> String;
/// }
/// gc_dyn!(Object);
///
/// #[derive(Trace)]
/// struct Class<'gc> {
///     name: Gc<'gc, str>,
/// }
///
/// impl<'gc> Object<'gc> for Class<'gc> {
///     fn name(&self) -> String {
///         self.name.to_string()
///     }
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// let root: Root<dyn Object<'static>, Owned> = mutator.mutate(|mc| {
///     let class = mc.alloc(Class { name: mc.alloc_str("point") });
///     mc.root(unsize!(class => dyn Object))
/// });
/// mutator.mutate(|mc| assert_eq!(root.get(mc).name(), "point"));
/// ```
#[macro_export]
macro_rules! gc_dyn {
    ($(<$($param:ident $(: $bound:ident $(+ $more:ident)*)?),+ $(,)?>)? $first:ident $(:: $rest:ident)* $(<$($arg:ident),+ $(,)?>)?) => {
        $crate::__gc_dyn! {
            [$($($param [$($bound $(+ $more)*)?]),+)?] [$first $(:: $rest)*] [$($($arg),+)?] []
        }
        $crate::__gc_dyn! {
            [$($($param [$($bound $(+ $more)*)?]),+)?] [$first $(:: $rest)*] [$($($arg),+)?] [Send Sync]
        }
    };
}

/// One set of implementations for [`gc_dyn!`](crate::gc_dyn): `[parameters] [path] [arguments] [auto traits]`.
#[doc(hidden)]
#[macro_export]
macro_rules! __gc_dyn {
    (
        [$($param:ident [$($bound:ident $(+ $more:ident)*)?]),*]
        [$first:ident $(:: $rest:ident)*]
        [$($arg:ident),*]
        [$($auto:ident)*]
    ) => {
        // SAFETY: the object's own `Trace`, through the supertrait `DynTrace` for the same brand.
        unsafe impl<'gc $(, $param: 'static $(+ $bound $(+ $more)*)?)*> $crate::Trace<'gc>
            for dyn $first $(:: $rest)*<'gc $(, $arg)*> $(+ ::core::marker::$auto)* + 'gc
        {
            const HOLDS_GC: bool = true;

            fn trace(&self, tracer: &mut $crate::Tracer<'gc>) {
                $crate::DynTrace::<'gc>::dyn_trace(self, tracer);
            }
        }

        // SAFETY: T3. The brand stands in two places, both are replaced; the parameters are `'static`.
        unsafe impl<'gc $(, $param: 'static $(+ $bound $(+ $more)*)?)*> $crate::Pointee
            for dyn $first $(:: $rest)*<'gc $(, $arg)*> $(+ ::core::marker::$auto)* + 'gc
        {
            type With<'a> = dyn $first $(:: $rest)*<'a $(, $arg)*> $(+ ::core::marker::$auto)* + 'a;
        }

        // SAFETY: a `dyn` type.
        unsafe impl<'gc $(, $param: 'static $(+ $bound $(+ $more)*)?)*> $crate::__private::GcDyn
            for dyn $first $(:: $rest)*<'gc $(, $arg)*> $(+ ::core::marker::$auto)* + 'gc
        {
        }

        // SAFETY: a coercion.
        unsafe impl<'gc $(, $param: 'static $(+ $bound $(+ $more)*)?)*, __T> $crate::DynFrom<__T>
            for dyn $first $(:: $rest)*<'gc $(, $arg)*> $(+ ::core::marker::$auto)* + 'gc
        where
            __T: $first $(:: $rest)*<'gc $(, $arg)*> $(+ ::core::marker::$auto)* + 'gc,
        {
            fn unsize(pointer: *const __T) -> *const Self {
                pointer
            }
        }

        // SAFETY: asks the object's span, which was made for this `dyn` type: no other way leads to a `Thin` of it.
        unsafe impl<'gc $(, $param: 'static $(+ $bound $(+ $more)*)?)*> $crate::ThinTarget
            for dyn $first $(:: $rest)*<'gc $(, $arg)*> $(+ ::core::marker::$auto)* + 'gc
        {
            unsafe fn fatten(object: ::core::ptr::NonNull<()>) -> ::core::ptr::NonNull<Self> {
                // SAFETY: by contract.
                unsafe { $crate::__private::fatten_dyn(object) }
            }
        }
    };
}

/// Converts a `Gc` to a struct into a `Gc` to a trait object: `unsize!(gc => dyn Object)`.
///
/// The same object and the same address; it costs nothing. The trait must be known through [`gc_dyn!`](crate::gc_dyn). It
/// is a macro because a conversion of pointers of one's own can't be written for all traits in stable Rust.
///
/// ```
/// # use gc_core::{gc_dyn, unsize, DynTrace, Gc, LocalHeap, Trace};
/// # trait Object<'gc>: DynTrace<'gc> { fn id(&self) -> u32; }
/// # gc_dyn!(Object);
/// # #[derive(Trace)]
/// # struct Point;
/// # impl<'gc> Object<'gc> for Point { fn id(&self) -> u32 { 7 } }
/// # let heap = LocalHeap::new();
/// # let mut mutator = heap.mutator().unwrap();
/// # mutator.mutate(|mc| {
/// let object = unsize!(mc.alloc(Point) => dyn Object);
/// assert_eq!(object.id(), 7);
/// # });
/// ```
#[macro_export]
macro_rules! unsize {
    ($gc:expr => $target:ty) => {{
        let gc = $gc;
        // SAFETY: the closure is a coercion (not a cast, which could change lifetimes) of its argument; the check below
        // makes it one to a `dyn` type.
        let object = unsafe { $crate::Gc::__coerce::<$target, _>(gc, |pointer| pointer) };
        $crate::__private::known_dyn(object)
    }};
}

/// `gc`, if its target is a `dyn` type that the collector knows.
#[doc(hidden)]
#[inline(always)]
pub fn known_dyn<'gc, T: ?Sized + GcDyn>(gc: crate::Gc<'gc, T>) -> crate::Gc<'gc, T> {
    gc
}
