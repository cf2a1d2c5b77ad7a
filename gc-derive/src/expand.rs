//! `Trace` and the guard against `Drop`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Index, Member, Result, parse_quote};

use crate::attr::{self, ContainerAttrs};
use crate::model::{Model, impl_generics};
use crate::rebrand;

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let ContainerAttrs { krate } = ContainerAttrs::parse(&input.attrs)?;
    let model = Model::new(input, krate)?;
    let trace = implement_trace(&model)?;
    let rebrand = rebrand::implement(&model);
    let drop_guard = drop_guard(&model);
    Ok(quote! {
        const _: () = {
            #trace
            #rebrand
            #drop_guard
        };
    })
}

fn implement_trace(model: &Model<'_>) -> Result<TokenStream> {
    let krate = &model.krate;
    let brand = model.brand_or_fresh();
    let ident = &model.input.ident;

    let mut generics = impl_generics(model, true);
    let clause = generics.make_where_clause();
    for param in &model.params {
        let name = &param.ident;
        clause.predicates.push(parse_quote!(#name: #krate::Trace<#brand>));
    }
    let (impl_generics, _, clause) = generics.split_for_impl();
    let (_, type_generics, _) = model.input.generics.split_for_impl();
    let holds_gc = holds_gc(model);
    let body = body(model)?;
    Ok(quote! {
        #[automatically_derived]
        // SAFETY: passes every field to the tracer (the pattern is exhaustive) that isn't checked to be `'static`, and reads
        // nothing else but the tag of an enum.
        unsafe impl #impl_generics #krate::Trace<#brand> for #ident #type_generics #clause {
            const HOLDS_GC: bool = #holds_gc;

            #[inline]
            fn trace(&self, __tracer: &mut #krate::Tracer<#brand>) {
                // Written out: behind a path of the user's choice it could be anything (D5).
                fn __assert_static<T: ?::core::marker::Sized + 'static>(_: &T) {}
                #body
            }
        }
    })
}

/// Whether a value can hold a `Gc`, from the generics (D2).
fn holds_gc(model: &Model<'_>) -> TokenStream {
    if model.brand.is_some() {
        return quote!(true);
    }
    let krate = &model.krate;
    let brand = model.brand_or_fresh();
    let params = model.params.iter().map(|param| &param.ident);
    quote!(false #(|| <#params as #krate::Trace<#brand>>::HOLDS_GC)*)
}

fn body(model: &Model<'_>) -> Result<TokenStream> {
    let fields_of = |path: TokenStream, fields: &Fields| arm(model, path, fields);
    let arms = match &model.input.data {
        Data::Struct(data) => vec![fields_of(quote!(Self), &data.fields)?],
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| {
                attr::refuse_on_variant(&variant.attrs)?;
                let name = &variant.ident;
                fields_of(quote!(Self::#name), &variant.fields)
            })
            .collect::<Result<_>>()?,
        Data::Union(data) => {
            return Err(Error::new(
                data.union_token.span,
                "a union can't derive `Trace`: nobody knows which of its fields holds a value",
            ));
        }
    };
    if model.is_leaf() {
        // Not a look at the fields, which may be of any type: the type as a whole is `'static`.
        let span = Span::call_site().located_at(model.input.ident.span());
        return Ok(quote_spanned!(span=> let _ = __tracer; __assert_static::<Self>(self);));
    }
    // Of an enum without variants there is no value.
    let scrutinee = if arms.is_empty() { quote!(*self) } else { quote!(self) };
    Ok(quote!(match #scrutinee { #(#arms)* }))
}

/// `Self::Variant { 0: __field_0, name: __field_1 } => { .. }`, without `..` (D1).
fn arm(model: &Model<'_>, path: TokenStream, fields: &Fields) -> Result<TokenStream> {
    let mut members = Vec::new();
    let mut bindings = Vec::new();
    let mut calls = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        // At the field for messages (D4), in the macro for lints.
        let span = Span::call_site().located_at(field.ty.span());
        let binding = format_ident!("__field_{i}", span = span);
        members.push(match &field.ident {
            Some(name) => Member::Named(name.clone()),
            None => Member::Unnamed(Index { index: i as u32, span }),
        });
        calls.push(if attr::is_skipped(&field.attrs)? {
            quote_spanned!(span=> __assert_static(#binding);)
        } else {
            let krate = &model.krate;
            quote_spanned!(span=> #krate::Tracer::field(__tracer, #binding);)
        });
        bindings.push(binding);
    }
    Ok(quote!(#path { #(#members: #bindings),* } => { #(#calls)* }))
}

/// Two implementations that overlap if the type has a `Drop` (D3).
fn drop_guard(model: &Model<'_>) -> TokenStream {
    if model.is_leaf() {
        return TokenStream::new();
    }
    let ident = &model.input.ident;
    let span = Span::call_site().located_at(ident.span());
    let generics = impl_generics(model, false);
    let (impl_generics, type_generics, clause) = generics.split_for_impl();
    let guard = format_ident!("ATypeThatHoldsGcMustNotImplementDrop", span = span);
    quote! {
        #[allow(dead_code)]
        trait #guard {}
        #[allow(drop_bounds)]
        impl<T: ::core::ops::Drop + ?::core::marker::Sized> #guard for T {}
        #[automatically_derived]
        impl #impl_generics #guard for #ident #type_generics #clause {}
    }
}
