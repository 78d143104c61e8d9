//! Parameters of methods, and the types that a parameter may have.

use serde_json::Value;

use super::Range;

/// The description of a parameter, which `scour describe` prints.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name in experiments.
    pub name: &'static str,
    /// Its meaning, in one sentence.
    pub text: &'static str,
    /// The value that is used if an experiment gives none; null if it is computed from other parameters or the data set.
    pub default: Value,
    /// The value that reproduces the published figures; null as for `default`.
    pub published: Value,
    /// The value that the quick profile sets, if any.
    pub quick: Option<Value>,
    /// The allowed numbers.
    pub range: Range,
    /// The allowed words of an enumeration, or beside a number; empty for other types.
    pub choices: &'static [&'static str],
    /// The unit of a number, in the plural, such as `epochs`; empty for numbers without a unit.
    pub unit: &'static str,
}

impl Parameter {
    /// The allowed values as text: a range, a list of values, or both; empty if everything is allowed.
    pub fn allowed(&self) -> String {
        let range = self.range.to_string();
        let range = (!range.is_empty()).then_some(range.as_str());
        range.into_iter().chain(self.choices.iter().copied()).collect::<Vec<_>>().join(" | ")
    }
}

/// A type that a parameter may have.
pub trait ParameterType {
    /// The allowed words of an enumeration, or beside a number, as experiments write them.
    const CHOICES: &'static [&'static str] = &[];

    /// The value as a number, for range checks; `None` if it is not a number or not given.
    fn number(&self) -> Option<f64> {
        None
    }

    /// Whether it is the type's default: for `skip_serializing_if`, which leaves a parameter out of a method's identity.
    fn is_default(&self) -> bool
    where
        Self: Default + PartialEq,
    {
        *self == Self::default()
    }
}

macro_rules! numbers {
    ($($ty:ty),*) => {
        $(impl ParameterType for $ty {
            #[expect(clippy::allow_attributes, reason = "f64 to f64 is among the casts")]
            #[allow(clippy::unnecessary_cast, reason = "one body for all number types")]
            fn number(&self) -> Option<f64> {
                Some(*self as f64)
            }
        })*
    };
}

numbers!(u8, u32, u64, usize, i64, f64);

impl ParameterType for bool {
    const CHOICES: &'static [&'static str] = &["true", "false"];
}

impl ParameterType for String {}

impl ParameterType for crate::Choice {}

impl<T: ParameterType> ParameterType for Vec<T> {}

impl<T: ParameterType> ParameterType for Option<T> {
    const CHOICES: &'static [&'static str] = T::CHOICES;

    fn number(&self) -> Option<f64> {
        self.as_ref().and_then(T::number)
    }
}
