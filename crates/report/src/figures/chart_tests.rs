use super::*;

fn point(x: f64, y: f64, band: Option<[f64; 2]>) -> LinePoint {
    LinePoint { x, y, band, title: format!("{x}: {y}") }
}

#[test]
fn a_chart_has_its_lines_bands_points_and_legend() {
    let chart = Chart {
        title: "A <b>".into(),
        description: "for all".into(),
        x: ChartAxis::linear("ratio", [0.0, 1.0]),
        y: ChartAxis::linear("share", [0.0, 1.0]),
        clouds: vec![Cloud {
            name: "neurons".into(),
            color: "red".into(),
            points: vec![[0.0, 0.0], [1.0, 1.0]],
        }],
        lines: vec![Line {
            name: "mean".into(),
            color: "blue".into(),
            dash: Dash::Dashed,
            points: vec![point(0.0, 0.0, Some([0.0, 0.5])), point(1.0, 1.0, Some([0.5, 1.0]))],
        }],
    };
    let svg = chart.svg();
    // The corners of the plot, and the band there and back.
    assert!(svg.contains("d=\"M56.0 250.0h0M428.0 30.0h0\" stroke=\"red\""), "{svg}");
    assert!(svg.contains("d=\"M56.0 250.0L428.0 30.0\" fill=\"none\" stroke=\"blue\""), "{svg}");
    assert!(svg.contains("d=\"M56.0 140.0L428.0 30.0L428.0 140.0L56.0 250.0Z\""), "{svg}");
    assert!(svg.contains("A &lt;b&gt;") && svg.contains("<title>1: 1</title>"), "{svg}");
    assert_eq!(chart.legend().iter().map(Vec::len).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_legend_continues_on_the_next_row() {
    let line = |at: usize| Line {
        name: format!("ranking number {at}"),
        color: String::new(),
        dash: Dash::Solid,
        points: vec![],
    };
    let chart = Chart {
        title: String::new(),
        description: String::new(),
        x: ChartAxis::linear("", [0.0, 1.0]),
        y: ChartAxis::linear("", [0.0, 1.0]),
        clouds: vec![],
        lines: (0..5).map(line).collect(),
    };
    assert_eq!(chart.legend().iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
}
