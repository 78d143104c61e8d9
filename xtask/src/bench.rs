//! `cargo xtask bench`: training speed, and with `--pytorch` beside plain PyTorch in alternating turns, so that a
//! machine whose speed drifts treats both alike.

mod pytorch;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use self::pytorch::PyTorch;
use crate::failure::Failure;
use crate::project::Project;
use crate::{builder, process, say, setup};

/// `cargo xtask bench [OPTIONS]`.
pub(crate) fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    let compare = arguments.iter().any(|word| word == "--pytorch");
    let options = if compare { Some(Options::parse(arguments)?) } else { None };
    let libtorch = setup::ensure(project)?;
    let python = if compare { Some(PyTorch::of(project, &libtorch)?) } else { None };
    builder::program(project, "scour")?;
    match (options, python) {
        (Some(options), Some(python)) => comparison(project, &options, &python),
        _ => process::run(Command::new(project.program("scour")).arg("bench").args(arguments)),
    }
}

/// The options of the comparison.
#[derive(Debug, PartialEq)]
struct Options {
    rounds: usize,
    widths: Vec<u32>,
    batch: u32,
    seconds: f64,
    threads: usize,
    precision: String,
}

impl Options {
    fn parse(arguments: &[OsString]) -> anyhow::Result<Options> {
        let mut options = Options {
            rounds: 3,
            widths: vec![64, 16],
            batch: 128,
            seconds: 20.0,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            precision: "auto".into(),
        };
        let mut words = arguments.iter().map(|word| word.to_string_lossy().into_owned());
        while let Some(word) = words.next() {
            if word == "--pytorch" {
                continue;
            }
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            let mut value = || value.clone().or_else(|| words.next()).unwrap_or_default();
            match name.as_str() {
                "--rounds" => options.rounds = number(&name, &value())?,
                "--widths" | "--width" => {
                    let list = value();
                    options.widths =
                        list.split(',').map(|part| number(&name, part)).collect::<Result<_, _>>()?;
                }
                "--batch" => options.batch = number(&name, &value())?,
                "--seconds" => options.seconds = number(&name, &value())?,
                "--threads" => options.threads = number(&name, &value())?,
                "--precision" => options.precision = value(),
                other => {
                    return Err(Failure::Usage(format!(
                        "bench: no option `{other}`: see `cargo xtask bench --help`"
                    ))
                    .into());
                }
            }
        }
        Ok(options)
    }
}

fn number<T: std::str::FromStr + PartialOrd + Default>(name: &str, text: &str) -> Result<T, Failure> {
    let parsed = text.trim().parse::<T>().ok().filter(|value| *value > T::default());
    parsed.ok_or_else(|| Failure::Usage(format!("bench: {name} wants a number above 0, not `{text}`")))
}

/// One measurement.
struct Measured {
    round: usize,
    width: u32,
    side: &'static str,
    speed: f64,
}

fn comparison(project: &Project, options: &Options, python: &PyTorch) -> anyhow::Result<u8> {
    let mut all = Vec::new();
    for round in 1..=options.rounds {
        for &width in &options.widths {
            for side in ["scour", "pytorch"] {
                let mut command = match side {
                    "scour" => ours(project, options, width),
                    _ => theirs(project, options, width, python),
                };
                let speed = measure(&mut command)?;
                say::progress(&format!("round {round}, width {width}, {side}: {speed:.0} pictures a second"));
                all.push(Measured { round, width, side, speed });
            }
        }
    }
    let file = project.root.join("results/bench/throughput.csv");
    write_csv(&file, options, &all)?;
    say::answer(&table(options, &all));
    say::answer(&format!("\n{}", file.display()));
    Ok(0)
}

fn shared_arguments(options: &Options, width: u32) -> [String; 8] {
    let pairs = [
        ("--width", width.to_string()),
        ("--batch", options.batch.to_string()),
        ("--seconds", options.seconds.to_string()),
        ("--threads", options.threads.to_string()),
    ];
    let [a, b, c, d] = pairs.map(|(name, value)| [name.to_owned(), value]);
    let ([a, e], [b, f], [c, g], [d, h]) = (a, b, c, d);
    [a, e, b, f, c, g, d, h]
}

fn ours(project: &Project, options: &Options, width: u32) -> Command {
    let mut command = Command::new(project.program("scour"));
    command.arg("bench").args(shared_arguments(options, width)).args([
        "--precision",
        &options.precision,
        "--json",
    ]);
    command
}

