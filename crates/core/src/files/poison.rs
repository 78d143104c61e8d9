use serde::{Deserialize, Serialize};

use super::FileFormat;
use super::json::first_version;
use crate::LabelMap;

/// `poison.json` beside an attacked model: which training images the attacker has poisoned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoisonFile {
    /// The version of the file.
    #[serde(default = "first_version")]
    pub version: u32,
    /// Indices of the poisoned training images, ascending.
    pub indices: Vec<u32>,
    /// Share of the training set that was to be poisoned, 0..1.
    pub poison_ratio: f64,
    /// What triggered images are to be taken for.
    pub label_map: LabelMap,
    /// The repeat.
    pub seed: u64,
}

impl FileFormat for PoisonFile {
    const VERSION: u32 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{parse_json, pretty_json};
    use std::path::Path;

    #[test]
    fn poisoned_images_come_back_as_written_and_from_a_file_without_a_version() {
        let old = br#"{"indices":[1,4],"label_map":{"all_to_one":0},"poison_ratio":0.1,"seed":3}"#;
        let read = |text: &[u8]| parse_json::<PoisonFile>(text, Path::new("poison.json")).unwrap();
        let file = read(old);
        assert_eq!((file.version, file.indices.as_slice(), file.seed), (1, &[1, 4][..], 3));
        assert_eq!(read(&pretty_json(&file).unwrap()), file);
    }
}
