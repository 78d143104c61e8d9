//! `#[derive(Parameters)]`: a struct of parameters describes itself, field by field.
//!
//! Each field carries one `#[parameter(...)]` attribute, and its doc comment is the text that `scour describe` prints:
//!
//! ```text
//! /// Side of the patch on a 32x32 image.
//! #[parameter(default = 3, published = 3, min = 1, max = 32, unit = "pixels")]
//! patch: i64,
//! ```
//!
//! - `default`: the value where an experiment gives none.
//! - `published`: the value that reproduces the published figures; required, so that no default passes for published by
//!   being forgotten.
//! - `quick`: the value that the quick profile sets, where it sets one.
//! - `min`, `max`: inclusive bounds. `above`, `below`: exclusive ones. They hold for numbers, and for an `Option` of one
//!   where it is given.
//! - `unit`: what the number counts, in the plural.
//!
//! The derive implements `Default` and `scour_core::Parameters`. This crate must not know any method.

mod expand;
mod field;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// See the crate's documentation.
#[proc_macro_derive(Parameters, attributes(parameter))]
pub fn parameters(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
