use serde::{Deserialize, Serialize};

/// The properties of a data set that the planner needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DatasetFacts {
    /// The registered name.
    pub name: String,
    /// Number of classes.
    pub classes: u32,
    /// Height and width of every image, in pixels.
    pub size: u32,
    /// Images of each class in the training set.
    pub train_per_class: Vec<usize>,
    /// Images of each class in the test set.
    pub test_per_class: Vec<usize>,
    /// A hash that changes with any image or label.
    pub fingerprint: String,
    /// Names of the classes by label; empty if they have none.
    #[serde(default)]
    pub class_names: Vec<String>,
    /// What is missing from the official data set, in one line; `None` if it is complete or has no official counts.
    #[serde(default)]
    pub incomplete: Option<String>,
    /// Further notes on the files, one line each, such as images that were skipped.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl DatasetFacts {
    /// Images in the training set.
    pub fn train_len(&self) -> usize {
        self.train_per_class.iter().sum()
    }

    /// Images in the test set.
    pub fn test_len(&self) -> usize {
        self.test_per_class.iter().sum()
    }

    /// The chance level: ACC, in percent, of always predicting the most frequent class of the test set.
    pub fn chance(&self) -> f64 {
        let largest = self.test_per_class.iter().max().copied().unwrap_or(0);
        if largest == 0 { 0.0 } else { 100.0 * largest as f64 / self.test_len() as f64 }
    }

    /// A class as `0 airplane`, or its label if it has no name.
    pub fn class(&self, label: u32) -> String {
        match self.class_names.get(label as usize).filter(|name| **name != label.to_string()) {
            Some(name) => format!("{label} {name}"),
            None => label.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_level_is_the_share_of_the_most_frequent_test_class() {
        let facts = |test: &[usize]| DatasetFacts { test_per_class: test.into(), ..DatasetFacts::default() };
        assert_eq!(facts(&[30, 10]).chance(), 75.0);
        assert_eq!(facts(&[5, 5, 5, 5]).chance(), 25.0);
        assert_eq!(facts(&[0, 0]).chance(), 0.0);
    }

    #[test]
    fn facts_of_older_versions_without_notes_can_be_read() {
        let text = r#"{"name":"x","classes":1,"size":8,"train_per_class":[1],"test_per_class":[1],"fingerprint":"f"}"#;
        let facts: DatasetFacts = serde_json::from_str(text).unwrap();
        assert_eq!((facts.class_names.len(), facts.notes.len(), facts.incomplete), (0, 0, None));
    }

    #[test]
    fn a_class_is_shown_with_its_name_if_it_has_one() {
        let facts = DatasetFacts { class_names: vec!["cat".into(), "1".into()], ..DatasetFacts::default() };
        assert_eq!([0, 1, 2].map(|label| facts.class(label)), ["0 cat", "1", "2"]);
    }
}
