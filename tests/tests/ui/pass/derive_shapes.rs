//! The derive on every shape of a type.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::marker::PhantomData;

use gc_core::{Gc, GcCell, GcRefCell, LocalHeap, Owned, Root, Trace};

/// A leaf: whatever its fields are, and with a `Drop`.
#[derive(Trace)]
struct Leaf {
    command: std::process::Command,
}

impl Drop for Leaf {
    fn drop(&mut self) {
        assert_eq!(self.command.get_program(), "true");
    }
}

#[derive(Trace)]
struct Unit;

#[derive(Trace)]
struct Empty {}

#[derive(Trace, Clone, Copy)]
struct Tuple<'gc>(Gc<'gc, i32>, u8, Option<Gc<'gc, str>>);

#[derive(Trace)]
enum Json<'gc> {
    Null,
    Number(f64),
    Text(Gc<'gc, str>),
    Array(Vec<Json<'gc>>),
    Map { entries: BTreeMap<String, Json<'gc>>, order: VecDeque<usize> },
}

/// Recursive without a lifetime: a leaf that names itself.
#[derive(Trace)]
enum Plain {
    End,
    More(Box<Plain>),
}

#[derive(Trace)]
enum Never {}

#[derive(Trace)]
struct Generic<T> {
    value: T,
    all: Vec<T>,
}

#[derive(Trace)]
struct Bounded<'gc, T: Clone + PartialEq, U = u8>
where
    U: Default,
    Vec<T>: Clone,
{
    one: Gc<'gc, T>,
    two: GcRefCell<'gc, Option<U>>,
}

#[derive(Trace)]
struct Unsized<'gc, T: ?Sized> {
    target: Gc<'gc, T>,
}

#[derive(Trace)]
struct Array<'gc, const N: usize, T = i32> {
    array: [Option<Gc<'gc, T>>; N],
}

#[derive(Trace)]
struct Fixed<'gc, K: 'static, F>
where
    F: 'static,
{
    #[trace(skip)]
    key: K,
    #[trace(skip)]
    native: F,
    brand: PhantomData<Gc<'gc, K>>,
}

#[derive(Trace)]
struct Phantom<'gc, T>(PhantomData<T>, PhantomData<Gc<'gc, i32>>);

trait Named<'gc> {
    fn name(&self) -> Gc<'gc, str>;
}

#[derive(Trace)]
struct Name<'gc>(Gc<'gc, str>);

impl<'gc> Named<'gc> for Name<'gc> {
    fn name(&self) -> Gc<'gc, str> {
        self.0
    }
}

/// A bound that names the brand.
#[derive(Trace)]
struct Registry<'gc, T: Named<'gc>> {
    first: T,
    rest: HashMap<u32, Gc<'gc, T>>,
}

#[derive(Trace)]
struct r#Raw<'gc> {
    r#type: Gc<'gc, i32>,
    __field_0: GcCell<'gc, Option<Gc<'gc, i32>>>,
    tracer: u8,
}

#[derive(Trace)]
struct Skips<'gc> {
    traced: Gc<'gc, i32>,
    #[trace(skip)]
    native: for<'a> fn(Gc<'a, i32>) -> i32,
    #[trace(skip)]
    sender: std::sync::mpsc::Sender<u8>,
}

/// The crate under another path.
mod facade {
    pub mod inner {
        pub use gc_core::*;
    }
}

#[derive(facade::inner::Trace)]
#[trace(crate = "facade::inner")]
struct Renamed<'gc> {
    target: Gc<'gc, i32>,
}

macro_rules! node {
    ($name:ident, $($field:ident: $type:ty),*) => {
        #[derive(Trace)]
        struct $name<'gc> {
            brand: PhantomData<Gc<'gc, ()>>,
            $($field: $type),*
        }
    };
}
node!(FromMacro, a: i32, b: Vec<u8>);

