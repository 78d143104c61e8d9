//! The table of scores that a defense which scores neurons writes beside the model.

use std::path::Path;

use crate::TrainError;

/// A defense's score of one neuron.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NeuronScore<'a> {
    /// Module name of its layer.
    pub layer: &'a str,
    /// Index of the filter in its layer, which is the index of an output channel.
    pub filter: usize,
    /// The score by which the defense ranks it.
    pub score: f64,
    /// Whether it was pruned or reinitialised.
    pub selected: bool,
}

/// Writes a CSV file with the columns layer, filter, score, selected, in the given order.
pub fn write_scores<'a>(
    path: &Path,
    neurons: impl IntoIterator<Item = NeuronScore<'a>>,
) -> Result<(), TrainError> {
    let file = |error: csv::Error| TrainError::of_file(path, &error.into());
    let mut writer = csv::Writer::from_path(path).map_err(file)?;
    writer.write_record(["layer", "filter", "score", "selected"]).map_err(file)?;
    for neuron in neurons {
        let (filter, score) = (neuron.filter.to_string(), neuron.score.to_string());
        let selected = if neuron.selected { "true" } else { "false" };
        writer.write_record([neuron.layer, &filter, &score, selected]).map_err(file)?;
    }
    writer.flush().map_err(|error| TrainError::of_file(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_a_header_and_one_row_for_each_neuron() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.csv");
        let row = |filter, score, selected| NeuronScore { layer: "layer1.0.conv1", filter, score, selected };
        write_scores(&path, [row(3, 0.5, true), row(0, 0.0, false)]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = "layer,filter,score,selected\nlayer1.0.conv1,3,0.5,true\nlayer1.0.conv1,0,0,false\n";
        assert_eq!(text, expected);
        assert!(write_scores(&folder.path().join("no/such.csv"), [row(0, 1.0, true)]).is_err());
    }
}
