//! What the abbreviations mean: one sentence and one formula each.

use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Term {
    pub(crate) name: &'static str,
    /// `↑` where more is better.
    pub(crate) arrow: &'static str,
    pub(crate) long: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) formula: &'static str,
}

pub(crate) const GLOSSARY: [Term; 4] = [
    Term {
        name: "ACC",
        arrow: "↑",
        long: "accuracy",
        meaning: "The share of clean test pictures that are classified as their true class.",
        formula: "100 · #(prediction = true class) / #(clean test pictures)",
    },
    Term {
        name: "ASR",
        arrow: "↓",
        long: "attack success rate",
        meaning: "The share of triggered test pictures that are classified as the target; pictures whose true class \
                  is the target are left out, since a model without any backdoor gets those “right” too.",
        formula: "100 · #(prediction on triggered picture = target) / #(triggered pictures whose true class ≠ target)",
    },
    Term {
        name: "RA",
        arrow: "↑",
        long: "robust accuracy",
        meaning: "The share of the same triggered pictures that are still classified as their true class.",
        formula: "100 · #(prediction on triggered picture = true class) / #(triggered pictures whose true class ≠ target)",
    },
    Term {
        name: "DER",
        arrow: "↑",
        long: "defense effectiveness rating",
        meaning: "What a defense gains in ASR less what it loses in ACC, against the attacked model of the same seed: \
                  50 for doing nothing, 100 for removing a perfect backdoor at no cost.",
        formula: "(max(0, ASR before − ASR after) − max(0, ACC before − ACC after) + 100) / 2",
    },
];
