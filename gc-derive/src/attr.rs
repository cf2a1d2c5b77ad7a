//! The `#[trace(..)]` attributes.

use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Path, Result, Token};

/// What stands on the type.
pub(crate) struct ContainerAttrs {
    /// The path of `gc_core`.
    pub(crate) krate: Path,
}

impl ContainerAttrs {
    pub(crate) fn parse(attrs: &[Attribute]) -> Result<Self> {
        let mut krate = None;
        each(attrs, |meta| {
            if meta.path.is_ident("crate") {
                if krate.is_some() {
                    return Err(meta.error("`crate` is given twice"));
                }
                krate = Some(path(&meta)?);
                Ok(())
            } else if meta.path.is_ident("skip") {
                Err(meta.error("`skip` is for fields: a type is skipped where it is a field, or as `Static<T>`"))
            } else {
                Err(meta.error("unknown option; on a type there is `crate = \"path::to::gc_core\"`"))
            }
        })?;
        let krate = match krate {
            Some(krate) => krate,
            None => syn::parse_str("::gc_core")?,
        };
        Ok(ContainerAttrs { krate })
    }
}

/// Whether a field has `#[trace(skip)]`.
pub(crate) fn is_skipped(attrs: &[Attribute]) -> Result<bool> {
    let mut skip = false;
    each(attrs, |meta| {
        if !meta.path.is_ident("skip") {
            Err(meta.error("unknown option; on a field there is `skip`"))
        } else if skip {
            Err(meta.error("`skip` is given twice"))
        } else {
            skip = true;
            Ok(())
        }
    })?;
    Ok(skip)
}

/// Refuses `#[trace(..)]` on an enum's variant.
pub(crate) fn refuse_on_variant(attrs: &[Attribute]) -> Result<()> {
    match attrs.iter().find(|attr| attr.path().is_ident("trace")) {
        Some(attr) => Err(Error::new(attr.span(), "`#[trace(..)]` is for fields and types, not for variants")),
        None => Ok(()),
    }
}

fn each(attrs: &[Attribute], mut f: impl FnMut(ParseNestedMeta<'_>) -> Result<()>) -> Result<()> {
    attrs.iter().filter(|attr| attr.path().is_ident("trace")).try_for_each(|attr| attr.parse_nested_meta(&mut f))
}

/// The value of `crate = path` or `crate = "path"`.
fn path(meta: &ParseNestedMeta<'_>) -> Result<Path> {
    let value = meta.value()?;
    if value.peek(syn::LitStr) {
        let text: syn::LitStr = value.parse()?;
        text.parse_with(Path::parse_mod_style)
    } else if value.peek(Token![::]) || value.peek(syn::Ident) || value.peek(Token![crate]) {
        value.call(Path::parse_mod_style)
    } else {
        Err(value.error("expected a path, as in `crate = \"path::to::gc_core\"`"))
    }
}
