//! The registries as the planner sees them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use scour_attacks::{ATTACKS, Circumstances, attack};
use scour_core::{
    AttackConfig, Catalog, Choice, DatasetFacts, Method, MethodKind, ORACLE, ParamError, Precision, Recipe,
    Requirement, TunedOn,
};
use scour_datasets::{SOURCES, source};
use scour_models::{ARCHITECTURES, architecture};
use serde_json::{Value, json};

use crate::defenses::{NO_DEFENSE, defense, defenses};

/// Every registry, the folder where data sets lie, and the number format that `auto` means on the devices in use.
pub(crate) struct Registries {
    data: PathBuf,
    auto: Precision,
    counts: Counts,
}

/// Counts by class, by the fingerprint of a data set and the number of training pictures that are used.
type Counts = RefCell<BTreeMap<(String, usize), Vec<usize>>>;

impl Registries {
    pub(crate) fn new(data: PathBuf, auto: Precision) -> Self {
        Self { data, auto, counts: Counts::default() }
    }

    /// Training pictures of each class as the recipe cuts the training set; labels are read once a data set and cut.
    fn train_per_class(&self, attacked: &AttackConfig, facts: &DatasetFacts) -> Vec<usize> {
        let first = attacked.recipe.train_pictures;
        if first == 0 || first >= facts.train_len() {
            return facts.train_per_class.clone();
        }
        let key = (facts.fingerprint.clone(), first);
        if let Some(counts) = self.counts.borrow().get(&key) {
            return counts.clone();
        }
        let loaded = source(&attacked.dataset.name)
            .and_then(|source| source.load(&attacked.dataset.params, &self.data).ok());
        // A data set that cannot be read any more is the worker's to report.
        let Some(dataset) = loaded else { return facts.train_per_class.clone() };
        let counts = dataset.train.part(first).per_class(facts.classes);
        self.counts.borrow_mut().insert(key, counts.clone());
        counts
    }
}

/// Whether a defense with these parameters chooses by test pictures, which no reader of a table must overlook.
fn is_oracle(name: &str, params: &Value) -> bool {
    defense(name).is_some_and(|defense| defense.is_oracle(params))
}

fn gone(kind: MethodKind, name: &str) -> ParamError {
    ParamError(format!("there is no {} `{name}`", kind.word()))
}

impl Catalog for Registries {
    fn names(&self, kind: MethodKind) -> Vec<&'static str> {
        match kind {
            MethodKind::Dataset => SOURCES.iter().map(|source| source.name()).collect(),
            MethodKind::Model => ARCHITECTURES.iter().map(|model| model.name()).collect(),
            MethodKind::Attack => ATTACKS.iter().map(|attack| attack.name()).collect(),
            MethodKind::Defense => [NO_DEFENSE].into_iter().chain(defenses().map(|d| d.name())).collect(),
        }
    }

    fn resolve(
        &self,
        kind: MethodKind,
        choice: &Choice,
        facts: Option<&DatasetFacts>,
    ) -> Result<Method, ParamError> {
        let (name, params) = (choice.name.as_str(), &choice.params);
        let facts = || facts.ok_or_else(|| ParamError("no data set to resolve for".into()));
        let (params, impl_version) = match kind {
            MethodKind::Dataset => {
                let source = source(name).ok_or_else(|| gone(kind, name))?;
                (source.resolve(params)?, source.impl_version())
            }
            MethodKind::Model => {
                let model = architecture(name).ok_or_else(|| gone(kind, name))?;
                (model.resolve(params)?, model.impl_version())
            }
            MethodKind::Attack => {
                let attack = attack(name).ok_or_else(|| gone(kind, name))?;
                (attack.resolve(params, facts()?)?, attack.impl_version())
            }
            MethodKind::Defense if name == NO_DEFENSE => {
                match params.as_object().and_then(|map| map.keys().next()) {
                    Some(unknown) => {
                        return Err(ParamError(format!("unknown parameter `{unknown}`: it takes none")));
                    }
                    None => (json!({}), 1),
                }
            }
            MethodKind::Defense => {
                let defense = defense(name).ok_or_else(|| gone(kind, name))?;
                (defense.resolve(params, facts()?)?, defense.impl_version())
            }
        };
        let marked =
            kind == MethodKind::Defense && is_oracle(name, &params) && !choice.label.contains(ORACLE);
        let label = if marked { format!("{}-{ORACLE}", choice.label) } else { choice.label.clone() };
        Ok(Method { name: name.into(), label, params, impl_version })
    }

    fn quick(&self, name: &str) -> Value {
        defense(name).map_or_else(|| json!({}), |defense| defense.quick())
    }

    fn facts(&self, dataset: &Method) -> Result<DatasetFacts, String> {
        let source =
            source(&dataset.name).ok_or_else(|| gone(MethodKind::Dataset, &dataset.name).to_string())?;
        source.facts(&dataset.params, &self.data).map_err(|error| error.to_string())
    }

    fn recipe(&self, facts: &DatasetFacts) -> Recipe {
        source(&facts.name).map(|source| source.profile().recipe).unwrap_or_default()
    }

    fn precision(&self, wanted: Precision) -> Precision {
        match wanted {
            Precision::Auto => self.auto,
            given => given,
        }
    }

    fn preparation(&self, method: &Method) -> Option<Method> {
        let params = defense(&method.name)?.preparation_params(&method.params)?;
        Some(Method { params, label: method.name.clone(), ..method.clone() })
    }

    fn tuned_on(&self, method: &Method) -> Vec<TunedOn> {
        defense(&method.name).map(|defense| defense.tuned_on(&method.params)).unwrap_or_default()
    }

    fn requirements(&self, method: &Method) -> Vec<Requirement> {
        attack(&method.name).map(|attack| attack.requirements(&method.params)).unwrap_or_default()
    }

    fn resource_method(&self, method: &Method) -> Method {
        let params = attack(&method.name).map(|attack| attack.resource_params(&method.params));
        Method { params: params.unwrap_or_default(), label: method.name.clone(), ..method.clone() }
    }

    fn not_applicable(&self, attacked: &AttackConfig, facts: &DatasetFacts) -> Option<String> {
        let train_per_class = || self.train_per_class(attacked, facts);
        let circumstances = Circumstances {
            map: attacked.label_map,
            poison_ratio: attacked.poison_ratio,
            train_per_class: &train_per_class,
        };
        attack(&attacked.attack.name)?.not_applicable(&attacked.attack.params, &circumstances)
    }

    fn not_defended(&self, attacked: &AttackConfig, method: &Method) -> Option<String> {
        let (attack, defense) = (attack(&attacked.attack.name)?, defense(&method.name)?);
        (attack.controls_training() && defense.needs_training_set()).then(|| {
            format!(
                "{} looks at the training set, and {} leaves none: it poisons inside the batches",
                defense.name(),
                attack.name()
            )
        })
    }
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
