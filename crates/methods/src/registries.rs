//! The registries as the planner sees them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use scour_core::{
    AttackConfig, Catalog, Choice, DatasetFacts, Entry, MethodConfig, MethodKind, ORACLE, ParamError,
    PlannedAnalysis, PlannedAttack, PlannedDefense, Precision, Recipe, Resolved,
};
use scour_datasets::{SOURCES, source, with_defaults};
use scour_models::{ARCHITECTURES, architecture};
use serde_json::{Map, Value};

use crate::Registry;

/// Every registry, the folder where data sets lie, and the number format that `auto` means on the devices in use.
pub struct Registries {
    methods: Registry,
    data: PathBuf,
    auto: Precision,
    counts: Counts,
}

/// Counts by class, by the fingerprint of a data set and the number of training images that are used.
type Counts = RefCell<BTreeMap<(String, usize), Vec<usize>>>;

impl Registries {
    /// `data` is the folder of downloaded data sets; `auto` is what `precision: auto` means.
    pub fn new(methods: Registry, data: PathBuf, auto: Precision) -> Self {
        Self { methods, data, auto, counts: Counts::default() }
    }
}

/// The published values of an entry, if anything was published.
fn published<T: ?Sized>(entry: &Entry<T>, facts: &DatasetFacts) -> Option<Map<String, Value>> {
    (!entry.description.source.paper.is_empty()).then(|| (entry.published)(facts))
}

/// The name in results: rows whose defense chose by test images have `oracle` in it, which no reader of a table must
/// overlook.
fn label(choice: &Choice, is_oracle: bool) -> String {
    if is_oracle && !choice.label.contains(ORACLE) {
        format!("{}-{ORACLE}", choice.label)
    } else {
        choice.label.clone()
    }
}

impl Catalog for Registries {
    fn names(&self, kind: MethodKind) -> Vec<&'static str> {
        match kind {
            MethodKind::Dataset => SOURCES.iter().map(Entry::name).collect(),
            MethodKind::Model => ARCHITECTURES.iter().map(Entry::name).collect(),
            MethodKind::Attack => self.methods.attacks().iter().map(|entry| entry.name()).collect(),
            MethodKind::Defense => self.methods.defenses().iter().map(|entry| entry.name()).collect(),
            MethodKind::Analysis => self.methods.analyses().iter().map(|entry| entry.name()).collect(),
        }
    }

    fn dataset(&self, choice: &Choice) -> Result<MethodConfig, ParamError> {
        let none = DatasetFacts::default();
        Ok(source(&choice.name)?.resolve(&choice.label, &choice.params, &none)?.config)
    }

    fn model(&self, choice: &Choice, facts: &DatasetFacts) -> Result<MethodConfig, ParamError> {
        Ok(architecture(&choice.name)?.resolve(&choice.label, &choice.params, facts)?.config)
    }

    fn attack(&self, choice: &Choice, facts: &DatasetFacts) -> Result<PlannedAttack, ParamError> {
        let Resolved { method, config } =
            self.methods.attack(&choice.name)?.resolve(&choice.label, &choice.params, facts)?;
        Ok(PlannedAttack {
            requirements: method.requirements(),
            resource: config.without(method.not_of_the_resource()),
            controls_training: method.controls_training(),
            poisons: method.poisons(),
            config,
        })
    }

    fn defense(&self, choice: &Choice, facts: &DatasetFacts) -> Result<PlannedDefense, ParamError> {
        let Resolved { method, config } =
            self.methods.defense(&choice.name)?.resolve(&choice.label, &choice.params, facts)?;
        let preparation = match method.preparation_of() {
            Some(other) => self.defense(&other, facts)?.preparation,
            None => method.preparation().map(|parameters| config.only(parameters)),
        };
        Ok(PlannedDefense {
            preparation,
            tuned_on: method.tuned_on(),
            needs_training_set: method.needs_training_set(),
            ranks_neurons: method.ranks_neurons(),
            config: MethodConfig { label: label(choice, method.is_oracle()), ..config },
        })
    }

    fn analysis(&self, choice: &Choice, facts: &DatasetFacts) -> Result<PlannedAnalysis, ParamError> {
        let Resolved { method, config } =
            self.methods.analysis(&choice.name)?.resolve(&choice.label, &choice.params, facts)?;
        Ok(PlannedAnalysis { needs: method.needs(), config })
    }

    fn published(&self, kind: MethodKind, name: &str, facts: &DatasetFacts) -> Option<Map<String, Value>> {
        match kind {
            MethodKind::Dataset => published(source(name).ok()?, facts),
            MethodKind::Model => published(architecture(name).ok()?, facts),
            MethodKind::Attack => published(self.methods.attack(name).ok()?, facts),
            MethodKind::Defense => published(self.methods.defense(name).ok()?, facts),
            MethodKind::Analysis => published(self.methods.analysis(name).ok()?, facts),
        }
    }

    fn quick(&self, kind: MethodKind, name: &str) -> Map<String, Value> {
        match kind {
            MethodKind::Defense => self.methods.defense(name).map(Entry::quick),
            MethodKind::Analysis => self.methods.analysis(name).map(Entry::quick),
            MethodKind::Dataset | MethodKind::Model | MethodKind::Attack => Ok(Map::new()),
        }
        // An unknown name is an error of its own.
        .unwrap_or_default()
    }

    fn facts(&self, dataset: &MethodConfig) -> Result<DatasetFacts, String> {
        let source = source(&dataset.name).and_then(|entry| entry.read(dataset));
        source.map_err(|error| error.to_string())?.facts(&self.data).map_err(|error| error.to_string())
    }

    fn recipe(&self, facts: &DatasetFacts) -> Recipe {
        source(&facts.name).and_then(with_defaults).map(|source| source.profile().recipe).unwrap_or_default()
    }

    /// Labels are read once for each data set and number of images.
    fn train_per_class(&self, attacked: &AttackConfig, facts: &DatasetFacts) -> Vec<usize> {
        let first = attacked.recipe.train_images;
        if first == 0 || first >= facts.train_len() {
            return facts.train_per_class.clone();
        }
        let key = (facts.fingerprint.clone(), first);
        if let Some(counts) = self.counts.borrow().get(&key) {
            return counts.clone();
        }
        let source = source(&attacked.dataset.name).and_then(|entry| entry.read(&attacked.dataset));
        let loaded = source.ok().and_then(|source| source.load(&self.data).ok());
        // The facts were read a moment ago; if the files are gone since, the worker reports it.
        let Some(dataset) = loaded else { return facts.train_per_class.clone() };
        let counts = dataset.train.part(first).per_class(facts.classes);
        self.counts.borrow_mut().insert(key, counts.clone());
        counts
    }

    fn precision(&self, wanted: Precision) -> Precision {
        match wanted {
            Precision::Auto => self.auto,
            given => given,
        }
    }
}

#[cfg(test)]
#[path = "registries_tests.rs"]
pub(crate) mod tests;
