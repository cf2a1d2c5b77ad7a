//! What a type is, by its generics alone (D2).
//!
//! Fields don't count: a constant computed from the types of the fields would be defined by itself for every recursive type,
//! and bounds on field types would send the solver round in circles.

use proc_macro2::Span;
use syn::visit::Visit;
use syn::{
    DeriveInput, Error, GenericParam, Generics, Ident, Lifetime, LifetimeParam, Path, Result, TypeParam,
    TypeParamBound, WherePredicate,
};

/// A type parameter that is rebranded with the type.
pub(crate) struct Param {
    pub(crate) ident: Ident,
    /// Declared `?Sized`: it is a `Pointee`, not a `Rebrand`.
    pub(crate) maybe_unsized: bool,
}

/// The type that the derive stands on.
pub(crate) struct Model<'a> {
    pub(crate) input: &'a DeriveInput,
    pub(crate) krate: Path,
    /// Its only lifetime.
    pub(crate) brand: Option<&'a Lifetime>,
    /// Its type parameters without those declared `'static`.
    pub(crate) params: Vec<Param>,
}

impl<'a> Model<'a> {
    pub(crate) fn new(input: &'a DeriveInput, krate: Path) -> Result<Self> {
        let generics = &input.generics;
        let mut lifetimes = generics.lifetimes();
        let brand = lifetimes.next().map(|param| &param.lifetime);
        if let Some(second) = lifetimes.next() {
            return Err(two_lifetimes(second));
        }
        let params = generics
            .type_params()
            .filter(|param| !is_static(param, generics))
            .map(|param| Param { ident: param.ident.clone(), maybe_unsized: is_maybe_unsized(param, generics) })
            .collect();
        Ok(Model { input, krate, brand, params })
    }

    /// It can't hold a `Gc`, and isn't changed by rebranding: it is `'static`.
    pub(crate) fn is_leaf(&self) -> bool {
        self.brand.is_none() && self.params.is_empty()
    }

    /// The brand that the type is traced for: its own, or a fresh one.
    pub(crate) fn brand_or_fresh(&self) -> Lifetime {
        self.brand.cloned().unwrap_or_else(|| Lifetime::new("'__gc", Span::mixed_site()))
    }

    pub(crate) fn is_rebranded(&self, ident: &Ident) -> bool {
        self.params.iter().any(|param| param.ident == *ident)
    }
}

fn two_lifetimes(second: &LifetimeParam) -> Error {
    Error::new_spanned(
        second,
        "a type that derives `Trace` has one lifetime, the brand of its heap: an object lives as long as it is reachable, \
         so it can't borrow from anywhere else (own the data, or use `&'static`)",
    )
}

/// All the bounds that the declaration puts on the parameter, inline and behind `where`.
fn bounds_of<'g>(param: &'g TypeParam, generics: &'g Generics) -> impl Iterator<Item = &'g TypeParamBound> {
    let predicates = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let from_where = predicates.filter_map(move |predicate| match predicate {
        WherePredicate::Type(predicate) if names(&predicate.bounded_ty, &param.ident) => Some(&predicate.bounds),
        _ => None,
    });
    param.bounds.iter().chain(from_where.flatten())
}

/// Whether the type is the parameter itself.
pub(crate) fn names(ty: &syn::Type, param: &Ident) -> bool {
    matches!(ty, syn::Type::Path(path) if path.qself.is_none() && path.path.is_ident(param))
}

fn is_static(param: &TypeParam, generics: &Generics) -> bool {
    bounds_of(param, generics)
        .any(|bound| matches!(bound, TypeParamBound::Lifetime(lifetime) if lifetime.ident == "static"))
}

fn is_maybe_unsized(param: &TypeParam, generics: &Generics) -> bool {
    bounds_of(param, generics).any(is_maybe_bound)
}

/// `?Sized`.
pub(crate) fn is_maybe_bound(bound: &TypeParamBound) -> bool {
    matches!(bound, TypeParamBound::Trait(bound) if matches!(bound.modifier, syn::TraitBoundModifier::Maybe(_)))
}

/// The generics of an `impl`: those of the declaration without defaults, and the brand in front if it is a fresh one.
pub(crate) fn impl_generics(model: &Model<'_>, with_brand: bool) -> Generics {
    let mut generics = model.input.generics.clone();
    for param in generics.type_params_mut() {
        param.eq_token = None;
        param.default = None;
    }
    for param in &mut generics.params {
        if let GenericParam::Const(param) = param {
            param.eq_token = None;
            param.default = None;
        }
    }
    if with_brand && model.brand.is_none() {
        let brand = LifetimeParam::new(model.brand_or_fresh());
        generics.params.insert(0, GenericParam::Lifetime(brand));
    }
    generics
}

/// Whether a predicate names the brand or one of the rebranded parameters.
pub(crate) struct Mentions<'m, 'a> {
    pub(crate) model: &'m Model<'a>,
    pub(crate) found: bool,
}

impl Visit<'_> for Mentions<'_, '_> {
    fn visit_lifetime(&mut self, lifetime: &Lifetime) {
        self.found |= self.model.brand == Some(lifetime);
    }

    fn visit_ident(&mut self, ident: &Ident) {
        self.found |= self.model.is_rebranded(ident);
    }
}
