use super::*;
use crate::Accelerators;

fn command() -> Command {
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_string()).collect();
    Command {
        scour: "/scour/target/debug/scour".into(),
        report: Some("/scour/target/debug/scour-report".into()),
        working_folder: "/home/me/my project".into(),
        sweep: words(&[
            "/out/slurm/2/experiment.yaml",
            "--store",
            "/store",
            "--filter",
            "attack=badnets seed=0",
        ]),
        task: words(&["--devices", "cpu"]),
        rerun_failed: false,
    }
}

/// The scripts of a submission, with what they have in common.
fn with<T>(
    command: &Command,
    prolog: Option<&Prolog>,
    resources: &Resources,
    sbatch: &[&str],
    write: impl FnOnce(Scripts) -> T,
) -> T {
    let user = SbatchOptions::read(sbatch.iter().map(|word| (*word).to_string()).collect()).unwrap();
    write(Scripts {
        name: "quick",
        command,
        prolog,
        resources,
        user: &user,
        out: "/out",
        folder: "/out/slurm/2",
    })
}

const ON_CPU: Resources =
    Resources { cpus: 2, memory_mib: 3072, is_measured: true, accelerators: Accelerators::None };
const ON_GPU: Resources =
    Resources { cpus: 2, memory_mib: 16384, is_measured: false, accelerators: Accelerators::Gpus(1) };

const TASKS: Array = Array { kind: "tasks", name: "tasks", offset: 0, count: 8, max_running: None };

#[test]
fn the_script_of_tasks_on_a_cpu() {
    let text = with(&command(), None, &ON_CPU, &[], |scripts| scripts.array(&TASKS));
    insta::assert_snapshot!("cpu", text);
    assert!(is_valid_bash(&text));
}

#[test]
fn the_script_of_a_part_of_many_tasks_on_a_gpu_with_a_prolog() {
    let prolog = Prolog {
        file: "prolog.sh".into(),
        text: "module load apptainer\nlaunch=(apptainer exec --nv scour.sif)\n".into(),
    };
    let mut command = command();
    command.task = vec!["--devices".into(), "cuda:0".into()];
    command.rerun_failed = true;
    let array = Array { kind: "tasks", name: "tasks-part-2", offset: 1000, count: 111, max_running: Some(4) };
    let text = with(&command, Some(&prolog), &ON_GPU, &["--mem=40G"], |scripts| scripts.array(&array));
    insta::assert_snapshot!("gpu", text);
    assert!(is_valid_bash(&text));
}

#[test]
fn the_script_of_the_report() {
    let text = with(&command(), None, &ON_GPU, &["-p", "gpu"], |scripts| scripts.report());
    insta::assert_snapshot!("report", text);
    assert!(is_valid_bash(&text));
}

#[test]
fn what_the_user_decides_is_left_to_the_command_line() {
    let sbatch =
        ["-c", "8", "--mem-per-cpu=2G", "-J", "mine", "--signal=B:USR1@600", "--no-requeue", "-o", "x"];
    let text = with(&command(), None, &ON_CPU, &sbatch, |scripts| scripts.array(&TASKS));
    let directives: Vec<&str> = text.lines().filter(|line| line.starts_with("#SBATCH")).collect();
    assert_eq!(directives, ["#SBATCH --array=1-8", "#SBATCH --open-mode=append"]);
}

fn is_valid_bash(text: &str) -> bool {
    let check = std::process::Command::new("bash").args(["-n", "-c", text]).status();
    check.unwrap().success()
}
