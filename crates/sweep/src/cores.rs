//! The CPU cores that a sweep may use, and warnings about how it is going to use them.

/// When other programs keep more than this share of the cores busy, their load makes times longer than they would be.
const BUSY: f64 = 0.5;

/// What is known of the machine before the first worker starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cores {
    /// Cores that this process may use: its CPU affinity, the quota of its control group, and within a job of Slurm the
    /// CPUs that the job asked for are taken into account.
    pub count: usize,
    /// Threads of other programs that run or wait to run at this moment; absent where the system does not say. The mean
    /// of the last minute would include the build that comes before a sweep.
    pub load: Option<f64>,
    /// `OMP_NUM_THREADS` as the user set it.
    pub threads_wanted: Option<String>,
}

impl Cores {
    /// The state of this machine now.
    pub fn here() -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").ok();
        Self {
            count: usable(
                std::thread::available_parallelism().map_or(1, usize::from),
                // Not every site binds a job to its CPUs.
                |name| std::env::var(name).ok().and_then(|text| text.parse().ok()),
            ),
            load: load.as_deref().and_then(other_threads),
            threads_wanted: std::env::var("OMP_NUM_THREADS").ok().filter(|text| !text.is_empty()),
        }
    }

    /// Workers on a CPU where none are asked for: two from two cores on. Two small trainings side by side use a CPU
    /// better than one that waits for its slowest thread at every operation.
    pub fn default_workers(&self) -> usize {
        self.count.clamp(1, 2)
    }

    /// What a user should know who starts `workers` workers of `threads` threads, a line each.
    pub fn warnings(&self, workers: usize, threads: usize) -> Vec<String> {
        let mut lines = vec![];
        if workers > self.count {
            lines.push(format!(
                "{workers} workers share {}: they slow each other down. --jobs-per-device {} gives each a core \
                 of its own",
                cores(self.count),
                self.count
            ));
        }
        if let Some(wanted) = self.threads_wanted.as_deref().filter(|wanted| *wanted != threads.to_string()) {
            lines.push(format!(
                "OMP_NUM_THREADS={wanted} is not used: {workers} workers on {} get {threads} each. With more they would \
                 wait for each other; change --jobs-per-device instead",
                cores(self.count)
            ));
        }
        if let Some(load) = self.load.filter(|load| *load > BUSY * self.count as f64) {
            lines.push(format!(
                "other programs are running ({load:.0} of their threads on {}): measured seconds will be longer than on an idle machine",
                cores(self.count)
            ));
        }
        lines
    }
}

/// The cores of the machine, or those of the job of Slurm that this process belongs to.
fn usable(cores: usize, variable: impl Fn(&str) -> Option<usize>) -> usize {
    let of_job = variable("SLURM_JOB_ID")
        .and_then(|_| variable("SLURM_CPUS_PER_TASK").or_else(|| variable("SLURM_CPUS_ON_NODE")));
    of_job.filter(|count| *count > 0).map_or(cores, |count| count.min(cores))
}

/// From a line such as `0.52 0.61 0.70 3/412 9876`: of the three that run or wait to run, one is the reader itself.
fn other_threads(loadavg: &str) -> Option<f64> {
    let (running, _) = loadavg.split(' ').nth(3)?.split_once('/')?;
    Some((running.parse::<f64>().ok()? - 1.0).max(0.0))
}

fn cores(count: usize) -> String {
    if count == 1 { "one core".into() } else { format!("{count} cores") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_of_slurm_uses_the_cpus_that_it_asked_for() {
        let with = |set: &[(&str, usize)]| {
            usable(8, |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
        };
        assert_eq!(with(&[]), 8);
        assert_eq!(with(&[("SLURM_CPUS_PER_TASK", 2)]), 8, "a variable without a job");
        assert_eq!(with(&[("SLURM_JOB_ID", 7), ("SLURM_CPUS_PER_TASK", 2), ("SLURM_CPUS_ON_NODE", 4)]), 2);
        assert_eq!(with(&[("SLURM_JOB_ID", 7), ("SLURM_CPUS_ON_NODE", 4)]), 4);
        assert_eq!(with(&[("SLURM_JOB_ID", 7), ("SLURM_CPUS_ON_NODE", 64)]), 8);
    }

    fn two() -> Cores {
        Cores { count: 2, load: Some(0.9), threads_wanted: None }
    }

    #[test]
    fn an_idle_machine_with_a_worker_a_core_gives_no_warning() {
        assert_eq!(two().warnings(2, 1), [""; 0]);
        assert_eq!(Cores { threads_wanted: Some("1".into()), ..two() }.warnings(2, 1), [""; 0]);
        assert_eq!(Cores { load: None, ..two() }.warnings(1, 2), [""; 0]);
    }

    #[test]
    fn more_workers_than_cores_a_contradiction_and_a_busy_machine_give_warnings() {
        let busy = Cores { load: Some(2.0), threads_wanted: Some("4".into()), ..two() };
        let lines = busy.warnings(4, 1);
        assert!(lines[0].starts_with("4 workers share 2 cores") && lines[0].contains("--jobs-per-device 2"));
        assert!(lines[1].starts_with("OMP_NUM_THREADS=4 is not used: 4 workers on 2 cores get 1 each"));
        assert!(lines[2].contains("(2 of their threads on 2 cores)"));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn the_reader_of_the_load_is_not_counted() {
        assert_eq!(other_threads("0.52 0.61 0.70 3/412 9876\n"), Some(2.0));
        assert_eq!(other_threads("0.52 0.61 0.70 0/412 9876\n"), Some(0.0));
        assert_eq!(other_threads("0.52"), None);
    }

    #[test]
    fn one_core_gets_one_worker_and_many_cores_two() {
        let workers = |count| Cores { count, ..Cores::default() }.default_workers();
        assert_eq!([1, 2, 64].map(workers), [1, 2, 2]);
    }
}
