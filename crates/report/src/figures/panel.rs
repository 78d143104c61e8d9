//! A figure that also is a file of its own.

use serde::Serialize;

/// One of several small figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Panel {
    /// The name of the file with the figure, without its ending.
    pub(crate) file: String,
    /// SVG.
    pub(crate) svg: String,
}
