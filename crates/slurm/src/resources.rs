//! What a task asks for: CPUs, memory and GPUs, from what stages of the experiment have needed so far.

use std::collections::BTreeMap;

use scour_core::{Key, Plan, StageKind, TaskResult};

use crate::{Accelerators, SbatchOptions};

/// MiB that a task on a CPU asks for as long as nothing is measured: two workers on small networks.
const DEFAULT_CPU_MIB: u64 = 4 * 1024;
/// MiB for each GPU of a task as long as nothing is measured: the libraries of CUDA alone take several GiB.
const DEFAULT_GPU_MIB: u64 = 16 * 1024;
/// MiB for the sweep itself.
const OWN_MIB: u64 = 500;
/// CPUs for each GPU: one for the worker, and one for what it loads and saves.
const CPUS_PER_GPU: usize = 2;

/// What the finished stages of an experiment have needed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// The highest memory use of a worker, in MiB.
    pub peak_mib: Option<u64>,
    /// Mean seconds of each kind of stage, in the order in which the kinds were seen.
    seconds: Vec<(StageKind, f64)>,
}

impl Measured {
    /// From the results of the plan's stages that are in the store, as far as they were made on the same kind of device.
    pub fn of(plan: &Plan, stored: &BTreeMap<Key, TaskResult>, accelerators: Accelerators) -> Self {
        let on_cpu = |result: &TaskResult| result.environment.as_ref().is_none_or(|on| on.device == "cpu");
        let same = |result: &TaskResult| on_cpu(result) == (accelerators == Accelerators::None);
        let stored: Vec<(&Key, &TaskResult)> = stored.iter().filter(|(_, result)| same(result)).collect();
        let mut sums: Vec<(StageKind, f64, f64)> = vec![];
        for (key, result) in stored.iter().copied() {
            let Some(stage) = plan.stages.get(key).filter(|_| result.seconds > 0.0) else { continue };
            match sums.iter_mut().find(|(kind, ..)| *kind == stage.kind) {
                Some((_, sum, count)) => (*sum, *count) = (*sum + result.seconds, *count + 1.0),
                None => sums.push((stage.kind, result.seconds, 1.0)),
            }
        }
        Self {
            peak_mib: stored.iter().filter_map(|(_, result)| result.peak_memory_mib).max(),
            seconds: sums.into_iter().map(|(kind, sum, count)| (kind, sum / count)).collect(),
        }
    }

    /// The expected seconds of these stages one after the other; `None` if one is of a kind that was never measured.
    pub(crate) fn seconds_of<'a>(&self, plan: &Plan, keys: impl IntoIterator<Item = &'a Key>) -> Option<f64> {
        let mut sum = 0.0;
        for stage in keys.into_iter().filter_map(|key| plan.stages.get(key)) {
            sum += self.seconds.iter().find(|(kind, _)| *kind == stage.kind)?.1;
        }
        Some(sum)
    }
}

/// What the scripts ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// CPUs of a task.
    pub cpus: usize,
    /// MiB of a task.
    pub memory_mib: u64,
    /// Whether the memory was measured, or else is the default.
    pub is_measured: bool,
    /// GPUs of a task.
    pub accelerators: Accelerators,
}

impl Resources {
    /// Of the last job, which reads results and draws figures.
    pub(crate) const OF_REPORT: Self =
        Self { cpus: 2, memory_mib: 2048, is_measured: false, accelerators: Accelerators::None };

    /// A quarter more than the workers of a task had at their peak, together, and 500 MiB for the sweep that starts them.
    /// `jobs` is the number of workers on each device; by default two on a CPU and one on a GPU.
    pub fn estimate(accelerators: Accelerators, jobs: Option<usize>, measured: &Measured) -> Self {
        let (workers, cpus, default) = match accelerators {
            Accelerators::None => {
                let workers = jobs.unwrap_or(2);
                (workers, workers, DEFAULT_CPU_MIB)
            }
            Accelerators::Gpus(gpus) => {
                let workers = gpus * jobs.unwrap_or(1);
                (workers, CPUS_PER_GPU * workers, DEFAULT_GPU_MIB * gpus as u64)
            }
        };
        let needed =
            measured.peak_mib.map(|peak| (peak * workers as u64 * 5 / 4 + OWN_MIB).next_multiple_of(256));
        Self { cpus, memory_mib: needed.unwrap_or(default), is_measured: needed.is_some(), accelerators }
    }

    /// The lines of a script, without those whose subject the user's own options decide.
    pub(crate) fn directives(&self, user: &SbatchOptions) -> Vec<String> {
        let mut lines = vec![];
        if !user.has_any(&["cpus-per-task", "cpus-per-gpu"]) {
            lines.push(format!("--cpus-per-task={}", self.cpus));
        }
        if !user.has_any(&["mem", "mem-per-cpu", "mem-per-gpu"]) {
            lines.push(format!("--mem={}M", self.memory_mib));
        }
        if let Accelerators::Gpus(count) = self.accelerators
            && user.gpus().is_none()
        {
            lines.push(format!("--gres=gpu:{count}"));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(peak: u64) -> Measured {
        Measured { peak_mib: Some(peak), ..Measured::default() }
    }

    #[test]
    fn memory_is_that_of_all_workers_with_a_quarter_more() {
        let on_cpu = |jobs, peak| Resources::estimate(Accelerators::None, jobs, &measured(peak));
        // 2 * 1000 * 1.25 + 500 = 3000, of which the next multiple of 256 is 3072.
        assert_eq!((on_cpu(None, 1000).cpus, on_cpu(None, 1000).memory_mib), (2, 3072));
        assert_eq!((on_cpu(Some(4), 1000).cpus, on_cpu(Some(4), 1000).memory_mib), (4, 5632));
        let on_gpus = Resources::estimate(Accelerators::Gpus(2), Some(2), &measured(3000));
        assert_eq!((on_gpus.cpus, on_gpus.memory_mib, on_gpus.is_measured), (8, 15616, true));
    }

    #[test]
    fn without_measurements_the_default_is_asked_for() {
        let default = |accelerators| Resources::estimate(accelerators, None, &Measured::default());
        assert_eq!(default(Accelerators::None).memory_mib, 4096);
        assert_eq!(default(Accelerators::Gpus(1)).memory_mib, 16384);
        assert!(!default(Accelerators::None).is_measured);
    }

    #[test]
    fn what_the_user_asks_for_is_not_asked_for_again() {
        let resources = Resources::estimate(Accelerators::Gpus(1), None, &Measured::default());
        let lines = |words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_string()).collect();
            resources.directives(&SbatchOptions::read(words).unwrap())
        };
        assert_eq!(lines(&[]), ["--cpus-per-task=2", "--mem=16384M", "--gres=gpu:1"]);
        assert_eq!(lines(&["--mem-per-cpu=4G", "-G", "1"]), ["--cpus-per-task=2"]);
        assert_eq!(lines(&["-c", "8", "--mem=1G"]), ["--gres=gpu:1"]);
    }
}
