//! Properties by way of the caches of the instructions that name them.

use gc_core::{AllocError, Gc, Mutation, Owned};

use crate::object::{Cache, Class, Closure, Instance, Shape};
use crate::value::Value;

/// What an instruction that names a property has found.
pub(crate) enum Property<'gc> {
    Field(usize),
    Method(Gc<'gc, Closure<'gc>>),
}

/// Looks a property up, and keeps what it finds for the next time.
#[cold]
#[inline(never)]
fn find<'gc>(
    mc: &Mutation<'gc, Owned>,
    cache: &Cache<'gc>,
    shape: Gc<'gc, Shape<'gc>>,
) -> Result<Property<'gc>, String> {
    let found = match (shape.place(cache.name), shape.class.method(cache.name)) {
        (Some(place), _) => Property::Field(place),
        (None, Some(method)) => Property::Method(method),
        (None, None) => return Err(format!("Undefined property '{}'.", &*cache.name)),
    };
    cache.shape.set(mc, Some(shape));
    match found {
        Property::Field(place) => {
            cache.method.set(mc, None);
            cache.index.set(place);
        }
        Property::Method(method) => cache.method.set(mc, Some(method)),
    }
    Ok(found)
}

#[inline(always)]
pub(crate) fn property<'gc>(
    mc: &Mutation<'gc, Owned>,
    cache: &Cache<'gc>,
    shape: Gc<'gc, Shape<'gc>>,
) -> Result<Property<'gc>, String> {
    if cache.hit(shape) {
        Ok(match cache.method.get() {
            None => Property::Field(cache.index.get()),
            Some(method) => Property::Method(method),
        })
    } else {
        find(mc, cache, shape)
    }
}

/// Stores a field whose place the cache does not know.
#[cold]
#[inline(never)]
fn store_new<'gc>(
    mc: &Mutation<'gc, Owned>,
    cache: &Cache<'gc>,
    instance: Gc<'gc, Instance<'gc>>,
    value: Value<'gc>,
) -> Result<(), AllocError> {
    let shape = instance.shape.get();
    let (next, place) = match shape.place(cache.name) {
        Some(place) => (None, place),
        None => {
            let (next, place) = Shape::with(shape, mc, cache.name)?;
            (Some(next), place)
        }
    };
    cache.shape.set(mc, Some(shape));
    cache.next.set(mc, next);
    cache.index.set(place);
    store(mc, cache, instance, value)
}

#[inline(always)]
pub(crate) fn store<'gc>(
    mc: &Mutation<'gc, Owned>,
    cache: &Cache<'gc>,
    instance: Gc<'gc, Instance<'gc>>,
    value: Value<'gc>,
) -> Result<(), AllocError> {
    if !cache.hit(instance.shape.get()) {
        return store_new(mc, cache, instance, value);
    }
    match cache.next.get() {
        None => {
            instance.set(mc, cache.index.get(), value);
            Ok(())
        }
        Some(next) => instance.add(mc, cache.index.get(), value, next),
    }
}

/// The method of a superclass.
pub(crate) fn super_method<'gc>(
    mc: &Mutation<'gc, Owned>,
    cache: &Cache<'gc>,
    class: Gc<'gc, Class<'gc>>,
) -> Result<Gc<'gc, Closure<'gc>>, String> {
    // The shape without fields stands for the class.
    match property(mc, cache, class.shape())? {
        Property::Method(method) => Ok(method),
        Property::Field(_) => unreachable!("the shape has no fields"),
    }
}
