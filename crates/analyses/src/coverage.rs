//! How well rankings find the neurons that a trigger uses.

use std::collections::BTreeMap;

use scour_core::{
    AnalysisNeed, AreaRow, Choice, CoverageRow, DatasetFacts, Description, LayerScope, Method, ParamError,
    Parameters, RankingSource, Source, Stream, Subject, stream_seed,
};
use scour_models::Model;
use scour_torch::Random;
use scour_train::{Analysis, AnalysisView, ImageSet, Ranking, TrainError, asr_images};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::curve::{Curves, random_areas, random_scores};
use crate::tables::write;
use crate::tac::trigger_activated_changes;

/// The name of the random ranking.
pub(crate) const RANDOM: &str = "random";

/// The ratios at which curves are written.
const RATIOS: [f64; 13] = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 0.9, 1.0];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Coverage {
    /// Triggered test images from which trigger-activated changes are computed.
    #[parameter(default = 1000, published = 1000, min = 1, unit = "images")]
    images: usize,
    /// The defenses whose rankings are compared, with parameters where they differ from those of the profile.
    #[parameter(default = paper_rankings(), published = paper_rankings())]
    rankings: Vec<Choice>,
}

/// The defenses whose rankings the paper compares, and BNP's.
pub(crate) fn paper_rankings() -> Vec<Choice> {
    ["tsbd", "fp", "clp", "anp", "rnp", "bnp"].map(Choice::named).to_vec()
}

/// An error unless the rankings can be told apart by their labels.
pub(crate) fn check_labels(rankings: &[Choice]) -> Result<(), ParamError> {
    let mut labels: Vec<&str> = rankings.iter().map(|choice| choice.label.as_str()).collect();
    labels.push(RANDOM);
    labels.sort_unstable();
    match labels.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(ParamError(format!(
            "rankings: `{}` is there twice: give one of them another label, `as: LABEL`",
            pair[0]
        ))),
        None => Ok(()),
    }
}

impl Method for Coverage {
    const DESCRIPTION: Description = Description {
        name: "coverage",
        title: "Coverage of backdoored neurons",
        family: "comparison of rankings",
        summary: "Measures how many of the neurons that a trigger changes most are among the first of each defense's ranking.",
        source: Source {
            paper: "Lin et al., 2024, Unveiling and Mitigating Backdoor Vulnerabilities based on Unlearning Weight Changes and \
                    Backdoor Activeness",
            section: "section 5.3",
            link: "https://arxiv.org/abs/2405.20291",
            values: "the paper",
        },
        idea: "A ranking of neurons is good if it begins with those that the trigger uses. The trigger-activated change (TAC) of \
               a neuron measures how much the trigger changes its output; no defense can compute it.",
        formula: "TAC_k = mean over test images of the L2 norm of the change of channel k's map under the trigger. Coverage at a \
                  ratio is the share of the neurons with the highest TAC, of all that the defense ranks, that are among its \
                  first as many. The area is the mean coverage over all ratios. Each ranking is compared on its own neurons: \
                  filters for TSBD, BatchNorm channels for CLP, ANP, RNP and BNP, inputs of the last layer for FP.\n\
                  TAC is larger in layers with larger maps and outputs, and so is each ranking's score in some layers: in one \
                  list of all neurons, layers as a whole are compared as well. Therefore the same is measured with a list for \
                  each layer, of which the same ratio is taken; the neurons that are found are added up over the layers.\n\
                  Controls: a random ranking, and the TAC of a clean model under the same trigger.",
        departures: &[
            "The spaces of neurons differ between defenses, so that areas are compared with that of random rankings of as many \
             neurons rather than with one another.",
        ],
        cost: "The rankings of ANP and RNP are trainings of masks. Each ranking is a stage of its own, which `ranking_stability` \
               shares; TSBD's unlearning is shared with the defense.",
        ..Description::EMPTY
    };

    fn check(&self, _: &DatasetFacts) -> Result<(), ParamError> {
        check_labels(&self.rankings)
    }
}

impl Analysis for Coverage {
    fn needs(&self) -> Vec<AnalysisNeed> {
        let rankings =
            self.rankings.iter().map(|choice| AnalysisNeed::Ranking(choice.clone(), RankingSource::Cell));
        [AnalysisNeed::CleanModel].into_iter().chain(rankings).collect()
    }

    fn run(&self, view: &AnalysisView) -> Result<Map<String, Value>, TrainError> {
        let clean_model = view.clean_model()?;
        let mut rankings: Vec<(String, Ranking)> =
            view.rankings.iter().map(|found| (found.label.clone(), found.ranking.clone())).collect();
        let images = asr_images(view.test, view.map, view.attacked.spec.classes)
            .ok_or_else(|| TrainError::Method("every test image is of its target class".into()))?
            .first(self.images);
        let changes = Changes::of(view.attacked, clean_model, &images, &rankings, view)?;
        rankings.extend(random(&rankings, view.seed));
        let (mut points, mut areas) = (vec![], vec![]);
        for (name, ranking) in &rankings {
            for scope in [LayerScope::AllLayers, LayerScope::EachLayer] {
                let lists = ranking_lists(ranking, scope);
                let random = random_areas(&lists, stream_seed(view.seed, Stream::Analysis, 2));
                for tac in [Subject::Attacked, Subject::Clean] {
                    let curves = Curves::new(&ranking.scores(), &changes.for_ranking(tac, ranking), &lists);
                    let (ranking, neurons) = (name.clone(), ranking.neurons());
                    let (random_low, random_high) = random;
                    areas.push(AreaRow {
                        ranking,
                        tac,
                        scope,
                        neurons,
                        area: curves.area(),
                        random_low,
                        random_high,
                    });
                    points.extend(RATIOS.map(|ratio| CoverageRow {
                        ranking: name.clone(),
                        tac,
                        scope,
                        neurons,
                        ratio,
                        covered: curves.at(ratio),
                    }));
                }
            }
        }
        write(view.out, &points)?;
        write(view.out, &areas)?;
        Ok(Map::from_iter([("images".to_string(), images.len().into())]))
    }
}

