//! The attacks, defenses and analyses that a program knows.

use scour_analyses::ANALYSES;
use scour_attacks::ATTACKS;
use scour_core::{Entry, MethodConfig, ParamError, find};
use scour_train::{Analysis, Attack, Defense};

use crate::defenses::defenses;

/// Attacks, defenses and analyses by name. A program of your own can add to what ships: see `crates/scour/tests/own_methods`.
#[derive(Clone)]
pub struct Registry {
    attacks: Vec<&'static Entry<dyn Attack>>,
    defenses: Vec<&'static Entry<dyn Defense>>,
    analyses: Vec<&'static Entry<dyn Analysis>>,
}

impl Registry {
    /// Every method that ships with scour.
    pub fn shipped() -> Self {
        Self {
            attacks: ATTACKS.iter().collect(),
            defenses: defenses().collect(),
            analyses: ANALYSES.iter().collect(),
        }
    }

    /// The same with one attack more, listed last.
    #[must_use]
    pub fn with_attack(mut self, entry: &'static Entry<dyn Attack>) -> Self {
        self.attacks.push(entry);
        self
    }

    /// The same with one defense more, listed last.
    #[must_use]
    pub fn with_defense(mut self, entry: &'static Entry<dyn Defense>) -> Self {
        self.defenses.push(entry);
        self
    }

    /// The same with one analysis more, listed last.
    #[must_use]
    pub fn with_analysis(mut self, entry: &'static Entry<dyn Analysis>) -> Self {
        self.analyses.push(entry);
        self
    }

    /// Every attack in the order of lists and tables; the first is the clean model.
    pub fn attacks(&self) -> &[&'static Entry<dyn Attack>] {
        &self.attacks
    }

    /// Every defense in the order of lists and tables; the first is none.
    pub fn defenses(&self) -> &[&'static Entry<dyn Defense>] {
        &self.defenses
    }

    /// Every analysis in the order of lists.
    pub fn analyses(&self) -> &[&'static Entry<dyn Analysis>] {
        &self.analyses
    }

    /// The attack of that name; the error proposes the nearest one.
    pub fn attack(&self, name: &str) -> Result<&'static Entry<dyn Attack>, ParamError> {
        find(self.attacks.iter().copied(), "attack", name)
    }

    /// The defense of that name; the error proposes the nearest one.
    pub fn defense(&self, name: &str) -> Result<&'static Entry<dyn Defense>, ParamError> {
        find(self.defenses.iter().copied(), "defense", name)
    }

    /// The analysis of that name; the error proposes the nearest one.
    pub fn analysis(&self, name: &str) -> Result<&'static Entry<dyn Analysis>, ParamError> {
        find(self.analyses.iter().copied(), "analysis", name)
    }

    /// The attack that a file names, with its parameters.
    pub fn read_attack(&self, config: &MethodConfig) -> Result<Box<dyn Attack>, ParamError> {
        self.attack(&config.name)?.read(config)
    }

    /// The defense that a file names, with its parameters.
    pub fn read_defense(&self, config: &MethodConfig) -> Result<Box<dyn Defense>, ParamError> {
        self.defense(&config.name)?.read(config)
    }

    /// The analysis that a file names, with its parameters.
    pub fn read_analysis(&self, config: &MethodConfig) -> Result<Box<dyn Analysis>, ParamError> {
        self.analysis(&config.name)?.read(config)
    }
}
