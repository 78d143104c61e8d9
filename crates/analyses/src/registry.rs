use scour_core::{Entry, entry};
use scour_train::Analysis;

use crate::activeness::ActivenessAnalysis;
use crate::coverage::Coverage;
use crate::nwc_correlation::NwcCorrelation;
use crate::stability::RankingStability;

/// Every analysis, in the order of lists.
pub static ANALYSES: &[Entry<dyn Analysis>] =
    &[entry!(NwcCorrelation), entry!(ActivenessAnalysis), entry!(Coverage), entry!(RankingStability)];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ANALYSES;
    use crate::testing::{Fixture, labelled};

    #[test]
    fn every_analysis_runs_on_vgg19_bn() {
        let fixture = Fixture::of_vgg();
        let preparations =
            [fixture.unlearned(&fixture.attacked, 2), fixture.unlearned(&fixture.clean_model, 2)];
        // What TSBD, CLP and FP rank: filters, BatchNorm channels and the inputs of the last layer.
        let layers = fixture.attacked.layers();
        let rankings = [
            ("filters", layers.main_convolutions[15].clone(), 32),
            ("channels", layers.batch_norms[0].batch_norm.clone(), 4),
            ("features", layers.features.clone(), 256),
        ]
        .map(|(name, module, neurons)| {
            let scores: Vec<f64> = (0..neurons).map(f64::from).collect();
            labelled(name, vec![(module, scores)])
        });
        for entry in ANALYSES {
            let params = match entry.name() {
                // Poison unlearning ends after its first epoch.
                "nwc_correlation" => json!({"unlearn_lr": 0.002, "stop_asr": 1.0}),
                "activeness" => json!({"unlearn_lr": 0.002}),
                _ => json!({}),
            };
            let analysis = (entry.read)(&params).unwrap();
            let mut view = fixture.view();
            (view.preparations, view.rankings) = (&preparations, &rankings);
            analysis.run(&view).unwrap_or_else(|error| panic!("{}: {error}", entry.name()));
        }
    }
}
