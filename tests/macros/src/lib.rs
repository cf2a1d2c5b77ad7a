//! Attribute macros that change a struct after a derive above them has seen it, for the compile-fail tests.

#![forbid(unsafe_code)]

use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// Adds a field `added: Option<Gc<'gc, i32>>` to a struct with named fields and the brand `'gc`.
#[proc_macro_attribute]
pub fn add_gc_field(_: TokenStream, item: TokenStream) -> TokenStream {
    add(item, "added: ::core::option::Option<::gc_core::Gc<'gc, i32>>,")
}

/// As [`add_gc_field`], to a struct that has no generics, which get the brand.
#[proc_macro_attribute]
pub fn add_gc_field_and_brand(_: TokenStream, item: TokenStream) -> TokenStream {
    let item = add(item, "added: ::core::option::Option<::gc_core::Gc<'gc, i32>>,");
    let mut out = TokenStream::new();
    let mut name_is_next = false;
    for tree in item {
        let is_name = name_is_next;
        name_is_next = matches!(&tree, TokenTree::Ident(ident) if ident.to_string() == "struct");
        out.extend([tree]);
        if is_name {
            out.extend("<'gc>".parse::<TokenStream>().expect("these are tokens"));
        }
    }
    out
}

/// The struct with `field` in front of its other named fields.
fn add(item: TokenStream, field: &str) -> TokenStream {
    item.into_iter()
        .map(|tree| match tree {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let mut fields: TokenStream = field.parse().expect("these are tokens");
                fields.extend(group.stream());
                TokenTree::Group(Group::new(Delimiter::Brace, fields))
            }
            other => other,
        })
        .collect()
}