fn sum(json: &Json<'_>) -> f64 {
    match json {
        Json::Null => 0.0,
        Json::Number(number) => *number,
        Json::Text(text) => text.len() as f64,
        Json::Array(items) => items.iter().map(sum).sum(),
        Json::Map { entries, order } => entries.values().map(sum).sum::<f64>() + order.len() as f64,
    }
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let roots: (
        Root<Tuple<'static>, Owned>,
        Root<Json<'static>, Owned>,
        Root<Bounded<'static, i32>, Owned>,
        Root<Array<'static, 3>, Owned>,
        Root<Registry<'static, Name<'static>>, Owned>,
        Root<Skips<'static>, Owned>,
        Root<Renamed<'static>, Owned>,
        Root<Unsized<'static, str>, Owned>,
        Root<r#Raw<'static>, Owned>,
        Root<Generic<Gc<'static, i32>>, Owned>,
    ) = mutator.mutate(|mc| {
        let number = mc.alloc(7);
        let text = mc.alloc_str("text");
        mc.alloc(Leaf { command: std::process::Command::new("true") });
        mc.alloc(Unit);
        mc.alloc(Empty {});
        mc.alloc(None::<Never>);
        mc.alloc(Plain::More(Box::new(Plain::End)));
        mc.alloc(Generic { value: 1, all: vec![2] });
        mc.alloc(Fixed { key: "key", native: |x: i32| x, brand: PhantomData });
        mc.alloc(Phantom::<String>(PhantomData, PhantomData));
        mc.alloc(FromMacro { brand: PhantomData, a: 1, b: Vec::new() });
        let entries = BTreeMap::from([(String::from("a"), Json::Text(text)), (String::from("b"), Json::Number(1.5))]);
        (
            mc.root(mc.alloc(Tuple(number, 1, Some(text)))),
            mc.root(mc.alloc(Json::Array(vec![Json::Null, Json::Map { entries, order: VecDeque::from([0, 1]) }]))),
            mc.root(mc.alloc(Bounded { one: number, two: GcRefCell::new(Some(3_u8)) })),
            mc.root(mc.alloc(Array { array: [Some(number), None, Some(mc.alloc(8))] })),
            mc.root(mc.alloc(Registry {
                first: Name(text),
                rest: HashMap::from([(1, mc.alloc(Name(mc.alloc_str("rest"))))]),
            })),
            mc.root(mc.alloc(Skips { traced: number, native: |x| *x, sender })),
            mc.root(mc.alloc(Renamed { target: mc.alloc(9) })),
            mc.root(mc.alloc(Unsized { target: mc.alloc_str("unsized") })),
            mc.root(mc.alloc(r#Raw { r#type: number, __field_0: GcCell::new(Some(mc.alloc(10))), tracer: 1 })),
            mc.root(mc.alloc(Generic { value: mc.alloc(11), all: vec![number, mc.alloc(12)] })),
        )
    });
    for _ in 0..2 {
        mutator.collect();
        mutator.mutate(|mc| {
            let (tuple, json, bounded, array, registry, skips, renamed, r#unsized, raw, generic) = &roots;
            let Tuple(number, one, text) = *tuple.get(mc);
            assert_eq!((*number, one, &*text.unwrap()), (7, 1, "text"));
            assert_eq!(sum(&json.get(mc)), 7.5);
            assert_eq!((*bounded.get(mc).one, bounded.get(mc).two.get()), (7, Some(3)));
            assert_eq!(array.get(mc).array.map(|entry| entry.map_or(0, |entry| *entry)), [7, 0, 8]);
            assert_eq!(&*registry.get(mc).first.name(), "text");
            assert_eq!(&*registry.get(mc).rest[&1].name(), "rest");
            assert_eq!((skips.get(mc).native)(skips.get(mc).traced), 7);
            assert!(skips.get(mc).sender.send(1).is_ok());
            assert_eq!(*renamed.get(mc).target, 9);
            assert_eq!(&*r#unsized.get(mc).target, "unsized");
            let raw = raw.get(mc);
            assert_eq!((*raw.r#type, raw.__field_0.get().map(|ten| *ten), raw.tracer), (7, Some(10), 1));
            assert_eq!((*generic.get(mc).value, *generic.get(mc).all[1]), (11, 12));
            for value in 0..100 {
                mc.alloc(value);
            }
        });
    }
    assert_eq!(receiver.try_iter().count(), 2);
}
