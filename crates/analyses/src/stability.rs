//! How much a ranking of neurons depends on the clean set and on the defense's seed.

use scour_core::{
    AnalysisNeed, Choice, DatasetFacts, Description, Method, ParamError, Parameters, StabilityChange,
    StabilityRow, Stream, stream_seed,
};
use scour_torch::Random;
use scour_train::{Analysis, AnalysisView, DefenderView, Progress, Ranker, Ranking, TrainError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::coverage::{RANDOM, check_labels, needs_of, paper_rankings};
use crate::curve::{Curve, random_scores};
use crate::tables::write;

/// The ratios at which shares are written.
const RATIOS: [f64; 6] = [0.01, 0.05, 0.1, 0.15, 0.3, 0.5];

/// The seed of the second ranking is the seed of the repeat plus this number.
const OTHER_SEED: u64 = 20_000;

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
        cost: "Two more rankings of each defense: two of TSBD's unlearnings and two trainings of the masks of ANP and RNP.",
        ..Description::EMPTY
    };

    fn check(&self, _: &DatasetFacts) -> Result<(), ParamError> {
        check_labels(&self.rankings)
    }
}

impl Analysis for RankingStability {
    fn needs(&self) -> Vec<AnalysisNeed> {
        needs_of(&self.rankings).collect()
    }

    fn run(&self, view: &AnalysisView) -> Result<Map<String, Value>, TrainError> {
        let mut rows = vec![];
        let mut neurons = 0;
        for (done, ranker) in view.rankers.iter().enumerate() {
            let (done, total) = (done as u64, view.rankers.len() as u64);
            view.reporter.progress(Progress { step: "rankings", done, total, ..Progress::default() });
            let first = ranker.rank(view)?;
            neurons = neurons.max(first.neurons());
            for changed in [StabilityChange::CleanSet, StabilityChange::Seed] {
                let second = again(ranker, changed, view)?;
                rows.extend(shares(&ranker.name, changed, &first.scores(), &second.scores()));
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

/// The second ranking of a defense.
fn again(ranker: &Ranker, changed: StabilityChange, view: &AnalysisView) -> Result<Ranking, TrainError> {
    let (clean, seed, part) = match changed {
        StabilityChange::CleanSet => (view.other_clean, view.seed, "clean-set"),
        StabilityChange::Seed => (view.clean, view.seed + OTHER_SEED, "seed"),
    };
    let scratch = view.part(&format!("{}-{part}", ranker.name))?;
    let defender: DefenderView = view.defender(clean, seed, &scratch);
    ranker.rank_again(view.attacked, defender)
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
    use crate::testing::{Fixture, ranker, ranker_by_first_label};
    use scour_core::read_table;

    #[test]
    fn a_constant_ranking_is_stable_and_one_by_the_images_is_not() {
        let fixture = Fixture::new();
        let layers = || vec![("layer1.0.conv1".to_string(), (0..100).map(f64::from).collect())];
        let rankers = [ranker("constant", layers()), ranker_by_first_label("by images", 100)];
        let mut view = fixture.view();
        view.rankers = &rankers;
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
