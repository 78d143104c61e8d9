//! One field of a struct of parameters, as its attributes describe it.

use syn::spanned::Spanned;
use syn::{Expr, Ident, LitStr, Meta, Type};

/// A field with what its `#[parameter(...)]` attribute and its doc comment say.
pub(crate) struct Field {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    /// The doc comment in one line.
    pub(crate) text: String,
    pub(crate) default: Expr,
    pub(crate) published: Expr,
    pub(crate) quick: Option<Expr>,
    pub(crate) bounds: Bounds,
    pub(crate) unit: Option<LitStr>,
}

/// The ends of a range, each an expression of a number.
#[derive(Default)]
pub(crate) struct Bounds {
    pub(crate) min: Option<Expr>,
    pub(crate) above: Option<Expr>,
    pub(crate) max: Option<Expr>,
    pub(crate) below: Option<Expr>,
}

impl Field {
    pub(crate) fn read(field: &syn::Field) -> syn::Result<Self> {
        let name = field
            .ident
            .clone()
            .ok_or_else(|| syn::Error::new(field.span(), "a struct of parameters has named fields"))?;
        let (mut default, mut published, mut quick, mut unit) = (None, None, None, None);
        let mut bounds = Bounds::default();
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("parameter")) {
            attribute.parse_nested_meta(|meta| {
                let key = meta.path.get_ident().map(Ident::to_string).unwrap_or_default();
                let value = meta.value()?;
                match key.as_str() {
                    "default" => default = Some(value.parse()?),
                    "published" => published = Some(value.parse()?),
                    "quick" => quick = Some(value.parse()?),
                    "min" => bounds.min = Some(value.parse()?),
                    "above" => bounds.above = Some(value.parse()?),
                    "max" => bounds.max = Some(value.parse()?),
                    "below" => bounds.below = Some(value.parse()?),
                    "unit" => unit = Some(value.parse()?),
                    _ => {
                        return Err(meta.error(
                            "expected one of default, published, quick, min, above, max, below, unit",
                        ));
                    }
                }
                Ok(())
            })?;
        }
        let text = text(field);
        if text.is_empty() {
            return Err(syn::Error::new(
                name.span(),
                format!("`{name}` has no doc comment: one sentence, which `scour describe` prints"),
            ));
        }
        let missing = |what: &str| {
            syn::Error::new(name.span(), format!("`{name}` has no `{what}`: #[parameter({what} = ...)]"))
        };
        Ok(Self {
            ty: field.ty.clone(),
            text,
            default: default.ok_or_else(|| missing("default"))?,
            published: published.ok_or_else(|| missing("published"))?,
            quick,
            bounds,
            unit,
            name,
        })
    }
}

/// The lines of a doc comment as one.
fn text(field: &syn::Field) -> String {
    let lines = field.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
    let lines = lines.filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(line), .. }) => Some(line.value().trim().to_string()),
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ").trim().to_string()
}
