//! The code that the derive writes.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Expr, Fields};

use crate::field::{Bounds, Field};

/// `Default` and `scour_core::Parameters` for a struct.
pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new(input.span(), "parameters are a struct with named fields"));
    };
    let fields = match &data.fields {
        Fields::Named(fields) => fields.named.iter().map(Field::read).collect::<syn::Result<Vec<_>>>()?,
        Fields::Unit => vec![],
        Fields::Unnamed(_) => {
            return Err(syn::Error::new(input.span(), "parameters are a struct with named fields"));
        }
    };
    let name = &input.ident;
    let build = |values: Vec<&Expr>| {
        let names = fields.iter().map(|field| &field.name);
        quote!(Self { #(#names: #values),* })
    };
    let default = build(fields.iter().map(|field| &field.default).collect());
    let published = build(fields.iter().map(|field| &field.published).collect());
    let rows = fields.iter().map(row);
    let checks = fields.iter().map(|field| {
        let (name, ty, range) = (&field.name, &field.ty, range(&field.bounds));
        let text = name.to_string();
        quote! {
            if let ::core::option::Option::Some(value) =
                <#ty as ::scour_core::ParameterType>::number(&self.#name)
            {
                #range.check(#text, value)?;
            }
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl ::core::default::Default for #name {
            fn default() -> Self {
                #default
            }
        }

        #[automatically_derived]
        impl ::scour_core::Parameters for #name {
            fn published() -> Self {
                #published
            }

            fn parameters() -> ::std::vec::Vec<::scour_core::Parameter> {
                ::std::vec![#(#rows),*]
            }

            fn check_ranges(&self) -> ::core::result::Result<(), ::scour_core::ParamError> {
                #(#checks)*
                ::core::result::Result::Ok(())
            }
        }
    })
}

/// The description of one field.
fn row(field: &Field) -> TokenStream {
    let (ty, text, range) = (&field.ty, &field.text, range(&field.bounds));
    let name = field.name.to_string();
    let unit = field.unit.as_ref().map_or_else(String::new, syn::LitStr::value);
    // Of each field by itself: one that is left out of the identity at its default has a value, too.
    let value = |value: &Expr| {
        quote!(::scour_core::parameter_value(&{
            let value: #ty = #value;
            value
        }))
    };
    let (default, published) = (value(&field.default), value(&field.published));
    let quick = match &field.quick {
        Some(quick) => {
            let quick = value(quick);
            quote!(::core::option::Option::Some(#quick))
        }
        None => quote!(::core::option::Option::None),
    };
    quote! {
        ::scour_core::Parameter {
            name: #name,
            text: #text,
            default: #default,
            published: #published,
            quick: #quick,
            range: #range,
            choices: <#ty as ::scour_core::ParameterType>::CHOICES,
            unit: #unit,
        }
    }
}

fn range(bounds: &Bounds) -> TokenStream {
    let end = |inclusive: &Option<Expr>, exclusive: &Option<Expr>| match (inclusive, exclusive) {
        (Some(value), _) => {
            quote!(::core::option::Option::Some(::scour_core::Bound::Included(#value as f64)))
        }
        (None, Some(value)) => {
            quote!(::core::option::Option::Some(::scour_core::Bound::Excluded(#value as f64)))
        }
        (None, None) => quote!(::core::option::Option::None),
    };
    let (low, high) = (end(&bounds.min, &bounds.above), end(&bounds.max, &bounds.below));
    quote!(::scour_core::Range { low: #low, high: #high })
}
