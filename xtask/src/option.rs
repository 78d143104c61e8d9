//! The options of commands, as the parser reads them and the help pages print them.

/// An option.
pub(crate) struct Opt {
    /// The name without dashes. A single letter is a short option.
    pub(crate) name: &'static str,
    /// What the help page calls its value; `None` if it takes none.
    pub(crate) value: Option<&'static str>,
    /// Empty if the help page does not list the option.
    pub(crate) help: &'static str,
}

impl Opt {
    /// What stands before its name.
    pub(crate) fn dashes(&self) -> &'static str {
        if self.name.len() == 1 { "-" } else { "--" }
    }
}

/// An option with a value.
pub(crate) const fn valued(name: &'static str, value: &'static str, help: &'static str) -> Opt {
    Opt { name, value: Some(value), help }
}

/// An option without a value.
pub(crate) const fn flag(name: &'static str, help: &'static str) -> Opt {
    Opt { name, value: None, help }
}
