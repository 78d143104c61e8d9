//! How much a ranking of neurons depends on the clean set and on the defense's seed.

use scour_core::{
    AnalysisNeed, Choice, DatasetFacts, Description, Method, ParamError, Parameters, RankingSource,
    StabilityChange, StabilityRow, Stream, stream_seed,
};
use scour_torch::Random;
use scour_train::{Analysis, AnalysisView, TrainError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::coverage::{RANDOM, check_labels, paper_rankings};
use crate::curve::{Curve, random_scores};
use crate::tables::write;

/// The ratios at which shares are written.
const RATIOS: [f64; 6] = [0.01, 0.05, 0.1, 0.15, 0.3, 0.5];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RankingStability {
    /// The defenses whose rankings are repeated, with parameters where they differ from those of the profile.
    #[parameter(default = paper_rankings(), published = paper_rankings())]
    rankings: Vec<Choice>,
}

impl Method for RankingStability {
    const DESCRIPTION: Description = Description {
        name: "ranking_stability",
        title: "Stability of rankings",
        family: "comparison of rankings",
        summary: "Measures how many of the first neurons two rankings of one defense share, with another clean set or seed.",
        idea: "A ranking that finds the neurons of a backdoor finds the same ones with other clean images. Where two clean sets \
               share few of the chosen neurons, the choice depends on the images more than on the backdoor.",
        formula: "Each defense ranks the neurons of the attacked model three times: as in the sweep, with another clean set of the \
                  same size, drawn from the same training images, and with another seed of the defense. For each ratio: the \
                  share of the first neurons that two rankings have in common. Control: two random rankings, which share the \
                  ratio itself on average.",
        cost: "Two more rankings of each defense, each a stage of its own: two of TSBD's unlearnings and two trainings of the masks \
               of ANP and RNP.",
        ..Description::EMPTY
    };

    fn check(&self, _: &DatasetFacts) -> Result<(), ParamError> {
        check_labels(&self.rankings)
    }
}

impl Analysis for RankingStability {
    fn needs(&self) -> Vec<AnalysisNeed> {
        let sources = [RankingSource::Cell, RankingSource::OtherCleanSet, RankingSource::OtherSeed];
        let of = |choice: &Choice| sources.map(|source| AnalysisNeed::Ranking(choice.clone(), source));
        self.rankings.iter().flat_map(of).collect()
    }

    fn run(&self, view: &AnalysisView) -> Result<Map<String, Value>, TrainError> {
        let mut rows = vec![];
        let mut neurons = 0;
        for first in view.rankings.iter().filter(|found| found.source == RankingSource::Cell) {
            neurons = neurons.max(first.ranking.neurons());
            for second in view.rankings.iter().filter(|second| second.label == first.label) {
                let changed = match second.source {
                    RankingSource::Cell => continue,
                    RankingSource::OtherCleanSet => StabilityChange::CleanSet,
                    RankingSource::OtherSeed => StabilityChange::Seed,
                };
                rows.extend(shares(&first.label, changed, &first.ranking.scores(), &second.ranking.scores()));
            }
        }
        let mut random = Random::new(stream_seed(view.seed, Stream::Analysis, 3));
        for changed in [StabilityChange::CleanSet, StabilityChange::Seed] {
            let [first, second] = [(); 2].map(|()| random_scores(neurons, &mut random));
            rows.extend(shares(RANDOM, changed, &first, &second));
        }
        write(view.out, &rows)?;
        Ok(Map::new())
    }
}

fn shares(ranking: &str, changed: StabilityChange, first: &[f64], second: &[f64]) -> Vec<StabilityRow> {
    let curve = Curve::new(first, second);
    let row = |ratio| StabilityRow {
        ranking: ranking.into(),
        changed,
        neurons: first.len(),
        ratio,
        shared: curve.at(ratio),
    };
    RATIOS.map(row).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, labelled};
    use scour_core::read_table;
    use scour_train::LabelledRanking;

    #[test]
    fn a_constant_ranking_is_stable_and_one_by_the_images_is_not() {
        let fixture = Fixture::new();
        let of = |label: &str, source, sign: f64| {
            let scores = (0..100).map(|neuron| sign * f64::from(neuron)).collect();
            let found = labelled(label, vec![("layer1.0.conv1".to_string(), scores)]);
            LabelledRanking { source, ..found }
        };
        let [cell, other_set, other_seed] =
            [RankingSource::Cell, RankingSource::OtherCleanSet, RankingSource::OtherSeed];
        let rankings = [
            of("constant", cell, 1.0),
            of("constant", other_set, 1.0),
            of("constant", other_seed, 1.0),
            of("by images", cell, 1.0),
            of("by images", other_set, -1.0),
            of("by images", other_seed, 1.0),
        ];
        let mut view = fixture.view();
        view.rankings = &rankings;
        RankingStability::default().run(&view).unwrap();
        let rows: Vec<StabilityRow> = read_table(&fixture.out()).unwrap();
        assert_eq!(rows.len(), 3 * 2 * RATIOS.len());
        let shared = |ranking: &str, changed, ratio: f64| {
            let mut rows = rows.iter();
            let wanted =
                |row: &&StabilityRow| row.ranking == ranking && row.changed == changed && row.ratio == ratio;
            rows.find(wanted).unwrap().shared
        };
        assert_eq!(shared("constant", StabilityChange::CleanSet, 0.15), 1.0);
        assert_eq!(shared("by images", StabilityChange::Seed, 0.15), 1.0);
        assert_eq!(shared("by images", StabilityChange::CleanSet, 0.15), 0.0);
        let random = shared(RANDOM, StabilityChange::CleanSet, 0.5);
        assert!((0.3..0.7).contains(&random), "{random}");
    }
}
