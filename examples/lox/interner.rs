//! The table of all strings that live: the library's, with a quick hash, and a place to put strings together in.

use std::cell::RefCell;

use gc_core::{AllocError, Gc, Mutation, Owned, Thin, Trace};
use rustc_hash::FxBuildHasher;

use crate::value::Text;

#[derive(Trace)]
pub(crate) struct Interner<'gc> {
    strings: gc_core::Interner<'gc, str, FxBuildHasher>,
    buffer: RefCell<String>,
}

impl<'gc> Interner<'gc> {
    pub(crate) fn new(mc: &Mutation<'gc, Owned>) -> Self {
        Interner { strings: gc_core::Interner::with_hasher(mc, FxBuildHasher), buffer: RefCell::default() }
    }

    /// The one string with this text.
    pub(crate) fn intern(&self, mc: &Mutation<'gc, Owned>, text: &str) -> Text<'gc> {
        self.strings.intern(mc, text).into()
    }

    /// The one string with the text of both.
    pub(crate) fn concatenate(
        &self,
        mc: &Mutation<'gc, Owned>,
        first: Text<'gc>,
        second: Text<'gc>,
    ) -> Result<Text<'gc>, AllocError> {
        let mut buffer = self.buffer.borrow_mut();
        buffer.clear();
        buffer.push_str(Thin::as_ref(first));
        buffer.push_str(Thin::as_ref(second));
        let text: Gc<'gc, str> =
            self.strings.get_or_try_insert_with(mc, buffer.as_str(), || mc.try_alloc_str(&buffer))?;
        Ok(text.into())
    }
}
