//! `Trace` for the types of other crates, each behind the feature of the crate's name.
//!
//! A crate is here if its types can *hold* a `Gc` (collections) or turn up everywhere (bytes, numbers); all other foreign
//! types go into [`Static`](super::Static) or behind `#[trace(skip)]`.

#[cfg(feature = "arrayvec")]
mod arrayvec;
#[cfg(feature = "either")]
mod either;
#[cfg(feature = "hashbrown")]
mod hashbrown;
#[cfg(feature = "indexmap")]
mod indexmap;
#[cfg(feature = "slotmap")]
mod slotmap;
#[cfg(feature = "smallvec")]
mod smallvec;
#[cfg(feature = "thin-vec")]
mod thin_vec;

#[cfg(feature = "bytes")]
super::leaves! { ::bytes::Bytes, ::bytes::BytesMut }

#[cfg(feature = "compact_str")]
super::leaves! { ::compact_str::CompactString }

#[cfg(feature = "num-bigint")]
super::leaves! { ::num_bigint::BigInt, ::num_bigint::BigUint, ::num_bigint::Sign }

#[cfg(feature = "ordered-float")]
super::leaves! { [T]: ::ordered_float::OrderedFloat<T>, ::ordered_float::NotNan<T> }