/// The numbers of neurons that stand in one list.
fn ranking_lists(ranking: &Ranking, scope: LayerScope) -> Vec<usize> {
    match scope {
        LayerScope::AllLayers => vec![ranking.neurons()],
        LayerScope::EachLayer => ranking.layers.iter().map(|layer| layer.scores.len()).collect(),
    }
}

/// A random ranking of the neurons of the first ranking.
fn random(rankings: &[(String, Ranking)], seed: u64) -> Option<(String, Ranking)> {
    let (_, first) = rankings.first()?;
    let mut random = Random::new(stream_seed(seed, Stream::Analysis, 1));
    let mut scores = random_scores(first.neurons(), &mut random).into_iter();
    let layers = first
        .layers
        .iter()
        .map(|layer| (layer.module.clone(), scores.by_ref().take(layer.scores.len()).collect::<Vec<f64>>()));
    Some((RANDOM.to_string(), Ranking::new(layers.collect::<Vec<_>>()).ok()?))
}

/// The trigger-activated changes of both models.
struct Changes {
    attacked: BTreeMap<String, Vec<f64>>,
    clean: BTreeMap<String, Vec<f64>>,
}

impl Changes {
    /// Of all modules that any ranking has.
    fn of(
        attacked: &Model,
        clean: &Model,
        images: &ImageSet,
        rankings: &[(String, Ranking)],
        view: &AnalysisView,
    ) -> Result<Self, TrainError> {
        let modules = rankings.iter().flat_map(|(_, ranking)| &ranking.layers);
        let mut modules: Vec<&str> = modules.map(|layer| layer.module.as_str()).collect();
        modules.sort_unstable();
        modules.dedup();
        Ok(Self {
            attacked: trigger_activated_changes(attacked, images, &modules, view)?,
            clean: trigger_activated_changes(clean, images, &modules, view)?,
        })
    }

    /// The changes of a ranking's neurons, in its order.
    fn for_ranking(&self, tac: Subject, ranking: &Ranking) -> Vec<f64> {
        let changes = match tac {
            Subject::Attacked => &self.attacked,
            Subject::Clean => &self.clean,
        };
        ranking.layers.iter().flat_map(|layer| changes[&layer.module].iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, labelled};
    use scour_core::read_table;

    #[test]
    fn a_ranking_by_the_change_itself_covers_everything_and_its_opposite_nothing() {
        let fixture = Fixture::new();
        let view = fixture.view();
        let images = asr_images(&fixture.test, view.map, 3).unwrap().first(1000);
        let modules = ["layer1.0.conv1", "layer4.1.conv2"];
        let tac = trigger_activated_changes(&fixture.attacked, &images, &modules, &view).unwrap();
        let by = |sign: f64| {
            let scores = |module: &str| tac[module].iter().map(|change| sign * change).collect::<Vec<f64>>();
            modules.map(|module| (module.to_string(), scores(module))).to_vec()
        };
        // Right in each layer, but the second layer's neurons always come first.
        let mut shifted = by(1.0);
        shifted[1].1.iter_mut().for_each(|score| *score += 1e6);
        let rankings = [labelled("best", by(1.0)), labelled("worst", by(-1.0)), labelled("shifted", shifted)];
        let mut view = fixture.view();
        view.rankings = &rankings;
        Coverage::default().run(&view).unwrap();
        let areas: Vec<AreaRow> = read_table(&fixture.out()).unwrap();
        let area = |ranking: &str, tac, scope| {
            let mut rows = areas.iter();
            rows.find(|row| row.ranking == ranking && row.tac == tac && row.scope == scope).unwrap().area
        };
        let [all, each] = [LayerScope::AllLayers, LayerScope::EachLayer];
        assert_eq!(area("best", Subject::Attacked, all), 1.0);
        assert_eq!(area("best", Subject::Attacked, each), 1.0);
        assert_eq!(area("shifted", Subject::Attacked, each), 1.0);
        assert!(area("shifted", Subject::Attacked, all) < 1.0, "the order of layers counts in one list");
        // The lists share neurons in their second half only: the mean of (2k - n) / k.
        assert!(area("worst", Subject::Attacked, all) < 0.35);
        assert!(area("best", Subject::Clean, all) < 1.0, "another model has other changes");
        assert_eq!(areas.len(), 4 * 2 * 2, "the random ranking is a control");
        let points: Vec<CoverageRow> = read_table(&fixture.out()).unwrap();
        assert_eq!(points.len(), 4 * 2 * 2 * RATIOS.len());
        let at = |ratio: f64| points.iter().find(|row| row.ranking == "worst" && row.ratio == ratio).unwrap();
        assert_eq!((at(0.5).covered, at(1.0).covered), (0.0, 1.0));
    }

    #[test]
    fn two_rankings_need_two_labels_and_none_is_called_random() {
        let same = [Choice::named("tsbd"), Choice::named("tsbd")];
        let message = check_labels(&same).unwrap_err().to_string();
        assert!(message.contains("`tsbd` is there twice") && message.contains("as: LABEL"), "{message}");
        assert!(check_labels(&[Choice::named(RANDOM)]).is_err());
        check_labels(&paper_rankings()).unwrap();
    }
}