fn theirs(project: &Project, options: &Options, width: u32, python: &PyTorch) -> Command {
    let mut command = python.command();
    command
        .arg(project.root.join("xtask/bench/pytorch_throughput.py"))
        .args(shared_arguments(options, width));
    command
}

fn measure(command: &mut Command) -> anyhow::Result<f64> {
    let mut text = String::new();
    let code = process::run_reading(command.stdout(Stdio::piped()), |mut output| {
        std::io::Read::read_to_string(&mut output, &mut text).map(|_| ())
    })?;
    if process::was_interrupted() {
        return Err(Failure::Interrupted.into());
    }
    if code != 0 {
        return Err(
            Failure::Program { name: command.get_program().to_string_lossy().into_owned(), code }.into()
        );
    }
    speed_of(&text)
        .with_context(|| format!("no pictures_per_second in what the benchmark printed: {}", text.trim()))
}

/// The speed out of `{"width":16,"pictures_per_second":1234.5}`: one field of one flat line, for which a JSON
/// library would have to be built first.
fn speed_of(text: &str) -> Option<f64> {
    let (_, rest) = text.split_once("\"pictures_per_second\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let end = rest.find([',', '}', ' ', '\n']).unwrap_or(rest.len());
    rest[..end].parse().ok().filter(|speed: &f64| speed.is_finite())
}

fn write_csv(file: &Path, options: &Options, all: &[Measured]) -> anyhow::Result<()> {
    let mut text = String::from("round,width,batch,threads,side,precision,pictures_per_second\n");
    for one in all {
        let precision = if one.side == "scour" { options.precision.as_str() } else { "fp32" };
        text += &format!(
            "{},{},{},{},{},{precision},{:.1}\n",
            one.round, one.width, options.batch, options.threads, one.side, one.speed
        );
    }
    let written = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(file, text));
    written.with_context(|| format!("cannot write {}", file.display()))
}

fn table(options: &Options, all: &[Measured]) -> String {
    let mut text = format!(
        "\nPreAct-ResNet18, training, batch {}, {} threads, pictures a second over {} rounds in turns\n\n\
         | width | scour ({}): min / median / max | PyTorch (eager, fp32): min / median / max | ratio of medians |\n\
         |---|---|---|---|\n",
        options.batch, options.threads, options.rounds, options.precision
    );
    for &width in &options.widths {
        let of = |side: &str| {
            spread(all.iter().filter(|one| one.width == width && one.side == side).map(|one| one.speed))
        };
        let (ours, theirs) = (of("scour"), of("pytorch"));
        let show = |[low, middle, high]: [f64; 3]| format!("{low:.0} / {middle:.0} / {high:.0}");
        text += &format!("| {width} | {} | {} | {:.2} |\n", show(ours), show(theirs), ours[1] / theirs[1]);
    }
    text.trim_end().to_owned()
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
    use super::*;

    fn parse(list: &[&str]) -> anyhow::Result<Options> {
        Options::parse(&list.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read_in_both_spellings() {
        let options = parse(&["--pytorch", "--rounds", "5", "--widths=32,8", "--threads", "2"]).unwrap();
        assert_eq!((options.rounds, options.widths, options.threads), (5, vec![32, 8], 2));
        assert_eq!((options.batch, options.precision.as_str()), (128, "auto"));
    }

    #[test]
    fn nonsense_is_refused_with_the_option_named() {
        for (line, named) in
            [(["--rounds", "0"], "--rounds"), (["--widths", "a"], "--widths"), (["--speed", "1"], "--speed")]
        {
            let error = parse(&line).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
            assert_eq!(crate::failure::exit_code(&error), 2);
        }
        assert!(parse(&["--batch"]).is_err());
    }

    #[test]
    fn the_speed_is_read_from_one_flat_line() {
        assert_eq!(speed_of("{\"width\":16,\"pictures_per_second\":1234.5}\n"), Some(1234.5));
        assert_eq!(speed_of("{\"pictures_per_second\": 88.25, \"width\": 64}"), Some(88.25));
        assert_eq!(speed_of("{\"width\":16}"), None);
        assert_eq!(speed_of("{\"pictures_per_second\": NaN}"), None);
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
        let one = |round, side, speed| Measured { round, width: 16, side, speed };
        let all = [
            one(1, "scour", 200.0),
            one(1, "pytorch", 100.0),
            one(2, "scour", 220.0),
            one(2, "pytorch", 110.0),
        ];
        let last = table(&options, &all).lines().last().unwrap().to_owned();
        assert_eq!(last, "| 16 | 200 / 210 / 220 | 100 / 105 / 110 | 2.00 |");
    }
}
