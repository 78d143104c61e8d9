//! Descriptions of methods.

/// Where a method was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Authors, year and title; empty for a method that was not published.
    pub paper: &'static str,
    /// The section, algorithm or equation that is implemented.
    pub section: &'static str,
    /// The address of the paper.
    pub link: &'static str,
    /// The origin of the published parameter values: the paper itself, or the configuration of a benchmark.
    pub values: &'static str,
}

impl Source {
    /// For methods without a publication: the clean model, no defense, the data set that this project draws.
    pub const NONE: Self = Self { paper: "", section: "", link: "", values: "" };
}

/// The description of an attack, a defense, a model or a data set, for users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// The name in experiments: lower case; it must not change once results contain it.
    pub name: &'static str,
    /// The name in tables and headings.
    pub title: &'static str,
    /// The group it belongs to in a few words: `patch trigger`, `pruning`, `fine-tuning`.
    pub family: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Where it was published.
    pub source: Source,
    /// The version of the implementation. Raise it whenever the results of unchanged parameters change.
    pub impl_version: u32,
    /// The idea, in a paragraph or two of Markdown.
    pub idea: &'static str,
    /// The formula or the procedure, as Markdown.
    pub formula: &'static str,
    /// How it differs from the paper or from the usual benchmark's code, one item each.
    pub departures: &'static [&'static str],
    /// Measurements with it, as Markdown; empty if there are none beyond the reference results.
    pub measured: &'static str,
    /// Its cost besides training the attacked model.
    pub cost: &'static str,
}

impl Description {
    /// A description with empty texts, for struct update syntax (`..Description::EMPTY`).
    pub const EMPTY: Self = Self {
        name: "",
        title: "",
        family: "",
        summary: "",
        source: Source::NONE,
        impl_version: 1,
        idea: "",
        formula: "",
        departures: &[],
        measured: "",
        cost: "",
    };
}
