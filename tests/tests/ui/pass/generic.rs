//! Code generic over contents and over the kind of heap: a stack, and an owner of roots that makes what it owns.

#![forbid(unsafe_code)]

use gc_core::{
    BrandedBy, Gc, GcMutex, Heap, Kind, LocalHeap, Mutation, Mutator, Pointee, Rebrand, Root, Storable, Trace,
};

#[derive(Trace)]
struct Stack<'gc, T> {
    items: GcMutex<'gc, Vec<T>>,
}

impl<'gc, T: Trace<'gc>> Stack<'gc, T> {
    fn new() -> Self {
        Stack { items: GcMutex::new(Vec::new()) }
    }

    fn push<S: Kind>(&self, mc: &Mutation<'gc, S>, item: T) {
        self.items.lock(mc).push(item);
    }

    fn pop<S: Kind>(&self, mc: &Mutation<'gc, S>) -> Option<T> {
        self.items.lock(mc).pop()
    }
}

/// Reads only.
struct Owner<T: Pointee, S: Kind> {
    roots: Vec<Root<T, S>>,
}

impl<T: Rebrand, S: Kind> Owner<T, S> {
    fn with<R>(&self, mutator: &mut Mutator<S>, mut f: impl for<'gc> FnMut(Gc<'gc, T::With<'gc>>) -> R) -> Vec<R> {
        mutator.mutate(|mc| self.roots.iter().map(|root| f(root.get(mc))).collect())
    }
}

/// Creates too.
impl<T: Rebrand, S: Kind> Owner<T, S>
where
    for<'a> T::With<'a>: Trace<'a> + BrandedBy<'a> + Rebrand<With<'static> = T> + Storable<S>,
{
    fn add(&mut self, mutator: &mut Mutator<S>, value: impl for<'gc> FnOnce(&Mutation<'gc, S>) -> T::With<'gc>) {
        let root = mutator.mutate(|mc| {
            let value = value(mc);
            mc.root(mc.alloc(value))
        });
        self.roots.push(root);
    }
}

fn run<S: Kind>(mutator: &mut Mutator<S>)
where
    String: Storable<S>,
    i32: Storable<S>,
    for<'a> Stack<'a, Gc<'a, String>>: Storable<S>,
    for<'a> Option<Gc<'a, i32>>: Storable<S>,
{
    let stack: Root<Stack<'static, Gc<'static, String>>, S> = mutator.mutate(|mc| {
        let stack = mc.alloc(Stack::new());
        stack.push(mc, mc.alloc(String::from("one")));
        stack.push(mc, mc.alloc(String::from("two")));
        mc.root(stack)
    });
    mutator.collect();
    mutator.mutate(|mc| {
        let stack = stack.get(mc);
        assert_eq!(stack.pop(mc).as_deref().map(String::as_str), Some("two"));
        assert_eq!(stack.pop(mc).as_deref().map(String::as_str), Some("one"));
        assert!(stack.pop(mc).is_none());
    });
    let mut owner = Owner::<Option<Gc<'static, i32>>, S> { roots: Vec::new() };
    for number in 0..10 {
        owner.add(mutator, |mc| Some(mc.alloc(number)));
    }
    mutator.collect();
    let numbers = owner.with(mutator, |number| number.map_or(0, |number| *number));
    assert_eq!(numbers.iter().sum::<i32>(), 45);
}

fn main() {
    run(&mut LocalHeap::new().mutator().unwrap());
    run(&mut Heap::new().mutator().unwrap());
}
