use ::hashbrown::{HashMap, HashSet, HashTable};

use crate::trace::collections::{maps, sequences};
use crate::trace::{Rebrand, Trace};
use crate::tracer::Tracer;

sequences! { HashSet<T; H>, HashTable<T> }
maps! { HashMap<K, V; H> }
