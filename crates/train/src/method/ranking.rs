//! Rankings of neurons: what a pruning defense decides by.

use scour_core::ScoreRow;

use crate::TrainError;

/// Scores of a model's neurons. A pruning defense prunes those with the highest scores first.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// The layers, in registration order.
    pub layers: Vec<RankedLayer>,
}

/// The scores of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedLayer {
    /// The module whose output channels are the neurons, by the name that a [`Tap`](scour_models::Tap) is given.
    pub module: String,
    /// The score of each channel.
    pub scores: Vec<f64>,
}

impl Ranking {
    /// From the names of layers and their scores. An error if a score is not finite.
    pub fn new(layers: impl IntoIterator<Item = (String, Vec<f64>)>) -> Result<Self, TrainError> {
        let layers: Vec<RankedLayer> =
            layers.into_iter().map(|(module, scores)| RankedLayer { module, scores }).collect();
        match layers.iter().flat_map(|layer| &layer.scores).find(|score| !score.is_finite()) {
            Some(&last) => Err(TrainError::NotFinite { step: "ranking".into(), at: 0, last }),
            None => Ok(Self { layers }),
        }
    }

    /// From the rows of [`Ranking::rows`]. An error unless every layer's neurons are numbered from 0.
    pub fn from_rows(rows: Vec<ScoreRow>) -> Result<Self, TrainError> {
        let mut layers: Vec<(String, Vec<f64>)> = vec![];
        for ScoreRow { module, neuron, score } in rows {
            if layers.last().is_none_or(|(last, _)| *last != module) {
                layers.push((module.clone(), vec![]));
            }
            let scores = layers.last_mut().map(|(_, scores)| scores);
            match scores.filter(|scores| scores.len() == neuron) {
                Some(scores) => scores.push(score),
                None => {
                    return Err(TrainError::File(format!(
                        "ranking: neuron {neuron} of `{module}` is out of order"
                    )));
                }
            }
        }
        Self::new(layers)
    }

    /// One row for each neuron, in the order of [`Ranking::scores`].
    pub fn rows(&self) -> Vec<ScoreRow> {
        let rows = |layer: &RankedLayer| {
            let scores = layer.scores.clone().into_iter().enumerate();
            let module = layer.module.clone();
            scores.map(move |(neuron, score)| ScoreRow { module: module.clone(), neuron, score })
        };
        self.layers.iter().flat_map(rows).collect()
    }

    /// The number of neurons.
    pub fn neurons(&self) -> usize {
        self.layers.iter().map(|layer| layer.scores.len()).sum()
    }

    /// The scores of all layers, one layer after the other.
    pub fn scores(&self) -> Vec<f64> {
        self.layers.iter().flat_map(|layer| layer.scores.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_layers_are_joined_in_order_and_must_be_finite() {
        let layers = |last: f64| [("a".to_string(), vec![0.5, 2.0]), ("b".to_string(), vec![last])];
        let ranking = Ranking::new(layers(-1.0)).unwrap();
        assert_eq!((ranking.neurons(), ranking.scores()), (3, vec![0.5, 2.0, -1.0]));
        assert!(Ranking::new(layers(f64::NAN)).is_err());
    }

    #[test]
    fn a_ranking_is_restored_from_its_rows() {
        let ranking =
            Ranking::new([("a".into(), vec![0.1 + 0.2, 2.0]), ("b".into(), vec![-1e-300])]).unwrap();
        let mut rows = ranking.rows();
        assert_eq!(rows[1], ScoreRow { module: "a".into(), neuron: 1, score: 2.0 });
        assert_eq!(Ranking::from_rows(rows.clone()).unwrap(), ranking);
        rows.swap(0, 1);
        let error = Ranking::from_rows(rows).unwrap_err().to_string();
        assert!(error.contains("neuron 1 of `a` is out of order"), "{error}");
    }
}
