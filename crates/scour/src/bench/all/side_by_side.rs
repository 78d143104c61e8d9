//! Several workers at the same time on one device.

use std::process::Command;
use std::time::Instant;

use super::super::args::Timed;
use super::children::Interrupted;
use super::findings::{Findings, SideBySide};
use super::speeds::Line;
use super::{Context, SIDE_BY_SIDE_BY, is_out_of_time};

/// For each number of workers, measures their total speed on a sweep's path; each worker has its share of the cores.
pub(super) fn measure(context: &Context, findings: &mut Findings) -> Result<(), Interrupted> {
    // Longer than the measurement of a single worker, so that differences in their start and end matter little.
    let seconds = 2.0 * context.scale.seconds;
    let mut part = context.budget.part(SIDE_BY_SIDE_BY, context.scale.warm_up + seconds + 5.0);
    for &workers in context.scale.workers.iter().filter(|workers| is_useful(context, **workers)) {
        let name = format!("{workers} {} at a time", if workers == 1 { "worker" } else { "workers" });
        if is_out_of_time(&part, findings, &name) {
            continue;
        }
        let began = Instant::now();
        let commands = (0..workers).map(|_| worker(context, workers, seconds)).collect();
        let outputs = context.children.run(commands, context.budget.end())?;
        part.record(began.elapsed());
        match outputs.and_then(|texts| total_speed(&texts)) {
            Ok(images_per_second) => {
                context.report(&format!("{name}: {images_per_second:.0} images a second in total"));
                findings.side_by_side.push(SideBySide { workers, images_per_second });
            }
            Err(why) => {
                context.report(&format!("{name}: {why}"));
                findings.leave_out(&name, &why);
            }
        }
    }
    Ok(())
}

/// On a CPU, more workers than threads are not faster; on a GPU they may be.
fn is_useful(context: &Context, workers: usize) -> bool {
    context.on_gpu || workers <= context.threads
}

fn worker(context: &Context, workers: usize, seconds: f64) -> Command {
    let threads = (context.threads / workers).max(1);
    let mut command = context.bench(Timed::Sweep, "auto", context.scale.batches[0], seconds, threads);
    command.args(["--warm-up", &context.scale.warm_up.to_string()]);
    command
}

/// The sum of the workers' speeds.
fn total_speed(texts: &[String]) -> Result<f64, String> {
    texts.iter().map(|text| Line::read(text).map(|line| line.images_per_second)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_added_and_a_missing_one_is_an_error() {
        let line = |speed: f64| format!("{{\"precision\":\"fp32\",\"images_per_second\":{speed}}}\n");
        assert_eq!(total_speed(&[line(1.5), line(2.0)]), Ok(3.5));
        assert!(total_speed(&[line(1.5), String::new()]).is_err());
    }
}
