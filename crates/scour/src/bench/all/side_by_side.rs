//! Several workers at a time on one device: how many are fastest together.

use std::process::Command;
use std::time::Instant;

use super::super::args::Timed;
use super::children::Interrupted;
use super::findings::{Findings, SideBySide};
use super::speeds::Line;
use super::{SIDE_BY_SIDE_BY, Whole, is_out_of_time};

/// Each number of workers trains on a sweep's path, every one with its share of the cores.
pub(super) fn measure(whole: &Whole, findings: &mut Findings) -> Result<(), Interrupted> {
    // Longer than a single one, so that it weighs little that they do not begin and end at the same instant.
    let seconds = 2.0 * whole.scale.seconds;
    let mut part = whole.budget.part(SIDE_BY_SIDE_BY, whole.scale.warm_up + seconds + 5.0);
    for &workers in whole.scale.workers.iter().filter(|workers| makes_sense(whole, **workers)) {
        let name = format!("{workers} {} at a time", if workers == 1 { "worker" } else { "workers" });
        if is_out_of_time(&part, findings, &name) {
            continue;
        }
        let began = Instant::now();
        let commands = (0..workers).map(|_| worker(whole, workers, seconds)).collect();
        let printed = whole.children.run(commands, whole.budget.end())?;
        part.took(began.elapsed());
        match printed.and_then(|texts| together(&texts)) {
            Ok(images_per_second) => {
                whole.tell(&format!("{name}: {images_per_second:.0} images a second together"));
                findings.side_by_side.push(SideBySide { workers, images_per_second });
            }
            Err(why) => {
                whole.tell(&format!("{name}: {why}"));
                findings.leave_out(&name, &why);
            }
        }
    }
    Ok(())
}

/// More workers than cores wait for each other on a CPU; on a GPU they may not.
fn makes_sense(whole: &Whole, workers: usize) -> bool {
    whole.on_gpu || workers <= whole.threads
}

fn worker(whole: &Whole, workers: usize, seconds: f64) -> Command {
    let threads = (whole.threads / workers).max(1);
    let mut command = whole.bench(Timed::Sweep, "auto", whole.scale.batches[0], seconds, threads);
    command.args(["--warm-up", &whole.scale.warm_up.to_string()]);
    command
}

/// The sum of what each says.
fn together(texts: &[String]) -> Result<f64, String> {
    texts.iter().map(|text| Line::read(text).map(|line| line.images_per_second)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_add_up_and_one_without_a_result_spoils_the_sum() {
        let line = |speed: f64| format!("{{\"precision\":\"fp32\",\"images_per_second\":{speed}}}\n");
        assert_eq!(together(&[line(1.5), line(2.0)]), Ok(3.5));
        assert!(together(&[line(1.5), String::new()]).is_err());
    }
}
