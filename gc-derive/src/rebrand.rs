//! `Rebrand`: the type with its brand, and the brands of its parameters, replaced by `'__a`.
//!
//! `Node<'gc, T, N>::With<'__a>` is `Node<'__a, T::With<'__a>, N>`. For this to be a type at all, the bounds that the
//! declaration puts on `T` must hold for `T::With<'__a>`, whatever `'__a`: each is repeated as
//! `for<'__a> T::With<'__a>: Bound`, with the brand replaced in the bound too.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::visit::Visit;
use syn::visit_mut::{self, VisitMut};
use syn::{GenericParam, Ident, Lifetime, Type, TypeParamBound, WherePredicate, parse_quote};

use crate::model::{Mentions, Model, impl_generics, is_maybe_bound};

pub(crate) fn implement(model: &Model<'_>) -> TokenStream {
    let krate = &model.krate;
    let ident = &model.input.ident;
    let to = Lifetime::new("'__a", Span::mixed_site());

    let mut generics = impl_generics(model, false);
    let declared: Vec<WherePredicate> = predicates(model);
    let clause = generics.make_where_clause();
    for param in &model.params {
        let (name, bound) = (&param.ident, param_trait(model, param.maybe_unsized));
        clause.predicates.push(parse_quote!(#name: #bound));
    }
    clause.predicates.extend(declared.iter().filter_map(|predicate| rebranded(model, predicate, &to)));

    let arguments = model.input.generics.params.iter().map(|param| match param {
        GenericParam::Lifetime(_) => to.to_token_stream(),
        GenericParam::Type(param) if model.is_rebranded(&param.ident) => {
            projection(model, &param.ident, &to).into_token_stream()
        }
        GenericParam::Type(param) => param.ident.to_token_stream(),
        GenericParam::Const(param) => param.ident.to_token_stream(),
    });
    let (impl_generics, _, clause) = generics.split_for_impl();
    let (_, type_generics, _) = model.input.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        // SAFETY: replaces the only lifetime and rebrands the parameters, which are `Rebrand` themselves; all else is
        // `'static`.
        unsafe impl #impl_generics #krate::Rebrand for #ident #type_generics #clause {
            type With<#to> = #ident<#(#arguments),*>;
        }
    }
}

/// The trait that rebrands a parameter.
fn param_trait(model: &Model<'_>, maybe_unsized: bool) -> TokenStream {
    let krate = &model.krate;
    if maybe_unsized { quote!(#krate::Pointee) } else { quote!(#krate::Rebrand) }
}

/// `<T as Rebrand>::With<'__a>`.
fn projection(model: &Model<'_>, param: &Ident, to: &Lifetime) -> Type {
    let maybe_unsized = model.params.iter().any(|known| known.ident == *param && known.maybe_unsized);
    let with = param_trait(model, maybe_unsized);
    parse_quote!(<#param as #with>::With<#to>)
}

/// The declaration's bounds, inline and behind `where`, one bound in each predicate.
fn predicates(model: &Model<'_>) -> Vec<WherePredicate> {
    let generics = &model.input.generics;
    let mut single: Vec<WherePredicate> = Vec::new();
    for param in generics.type_params() {
        let name = &param.ident;
        single.extend(param.bounds.iter().map(|bound| parse_quote!(#name: #bound)));
    }
    for predicate in generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
        if let WherePredicate::Type(predicate) = predicate {
            let (lifetimes, ty) = (&predicate.lifetimes, &predicate.bounded_ty);
            single.extend(predicate.bounds.iter().map(|bound| parse_quote!(#lifetimes #ty: #bound)));
        }
    }
    single
}

/// The predicate for the type under the brand `to`, if it says something that isn't known there anyway.
fn rebranded(model: &Model<'_>, predicate: &WherePredicate, to: &Lifetime) -> Option<WherePredicate> {
    let WherePredicate::Type(predicate) = predicate else { return None };
    let bound = predicate.bounds.first()?;
    // `T: 'gc` follows from `With<'a>: 'a`, and whether a projection is sized is said by its trait.
    if matches!(bound, TypeParamBound::Lifetime(_)) || is_maybe_bound(bound) {
        return None;
    }
    let mut mentions = Mentions { model, found: false };
    mentions.visit_predicate_type(predicate);
    if !mentions.found {
        return None;
    }
    let mut predicate = predicate.clone();
    Substitute { model, to }.visit_predicate_type_mut(&mut predicate);
    // All quantified lifetimes go in front: a `for` inside of a `for` is not allowed.
    let mut quantified = vec![GenericParam::Lifetime(syn::LifetimeParam::new(to.clone()))];
    quantified.extend(predicate.lifetimes.take().into_iter().flat_map(|bound| bound.lifetimes));
    for bound in &mut predicate.bounds {
        if let TypeParamBound::Trait(bound) = bound {
            quantified.extend(bound.lifetimes.take().into_iter().flat_map(|bound| bound.lifetimes));
        }
    }
    predicate.lifetimes = Some(parse_quote!(for<#(#quantified),*>));
    Some(WherePredicate::Type(predicate))
}

/// Replaces the brand by `to` and each rebranded parameter by its projection.
struct Substitute<'m, 'a> {
    model: &'m Model<'a>,
    to: &'m Lifetime,
}

impl VisitMut for Substitute<'_, '_> {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if self.model.brand == Some(lifetime) {
            *lifetime = self.to.clone();
        }
    }

    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Path(path) = ty
            && path.qself.is_none()
            && let Some(first) = path.path.segments.first()
            && self.model.is_rebranded(&first.ident)
        {
            let param = projection(self.model, &first.ident, self.to);
            let rest = path.path.segments.iter().skip(1);
            *ty = if path.path.segments.len() == 1 { param } else { parse_quote!(<#param> #(::#rest)*) };
            return;
        }
        visit_mut::visit_type_mut(self, ty);
    }
}
