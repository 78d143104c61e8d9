//! A catalog of methods without an implementation, to plan sweeps from in tests.

use scour_core::{
    AnalysisNeed, Catalog, Choice, DatasetFacts, Experiment, MethodConfig, MethodKind, ParamError, Plan,
    PlannedAnalysis, PlannedAttack, PlannedDefense, Poisons, RankingSource, Recipe, Requirement,
    parse_experiment, plan,
};
use serde_json::{Map, Value};

struct FakeMethods;

/// The choice as it is given: these methods have no parameters of their own.
fn config(choice: &Choice) -> MethodConfig {
    MethodConfig {
        name: choice.name.clone(),
        label: choice.label.clone(),
        params: choice.params.clone(),
        impl_version: 1,
    }
}

impl Catalog for FakeMethods {
    fn names(&self, kind: MethodKind) -> Vec<&'static str> {
        match kind {
            MethodKind::Dataset => vec!["dots"],
            MethodKind::Model => vec!["preact_resnet18"],
            MethodKind::Attack => vec!["none", "badnets", "blended", "sig", "trojan", "ssba"],
            MethodKind::Defense => vec!["none", "ft", "tsbd", "rnp"],
            MethodKind::Analysis => vec!["coverage"],
        }
    }

    fn dataset(&self, choice: &Choice) -> Result<MethodConfig, ParamError> {
        Ok(config(choice))
    }

    fn model(&self, choice: &Choice, _: &DatasetFacts) -> Result<MethodConfig, ParamError> {
        Ok(config(choice))
    }

    fn attack(&self, choice: &Choice, _: &DatasetFacts) -> Result<PlannedAttack, ParamError> {
        let config = config(choice);
        Ok(PlannedAttack {
            requirements: match choice.name.as_str() {
                "trojan" => vec![Requirement::CleanModel],
                "ssba" => vec![Requirement::Resource],
                _ => vec![],
            },
            resource: config.clone(),
            controls_training: false,
            // Too few images of the target class: see `facts`.
            poisons: match choice.name.as_str() {
                "sig" => Poisons::TargetClass { clamp: false },
                _ => Poisons::AnyClass,
            },
            config,
        })
    }

    fn defense(&self, choice: &Choice, _: &DatasetFacts) -> Result<PlannedDefense, ParamError> {
        let config = config(choice);
        Ok(PlannedDefense {
            preparation: (choice.name == "rnp").then(|| config.only(&[])),
            tuned_on: vec![],
            needs_training_set: false,
            ranks_neurons: true,
            config,
        })
    }

    fn analysis(&self, choice: &Choice, _: &DatasetFacts) -> Result<PlannedAnalysis, ParamError> {
        let rnp = AnalysisNeed::Ranking(Choice::named("rnp"), RankingSource::Cell);
        Ok(PlannedAnalysis { config: config(choice), needs: vec![AnalysisNeed::CleanModel, rnp] })
    }

    fn published(&self, _: MethodKind, _: &str, _: &DatasetFacts) -> Option<Map<String, Value>> {
        None
    }

    fn quick(&self, _: MethodKind, _: &str) -> Map<String, Value> {
        Map::new()
    }

    fn facts(&self, dataset: &MethodConfig) -> Result<DatasetFacts, String> {
        Ok(DatasetFacts {
            name: dataset.name.clone(),
            classes: 2,
            size: 8,
            // A tenth of all is more than the target class has, so that SIG does not apply.
            train_per_class: vec![5, 95],
            test_per_class: vec![10, 10],
            fingerprint: "dots".into(),
            ..DatasetFacts::default()
        })
    }

    fn recipe(&self, _: &DatasetFacts) -> Recipe {
        Recipe::default()
    }
}

/// Two attacks that can be run, one that cannot, and two defenses: 9 cells, 6 stages.
pub(crate) fn planned() -> (Experiment, Plan) {
    planned_with("[badnets, blended, sig]")
}

/// The same with other attacks.
pub(crate) fn planned_with(attacks: &str) -> (Experiment, Plan) {
    planned_of(attacks, "[none, ft, tsbd]")
}

/// The same with other attacks and defenses.
pub(crate) fn planned_of(attacks: &str, defenses: &str) -> (Experiment, Plan) {
    planned_from(&format!("attacks: {attacks}\ndefenses: {defenses}\n"))
}

/// The same with these fields of the experiment.
pub(crate) fn planned_from(fields: &str) -> (Experiment, Plan) {
    let text = format!("name: t\ndatasets: [dots]\n{fields}");
    let experiment = parse_experiment(&text, "t.yaml", &[]).expect("a valid experiment");
    let plan = plan(&experiment, &FakeMethods, "t.yaml").expect("a valid plan");
    (experiment, plan)
}
