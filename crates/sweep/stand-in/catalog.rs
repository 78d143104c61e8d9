//! A catalog of methods without a deed, to plan sweeps from in tests.

use scour_core::{
    AttackConfig, Catalog, Choice, DatasetFacts, Experiment, Method, MethodKind, ParamError, Plan, Recipe,
    Requirement, parse_experiment, plan,
};

struct Nothing;

impl Catalog for Nothing {
    fn names(&self, kind: MethodKind) -> Vec<&'static str> {
        match kind {
            MethodKind::Dataset => vec!["dots"],
            MethodKind::Model => vec!["preact_resnet18"],
            MethodKind::Attack => vec!["none", "badnets", "blended", "sig", "trojan", "ssba"],
            MethodKind::Defense => vec!["none", "ft", "tsbd"],
        }
    }

    fn resolve(
        &self,
        _: MethodKind,
        choice: &Choice,
        _: Option<&DatasetFacts>,
    ) -> Result<Method, ParamError> {
        let (name, label, params) = (choice.name.clone(), choice.label.clone(), choice.params.clone());
        Ok(Method { name, label, params, impl_version: 1 })
    }

    fn quick(&self, _: &str) -> serde_json::Value {
        serde_json::json!({})
    }

    fn facts(&self, dataset: &Method) -> Result<DatasetFacts, String> {
        Ok(DatasetFacts {
            name: dataset.name.clone(),
            classes: 2,
            size: 8,
            train_per_class: vec![50, 50],
            test_per_class: vec![10, 10],
            fingerprint: "dots".into(),
            ..DatasetFacts::default()
        })
    }

    fn recipe(&self, _: &DatasetFacts) -> Recipe {
        Recipe::default()
    }

    fn requirements(&self, attack: &Method) -> Vec<Requirement> {
        match attack.name.as_str() {
            "trojan" => vec![Requirement::CleanModel],
            "ssba" => vec![Requirement::Resource],
            _ => vec![],
        }
    }

    fn not_applicable(&self, attacked: &AttackConfig, _: &DatasetFacts) -> Option<String> {
        (attacked.attack.name == "sig").then(|| "too few pictures".to_string())
    }
}

/// Two attacks that can be run, one that cannot, and two defenses: 9 cells, 6 stages.
pub(crate) fn planned() -> (Experiment, Plan) {
    planned_with("[badnets, blended, sig]")
}

/// The same with other attacks.
pub(crate) fn planned_with(attacks: &str) -> (Experiment, Plan) {
    let text = format!("name: t\ndatasets: [dots]\nattacks: {attacks}\ndefenses: [none, ft, tsbd]\n");
    let experiment = parse_experiment(&text, "t.yaml", &[]).expect("a valid experiment");
    let plan = plan(&experiment, &Nothing, "t.yaml").expect("a valid plan");
    (experiment, plan)
}
