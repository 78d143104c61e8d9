//! A registered method of any kind, as people see it.

use scour_core::{
    AnalysisNeed, Description, Entry, MethodKind, ParamError, Parameter, Poisons, RankingSource, Requirement,
    Subject,
};
use scour_datasets::SOURCES;
use scour_models::ARCHITECTURES;
use scour_train::{Analysis, Attack, Defense};
use serde_json::json;

use crate::Registry;

/// The description of a registered method.
pub struct Described {
    /// What kind of method it is.
    pub kind: MethodKind,
    /// What it is.
    pub description: Description,
    /// Its parameters, in the order of its struct.
    pub parameters: Vec<Parameter>,
    /// What it needs besides what every method of its kind gets, one sentence each.
    pub needs: Vec<String>,
}

/// Every registered method, by kind and then in the order of its registry.
pub fn all(methods: &Registry) -> Result<Vec<Described>, ParamError> {
    let mut all = vec![];
    for entry in SOURCES {
        let source = scour_datasets::with_defaults(entry)?;
        let layouts = source.profile().layouts;
        let needs = if layouts.is_empty() { vec![] } else { vec![format!("In the data folder: {layouts}.")] };
        all.push(described(MethodKind::Dataset, entry, needs));
    }
    for entry in ARCHITECTURES {
        all.push(described(MethodKind::Model, entry, vec![]));
    }
    for entry in methods.attacks() {
        all.push(described(MethodKind::Attack, entry, attack_needs(&*(entry.read)(&json!({}))?)));
    }
    for entry in methods.defenses() {
        all.push(described(MethodKind::Defense, entry, defense_needs(&*(entry.read)(&json!({}))?)));
    }
    for entry in methods.analyses() {
        all.push(described(MethodKind::Analysis, entry, analysis_needs(&*(entry.read)(&json!({}))?)));
    }
    Ok(all)
}

fn described<T: ?Sized>(kind: MethodKind, entry: &Entry<T>, needs: Vec<String>) -> Described {
    Described { kind, description: entry.description, parameters: (entry.parameters)(), needs }
}

fn attack_needs(attack: &dyn Attack) -> Vec<String> {
    let requirement = |requirement: &Requirement| {
        match requirement {
        Requirement::CleanModel => {
            "A clean model of the same data set and architecture, which is trained first and shared.".to_string()
        }
        Requirement::Resource => {
            "An auxiliary network, which is trained once a data set and shared by all settings that can share it.".into()
        }
    }
    };
    let mut needs: Vec<String> = attack.requirements().iter().map(requirement).collect();
    if attack.controls_training() {
        needs.push(
            "Control of training: it poisons inside the batches, so that no poisoned training set is left."
                .into(),
        );
    }
    if let Poisons::TargetClass { .. } = attack.poisons() {
        needs.push(
            "One target class with enough images for the poison ratio: labels stay as they are.".into(),
        );
    }
    needs
}

fn defense_needs(defense: &dyn Defense) -> Vec<String> {
    let mut needs = vec![];
    if defense.needs_training_set() {
        needs.push(
            "The poisoned training set: it cannot be run on attacks that poison inside the batches.".into(),
        );
    }
    if let Some(other) = defense.preparation_of() {
        needs.push(format!("The preparation of `{}`, which is a stage of its own.", other.name));
    } else if defense.preparation().is_some() {
        needs.push("A preparation, which is a stage of its own and shared by settings that differ in other parameters.".into());
    }
    needs
}

fn analysis_needs(analysis: &dyn Analysis) -> Vec<String> {
    let needs = analysis.needs();
    let mut text = vec![];
    if needs
        .iter()
        .any(|need| matches!(need, AnalysisNeed::CleanModel | AnalysisNeed::Preparation(Subject::Clean, _)))
    {
        text.push("A clean model of the same seed, which is trained first and shared.".to_string());
    }
    let rankings = needs.iter().filter_map(|need| match need {
        AnalysisNeed::Ranking(defense, RankingSource::Cell) => Some(format!("`{}`", defense.name)),
        AnalysisNeed::Ranking(..) | AnalysisNeed::CleanModel | AnalysisNeed::Preparation(..) => None,
    });
    let rankings: Vec<String> = rankings.collect();
    if !rankings.is_empty() {
        text.push(format!("The rankings of {}.", rankings.join(", ")));
    }
    text
}
