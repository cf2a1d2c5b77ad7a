//! A mutator that does what it is told, one step at a time, in whatever state it is.

/// The object type of a kind of heap, and the mutator of it.
macro_rules! actor {
    ($actor:ident, $kind:ty, $room:expr, $cell:ident, $guard:ty, $lock:ident) => {
        pub(crate) mod $actor {
            use std::mem::MaybeUninit;
            use std::sync::Mutex;
            use std::sync::atomic::Ordering;
            use std::time::Duration;

            use gc_core::*;

            use crate::world::{Did, Do, Drops, Id, LISTS, REGISTERS, ROOTS, WORDS};

            /// Counts its drop.
            #[derive(Trace)]
            pub(crate) struct Witness {
                id: Id,
                drops: Drops,
            }

            impl Drop for Witness {
                fn drop(&mut self) {
                    self.drops[self.id].fetch_add(1, Ordering::SeqCst);
                }
            }

            type Target<'gc> = Gc<'gc, Node<'gc>>;
            type List<'gc> = Vec<Target<'gc>>;

            #[derive(Trace)]
            pub(crate) struct Node<'gc> {
                witness: Witness,
                words: [GcCell<'gc, Option<Target<'gc>>>; WORDS],
                first: $cell<'gc, List<'gc>>,
                second: GcMutex<'gc, List<'gc>>,
                third: GcRwLock<'gc, List<'gc>>,
                once: GcOnceCell<'gc, Target<'gc>>,
                weak: GcCell<'gc, Option<Weak<'gc, Node<'gc>>>>,
                _room: MaybeUninit<[u8; $room]>,
            }

            enum Guard<'gc> {
                First($guard),
                Second(GcMutexGuard<'gc, 'gc, List<'gc>>),
                Third(GcRwLockWriteGuard<'gc, 'gc, List<'gc>>),
            }

            impl<'gc> Guard<'gc> {
                fn lock(mc: &Mutation<'gc, $kind>, node: Target<'gc>, list: usize) -> Guard<'gc> {
                    let node = Gc::as_ref(node);
                    match list {
                        0 => Guard::First(node.first.$lock(mc)),
                        1 => Guard::Second(node.second.lock(mc)),
                        _ => Guard::Third(node.third.write(mc)),
                    }
                }

                fn list(&mut self) -> &mut List<'gc> {
                    match self {
                        Guard::First(guard) => guard,
                        Guard::Second(guard) => guard,
                        Guard::Third(guard) => guard,
                    }
                }
            }

            pub(crate) type Handle = Root<Node<'static>, $kind>;
            pub(crate) type Roots = Mutex<[Option<Handle>; ROOTS]>;

            /// Where the next step comes from; `None`: the mutator leaves.
            pub(crate) type Turn<'a> = &'a mut dyn FnMut(Did) -> Option<Do>;

            /// Until the next `Rejoin`: true; or the end.
            pub(crate) fn serve(mutator: &mut Mutator<$kind>, roots: &Roots, drops: &Drops, turn: Turn<'_>) -> bool {
                loop {
                    let end = mutator.scope(|scope| {
                        let mut locals = Vec::new();
                        let mut did = Did::Nothing;
                        loop {
                            let Some(step) = turn(did) else { return Some(false) };
                            did = match step {
                                Do::Enter => {
                                    scope.mutate(|mc| region(mc, &mut locals, roots, drops, turn));
                                    Did::Nothing
                                }
                                Do::EndScope => return None,
                                Do::Rejoin => return Some(true),
                                Do::Step => Did::Slice(scope.collect_for(Duration::ZERO)),
                                _ => unreachable!("{step:?} is for regions"),
                            };
                        }
                    });
                    match end {
                        None => {}
                        Some(again) => return again,
                    }
                }
            }

            fn region<'gc, 's>(
                mc: &'gc ScopeMutation<'gc, 's, $kind>,
                locals: &mut Vec<Local<'s, Node<'static>>>,
                roots: &Roots,
                drops: &Drops,
                turn: Turn<'_>,
            ) {
                let mut registers: [Option<Target<'gc>>; REGISTERS] = [None; REGISTERS];
                let mut guard: Option<Guard<'gc>> = None;
                let mut did = Did::Nothing;
                loop {
                    let step = turn(did).expect("a program ends outside regions");
                    let at = |register: usize| registers[register].expect("a full register");
                    let look = |target: Option<Target<'gc>>| {
                        Did::Found(target.map(|target| {
                            assert_eq!(target.witness.drops[target.witness.id].load(Ordering::SeqCst), 0);
                            target.witness.id
                        }))
                    };
                    did = Did::Nothing;
                    let fill: Option<(usize, Option<Target<'gc>>)> = match step {
                        Do::Leave => return,
                        Do::Alloc { to, id } => {
                            let node = mc.alloc(Node {
                                witness: Witness { id, drops: drops.clone() },
                                words: std::array::from_fn(|_| GcCell::new(None)),
                                first: $cell::new(Vec::new()),
                                second: GcMutex::new(Vec::new()),
                                third: GcRwLock::new(Vec::new()),
                                once: GcOnceCell::new(),
                                weak: GcCell::new(None),
                                _room: MaybeUninit::uninit(),
                            });
                            registers[to] = Some(node);
                            continue;
                        }
                        Do::Litter => {
                            for _ in 0..64 {
                                mc.alloc([0_u64; 512]);
                            }
                            continue;
                        }
                        Do::Load { to, from, word } => Some((to, at(from).words[word].get())),
                        Do::Store { of, word, what } => {
                            at(of).words[word].set(mc, what.map(at));
                            continue;
                        }
                        Do::Swap { of, word, what } => Some((what, at(of).words[word].swap(mc, registers[what]))),
                        Do::CompareExchange { of, word, what } => {
                            let cell = &at(of).words[word];
                            assert!(cell.compare_exchange(mc, cell.get(), registers[what]).is_ok());
                            continue;
                        }
                        Do::Lock { of, list } => {
                            guard = Some(Guard::lock(mc, at(of), list));
                            continue;
                        }
                        Do::Unlock => {
                            guard = None;
                            continue;
                        }
                        Do::Push { what } => {
                            guard.as_mut().expect("a guard is held").list().push(at(what));
                            continue;
                        }
                        Do::Pop { to } => Some((to, guard.as_mut().expect("a guard is held").list().pop())),
                        Do::Clear => {
                            guard.as_mut().expect("a guard is held").list().clear();
                            continue;
                        }
                        // A read lock is no exclusive access: no barrier.
                        Do::First { to, from, list: 2 } => Some((to, at(from).third.read().first().copied())),
                        Do::First { to, from, list } => {
                            Some((to, Guard::lock(mc, at(from), list).list().first().copied()))
                        }
                        Do::SetOnce { of, what } => {
                            let _ = at(of).once.set(mc, at(what));
                            continue;
                        }
                        Do::GetOnce { to, from } => Some((to, at(from).once.get().copied())),
                        Do::Downgrade { of, what } => {
                            at(of).weak.set(mc, Some(Gc::downgrade(at(what), mc)));
                            continue;
                        }
                        Do::Upgrade { to, from } => Some((to, at(from).weak.get().and_then(|weak| weak.upgrade(mc)))),
                        Do::Forget { which } => {
                            registers[which] = None;
                            continue;
                        }
                        Do::Root { place, what } => {
                            let root = mc.root(at(what));
                            roots.lock().unwrap()[place] = Some(root);
                            continue;
                        }
                        Do::GetRoot { to, place } => {
                            Some((to, roots.lock().unwrap()[place].as_ref().map(|root| root.get(mc))))
                        }
                        Do::MoveRoot { from, to } => {
                            let mut roots = roots.lock().unwrap();
                            if from != to {
                                roots[to] = roots[from].clone();
                                roots[from] = None;
                            }
                            continue;
                        }
                        Do::DropRoot { place } => {
                            roots.lock().unwrap()[place] = None;
                            continue;
                        }
                        Do::Local { what } => {
                            locals.push(mc.local(at(what)));
                            continue;
                        }
                        Do::GetLocal { to, which } => Some((to, Some(locals[which].get(mc)))),
                        Do::SetLocal { which, what } => {
                            locals[which].set(mc, at(what));
                            continue;
                        }
                        Do::Enter | Do::EndScope | Do::Rejoin | Do::Step => unreachable!("{step:?} is for outside"),
                    };
                    let (to, target) = fill.expect("the others have gone on");
                    registers[to] = target;
                    did = look(target);
                }
            }

            const _: () = assert!(LISTS == 3);
        }
    };
}

/// The room of an object that has a page to itself, so that marking comes to it in a step of its own.
const LONELY: usize = 7 << 10;

actor!(local, Owned, super::LONELY, GcRefCell, RefMut<'gc, List<'gc>>, borrow_mut);
actor!(shared, Shared, super::LONELY, GcMutex, GcMutexGuard<'gc, 'gc, List<'gc>>, lock);
actor!(local_close, Owned, 0, GcRefCell, RefMut<'gc, List<'gc>>, borrow_mut);
actor!(shared_close, Shared, 0, GcMutex, GcMutexGuard<'gc, 'gc, List<'gc>>, lock);
