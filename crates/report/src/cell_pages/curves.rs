//! Curves by epoch, from the CSV files of a stage that have a column `epoch`.

use std::path::Path;

use crate::figures::{Chart, ChartAxis, Dash, Line, LinePoint, from_zero, shown};

/// The column of epochs.
const EPOCH: &str = "epoch";
/// In a file with this column, as of TSBD's activeness, rows with `mean` are shown, with the mean over their neurons.
const STATISTIC: &str = "statistic";
/// Files with more columns are not curves.
const MOST_COLUMNS: usize = 6;

/// The name of a line, and its points.
type Column = (String, Vec<(f64, f64)>);

/// The chart of a file; `None` if it has no curve of at least two epochs. A file that is no CSV has none: it is a table of the
/// stage that the report need not know.
pub(super) fn curve(path: &Path) -> Option<Chart> {
    let mut reader = csv::Reader::from_path(path).ok()?;
    let columns: Vec<String> = reader.headers().ok()?.iter().map(String::from).collect();
    let epoch = columns.iter().position(|column| column == EPOCH)?;
    let statistic = columns.iter().position(|column| column == STATISTIC);
    let records: Vec<csv::StringRecord> = reader.records().filter_map(Result::ok).collect();
    let value = |record: &csv::StringRecord, at: usize| record.get(at)?.parse::<f64>().ok();
    let mut lines: Vec<Column> = vec![];
    if let Some(statistic) = statistic {
        let neurons: Vec<usize> = (0..columns.len()).filter(|at| ![epoch, statistic].contains(at)).collect();
        let rows = records.iter().filter(|record| record.get(statistic) == Some("mean"));
        let points = rows.filter_map(|record| {
            let values: Vec<f64> = neurons.iter().filter_map(|at| value(record, *at)).collect();
            Some((value(record, epoch)?, crate::number::mean(&values)?))
        });
        lines.push((format!("mean over {} neurons", neurons.len()), points.collect()));
    } else if columns.len() <= MOST_COLUMNS {
        for (at, column) in columns.iter().enumerate().filter(|(at, _)| *at != epoch) {
            let points =
                records.iter().filter_map(|record| Some((value(record, epoch)?, value(record, at)?)));
            lines.push((column.clone(), points.collect()));
        }
    }
    lines.retain(|(_, points)| points.len() > 1);
    chart(path, lines)
}

fn chart(path: &Path, lines: Vec<Column>) -> Option<Chart> {
    let file = path.file_name()?.to_string_lossy().into_owned();
    let all = || lines.iter().flat_map(|(_, points)| points);
    // Files count epochs from 0 or from 1; a plot counts from 1.
    let first = all().map(|(epoch, _)| *epoch).fold(f64::INFINITY, f64::min);
    let last = all().map(|(epoch, _)| *epoch - first + 1.0).fold(0.0, f64::max);
    if last < 2.0 {
        return None;
    }
    let range = from_zero(all().map(|(_, value)| *value));
    let drawn = lines.iter().enumerate().map(|(index, (name, points))| {
        let (color, _) = crate::figures::line_style(index);
        let point = |(epoch, value): &(f64, f64)| {
            let epoch = epoch - first + 1.0;
            LinePoint { x: epoch, y: *value, band: None, title: format!("epoch {epoch}: {}", shown(*value)) }
        };
        Line { name: name.clone(), color, dash: Dash::Solid, points: points.iter().map(point).collect() }
    });
    Some(Chart {
        title: file.clone(),
        description: format!("{file}, by epoch"),
        x: ChartAxis::epochs(EPOCH, last as usize),
        y: ChartAxis::linear("", range),
        clouds: vec![],
        lines: drawn.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<Column>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("training.csv");
        std::fs::write(&path, text).unwrap();
        let chart = curve(&path)?;
        let points = |line: &Line| line.points.iter().map(|point| (point.x, point.y)).collect();
        Some(chart.lines.iter().map(|line| (line.name.clone(), points(line))).collect())
    }

    #[test]
    fn columns_are_lines_and_neurons_are_averaged() {
        assert_eq!(
            read("epoch,loss,note\n1,2.5,a\n2,1.5,b\n").unwrap(),
            [("loss".to_string(), vec![(1.0, 2.5), (2.0, 1.5)])]
        );
        assert_eq!(
            read("epoch,statistic,neuron_0,neuron_1\n0,mean,1,3\n0,variance,9,9\n1,mean,4,6\n").unwrap(),
            [("mean over 2 neurons".to_string(), vec![(1.0, 2.0), (2.0, 5.0)])]
        );
        assert!(read("layer,score\na,1\nb,2\n").is_none(), "no epochs");
        assert!(read("epoch,loss\n1,2\n").is_none(), "one point is no curve");
        assert!(read("").is_none());
    }
}
