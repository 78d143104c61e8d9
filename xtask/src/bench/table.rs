//! The results of the comparison, as CSV and as a table.

use std::path::{Path, PathBuf};

use super::measured::{Measured, Side};
use super::options::Options;
use crate::files;

const HEADER: &str = "round,width,batch,threads,device,side,path,compiled,precision,images_per_second\n";

/// Writes all measurements into `folder`, which is made if needed, and returns the file.
pub(super) fn write_csv(folder: &Path, options: &Options, all: &[Measured]) -> anyhow::Result<PathBuf> {
    files::make_folder(folder)?;
    let file = folder.join("throughput.csv");
    files::write(&file, &csv(options, all))?;
    Ok(file)
}

fn csv(options: &Options, all: &[Measured]) -> String {
    let mut text = String::from(HEADER);
    for one in all {
        let compiled = one.compiled.map_or("", |compiled| if compiled { "yes" } else { "no" });
        text += &format!(
            "{},{},{},{},{},{},{},{compiled},{},{:.1}\n",
            one.round,
            one.width,
            options.batch,
            options.threads,
            options.device,
            one.side.name(),
            one.side.path(),
            one.precision,
            one.speed
        );
    }
    text
}

/// One row for each width: scour's step, each PyTorch with the ratio of medians, and scour on a sweep's path.
pub(super) fn table(options: &Options, all: &[Measured]) -> String {
    let pytorch: &[Side] = if options.tuned { &[Side::Eager, Side::Tuned] } else { &[Side::Eager] };
    let mut text = format!(
        "\nPreAct-ResNet18, training, batch {}, {} threads, {}, images per second over {} rounds, in turns: \
         min / median / max\n\n| width | {} |",
        options.batch,
        options.threads,
        options.device,
        options.rounds,
        heading(Side::Scour, all)
    );
    for side in pytorch {
        text += &format!(" {} | ratio of medians |", heading(*side, all));
    }
    text += &format!(" {} |\n|{}\n", heading(Side::ScourSweep, all), "---|".repeat(3 + 2 * pytorch.len()));
    for &width in &options.widths {
        let of = |side: Side| {
            spread(all.iter().filter(|one| one.width == width && one.side == side).map(|one| one.speed))
        };
        let show = |[low, middle, high]: [f64; 3]| format!("{low:.0} / {middle:.0} / {high:.0}");
        let scour = of(Side::Scour);
        text += &format!("| {width} | {} |", show(scour));
        for side in pytorch {
            let found = of(*side);
            text += &format!(" {} | {:.2} |", show(found), scour[1] / found[1]);
        }
        text += &format!(" {} |\n", show(of(Side::ScourSweep)));
    }
    text.trim_end().to_owned()
}

/// `pytorch tuned (fp32, not compiled)`.
fn heading(side: Side, all: &[Measured]) -> String {
    let own = || all.iter().filter(|one| one.side == side);
    let precision = own().next().map_or("", |one| one.precision.as_str());
    // If one did not compile, the median is of both kinds.
    let compiled = match side == Side::Tuned && own().any(|one| one.compiled != Some(true)) {
        true => ", not compiled",
        false => "",
    };
    let path = if side == Side::ScourSweep { " on a sweep's path" } else { "" };
    format!("{}{path} ({precision}{compiled})", side.name())
}

/// Minimum, median and maximum.
fn spread(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.as_slice() {
        [] => [f64::NAN; 3],
        [low, .., high] => [*low, (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0, *high],
        [one] => [*one; 3],
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::tests::parse;
    use super::*;

    fn one(round: usize, side: Side, speed: f64) -> Measured {
        let compiled = (side == Side::Tuned).then_some(round == 1);
        Measured { round, width: 16, side, speed, precision: "fp32".into(), compiled }
    }

    fn two_rounds() -> Vec<Measured> {
        let speeds =
            [(Side::Scour, 200.0), (Side::Eager, 100.0), (Side::Tuned, 400.0), (Side::ScourSweep, 160.0)];
        let round = |round: usize, factor: f64| speeds.map(|(side, speed)| one(round, side, factor * speed));
        round(1, 1.0).into_iter().chain(round(2, 1.1)).collect()
    }

    #[test]
    fn spread_takes_the_middle_of_two() {
        assert_eq!(spread([3.0, 1.0, 2.0].into_iter()), [1.0, 2.0, 3.0]);
        assert_eq!(spread([4.0, 1.0, 2.0, 9.0].into_iter()), [1.0, 3.0, 9.0]);
        assert_eq!(spread([7.0].into_iter()), [7.0, 7.0, 7.0]);
    }

    #[test]
    fn the_table_divides_medians() {
        let options = parse(&["--widths", "16"]).unwrap();
        let text = table(&options, &two_rounds());
        let lines: Vec<&str> = text.lines().collect();
        let [.., head, rule, last] = lines.as_slice() else { panic!("{text}") };
        assert_eq!(
            *head,
            "| width | scour (fp32) | pytorch eager (fp32) | ratio of medians | pytorch tuned (fp32, not compiled) \
             | ratio of medians | scour on a sweep's path (fp32) |"
        );
        assert_eq!(*rule, "|---|---|---|---|---|---|---|");
        assert_eq!(
            *last,
            "| 16 | 200 / 210 / 220 | 100 / 105 / 110 | 2.00 | 400 / 420 / 440 | 0.50 | 160 / 168 / 176 |"
        );
    }

    #[test]
    fn without_tuned_pytorch_there_is_one_ratio() {
        let options = parse(&["--widths", "16", "--tuned", "no"]).unwrap();
        let mut all = two_rounds();
        all.retain(|one| one.side != Side::Tuned);
        let last = table(&options, &all).lines().last().unwrap().to_owned();
        assert_eq!(last, "| 16 | 200 / 210 / 220 | 100 / 105 / 110 | 2.00 | 160 / 168 / 176 |");
    }

    #[test]
    fn the_csv_has_side_path_and_whether_it_was_compiled() {
        let options = parse(&["--threads", "2"]).unwrap();
        let text = csv(&options, &two_rounds());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 9);
        assert_eq!(
            lines[0],
            "round,width,batch,threads,device,side,path,compiled,precision,images_per_second"
        );
        assert_eq!(lines[1], "1,16,128,2,cpu,scour,step,,fp32,200.0");
        assert_eq!(lines[3], "1,16,128,2,cpu,pytorch tuned,step,yes,fp32,400.0");
        assert_eq!(lines[8], "2,16,128,2,cpu,scour,sweep,,fp32,176.0");
    }
}
