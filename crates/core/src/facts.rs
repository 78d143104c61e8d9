use serde::{Deserialize, Serialize};

/// What a plan needs to know of a data set before anything is trained.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DatasetFacts {
    /// The registered name.
    pub name: String,
    /// Number of classes.
    pub classes: u32,
    /// Height and width of every picture, in pixels.
    pub size: u32,
    /// Pictures of each class in the training set.
    pub train_per_class: Vec<usize>,
    /// Pictures of each class in the test set.
    pub test_per_class: Vec<usize>,
    /// Changes when any picture or label does.
    pub fingerprint: String,
    /// A name for each class, in the order of the labels.
    #[serde(default)]
    pub class_names: Vec<String>,
    /// What a reader of figures on this data set should know, a line each: images left out, classes that are not
    /// tested, images that occur twice. Empty where all is well.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Counts of images beside the official ones, in one line, where a public data set is not whole.
    #[serde(default)]
    pub incomplete: Option<String>,
}

impl DatasetFacts {
    /// Pictures in the training set.
    pub fn train_len(&self) -> usize {
        self.train_per_class.iter().sum()
    }

    /// What is wrong with training on the first `count` images (0: all): that there are fewer. They would be all
    /// images, under a key of its own.
    pub fn too_many(&self, count: usize) -> Option<String> {
        let len = self.train_len();
        (count > len).then(|| {
            format!(
                "`train_pictures` is {count}, but {} has {len} training images: give at most {len}, or 0 for all",
                self.name
            )
        })
    }

    /// Pictures in the test set.
    pub fn test_len(&self) -> usize {
        self.test_per_class.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_images_than_there_are_is_a_problem_that_names_both_numbers() {
        let facts = DatasetFacts { name: "x".into(), train_per_class: vec![3, 2], ..DatasetFacts::default() };
        assert!([0, 1, 5].iter().all(|&count| facts.too_many(count).is_none()));
        let problem = facts.too_many(6).unwrap();
        assert_eq!(
            problem,
            "`train_pictures` is 6, but x has 5 training images: give at most 5, or 0 for all"
        );
    }

    #[test]
    fn facts_from_before_notes_were_kept_can_be_read() {
        let text = r#"{"name":"x","classes":1,"size":8,"train_per_class":[1],"test_per_class":[1],"fingerprint":"f"}"#;
        let facts: DatasetFacts = serde_json::from_str(text).unwrap();
        assert_eq!((facts.class_names.len(), facts.notes.len(), facts.incomplete), (0, 0, None));
    }
}
