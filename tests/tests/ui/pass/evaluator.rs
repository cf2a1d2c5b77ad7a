//! A recursive evaluator over scopes, which collects at every depth.

#![forbid(unsafe_code)]

use gc_core::{Config, Gc, Local, LocalHeap, Owned, Scope, Trace};

enum Expr {
    Number(i64),
    Cons(Box<Expr>, Box<Expr>),
    Sum(Box<Expr>),
}

#[derive(Trace, Clone, Copy)]
enum Value<'gc> {
    Number(i64),
    Pair(Gc<'gc, (Value<'gc>, Value<'gc>)>),
}

fn eval<'s>(scope: &mut Scope<'s, Owned>, expr: &Expr) -> Local<'s, Value<'static>> {
    scope.nested(|scope| match expr {
        Expr::Number(number) => scope.mutate(|mc| mc.local(mc.alloc(Value::Number(*number)))),
        Expr::Cons(first, second) => {
            let first = eval(scope, first);
            scope.safepoint();
            let second = eval(scope, second);
            scope.safepoint();
            scope.mutate(|mc| {
                let pair = mc.alloc((*first.get(mc), *second.get(mc)));
                mc.local(mc.alloc(Value::Pair(pair)))
            })
        }
        Expr::Sum(list) => {
            let at = eval(scope, list);
            let mut sum = 0;
            loop {
                let more = scope.mutate(|mc| match *at.get(mc) {
                    Value::Number(number) => {
                        sum += number;
                        false
                    }
                    Value::Pair(pair) => {
                        let (Value::Number(first), rest) = *pair else { panic!() };
                        sum += first;
                        at.set(mc, mc.alloc(rest));
                        true
                    }
                });
                if !more {
                    break;
                }
                scope.safepoint();
            }
            scope.mutate(|mc| mc.local(mc.alloc(Value::Number(sum))))
        }
    })
}

fn main() {
    // A collection at every third safepoint.
    let heap = LocalHeap::with_config(Config::new().zeal(3));
    let mut mutator = heap.mutator().unwrap();
    let list = (1..=40).fold(Expr::Number(0), |rest, n| Expr::Cons(Box::new(Expr::Number(n)), Box::new(rest)));
    let sum = mutator.scope(|scope| {
        let sum = eval(scope, &Expr::Sum(Box::new(list)));
        scope.mutate(|mc| match *sum.get(mc) {
            Value::Number(number) => number,
            Value::Pair(_) => panic!(),
        })
    });
    assert_eq!(sum, 820);
    assert!(heap.statistics().cycles > 40);
}
