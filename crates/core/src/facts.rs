use serde::{Deserialize, Serialize};

/// What a plan needs to know of a data set before anything is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
}

impl DatasetFacts {
    /// Pictures in the training set.
    pub fn train_len(&self) -> usize {
        self.train_per_class.iter().sum()
    }

    /// Pictures in the test set.
    pub fn test_len(&self) -> usize {
        self.test_per_class.iter().sum()
    }
}
