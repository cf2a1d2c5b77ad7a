//! A small virtual machine: values, closures with upvalues, tables, native functions, objects behind a `dyn`.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use gc_core::{DynTrace, Gc, GcCell, GcRefCell, LocalHeap, Mutation, Owned, Root, Thin, Trace, gc_dyn};

type Native = for<'gc> fn(&Mutation<'gc, Owned>, &[Value<'gc>]) -> Value<'gc>;

#[derive(Trace, Clone, Copy)]
enum Value<'gc> {
    Nil,
    Int(i64),
    Text(Thin<'gc, str>),
    Closure(Gc<'gc, Closure<'gc>>),
    Table(Gc<'gc, Table<'gc>>),
    Native(#[trace(skip)] Native),
    Object(Thin<'gc, dyn Object<'gc>>),
}

#[derive(Trace)]
struct Closure<'gc> {
    code: fn(i64) -> i64,
    upvalues: Gc<'gc, [GcRefCell<'gc, Value<'gc>>]>,
}

#[derive(Trace)]
struct Table<'gc> {
    fields: GcRefCell<'gc, HashMap<Gc<'gc, str>, Value<'gc>>>,
    meta: GcCell<'gc, Option<Gc<'gc, Table<'gc>>>>,
}

trait Object<'gc>: DynTrace<'gc> {
    fn call(&self, mc: &Mutation<'gc, Owned>) -> Value<'gc>;
}
gc_dyn!(Object);

#[derive(Trace)]
struct Counter<'gc> {
    count: std::cell::Cell<i64>,
    last: GcRefCell<'gc, Value<'gc>>,
}

impl<'gc> Object<'gc> for Counter<'gc> {
    fn call(&self, mc: &Mutation<'gc, Owned>) -> Value<'gc> {
        self.count.set(self.count.get() + 1);
        let old = self.last.get();
        self.last.set(mc, Value::Int(self.count.get()));
        old
    }
}

#[derive(Trace)]
struct Vm<'gc> {
    globals: Gc<'gc, Table<'gc>>,
    stack: GcRefCell<'gc, Vec<Value<'gc>>>,
}

fn length<'gc>(_: &Mutation<'gc, Owned>, arguments: &[Value<'gc>]) -> Value<'gc> {
    match arguments {
        [Value::Text(text)] => Value::Int(text.len() as i64),
        [Value::Table(table)] => Value::Int(table.fields.borrow().len() as i64),
        _ => Value::Nil,
    }
}

fn main() {
    assert!(size_of::<Value>() <= 16);
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let vm: Root<Vm<'static>, Owned> = mutator.mutate(|mc| {
        let globals = mc.alloc(Table { fields: GcRefCell::new(HashMap::new()), meta: GcCell::new(None) });
        globals.meta.set(mc, Some(globals));
        let mut fields = globals.fields.borrow_mut(mc);
        fields.insert(mc.alloc_str("length"), Value::Native(length));
        fields.insert(mc.alloc_str("counter"), {
            Value::Object(mc.alloc_dyn(Counter { count: Default::default(), last: GcRefCell::new(Value::Nil) }))
        });
        let upvalues = mc.alloc_slice([Value::Int(40), Value::Text(mc.alloc_str("up").into())].map(GcRefCell::new));
        fields.insert(mc.alloc_str("closure"), Value::Closure(mc.alloc(Closure { code: |x| x + 2, upvalues })));
        drop(fields);
        mc.root(mc.alloc(Vm { globals, stack: GcRefCell::new(Vec::new()) }))
    });
    for round in 0..50 {
        mutator.mutate(|mc| {
            let vm = vm.get(mc);
            let global = |name: &str| vm.globals.fields.borrow()[name];
            let Value::Native(native) = global("length") else { panic!() };
            let text = Value::Text(mc.alloc_str(&"x".repeat(round)).into());
            assert!(matches!(native(mc, &[text]), Value::Int(n) if n == round as i64));
            let Value::Closure(closure) = global("closure") else { panic!() };
            let Value::Int(base) = closure.upvalues[0].get() else { panic!() };
            assert_eq!((closure.code)(base), 42);
            let Value::Text(up) = closure.upvalues[1].get() else { panic!() };
            closure.upvalues[1].set(mc, Value::Text(mc.alloc_str(&up).into()));
            let Value::Object(object) = global("counter") else { panic!() };
            match object.call(mc) {
                Value::Nil => assert_eq!(round, 0),
                Value::Int(count) => assert_eq!(count, round as i64),
                _ => panic!(),
            }
            assert!(Thin::downcast::<Counter>(object).is_some());
            vm.stack.borrow_mut(mc).push(text);
            vm.globals.fields.borrow_mut(mc).insert(mc.alloc_str(&format!("g{round}")), text);
        });
        if round % 7 == 0 {
            mutator.collect();
        }
    }
    mutator.collect();
    mutator.mutate(|mc| {
        let vm = vm.get(mc);
        assert_eq!(vm.globals.meta.get().unwrap().fields.borrow().len(), 53);
        for (length, text) in vm.stack.borrow().iter().enumerate() {
            assert!(matches!(text, Value::Text(text) if text.len() == length));
        }
    });
}
