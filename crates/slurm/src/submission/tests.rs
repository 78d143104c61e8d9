use super::*;
use crate::testing::planned_from;
use crate::{Accelerators, Measured, Part, divide};

fn request(out: &Path) -> Request {
    Request {
        name: "t".into(),
        experiment: "name: t\n".into(),
        out: out.into(),
        store: out.join("store"),
        command: Command { scour: "/scour".into(), ..Command::default() },
        prolog: None,
        resources: Resources::estimate(Accelerators::None, None, &Measured::default()),
        options: SbatchOptions::default(),
        max_running: None,
        max_array_size: 1001,
    }
}

fn plan() -> Plan {
    planned_from("attacks: [none, badnets, ssba]\ndefenses: [none, ft]\nseeds: [0, 1, 2]\n").1
}

fn prepared(request: Request) -> Submission {
    let plan = plan();
    let tasks = divide(&plan, &plan.stages.keys().cloned().collect(), usize::MAX);
    Submission::prepare(request, &plan, tasks).unwrap()
}

#[test]
fn more_tasks_than_an_array_holds_are_several_arrays() {
    let mut request = request(Path::new("/out"));
    request.max_array_size = 5;
    let submission = prepared(request);
    // Four shared stages in one array, nine tasks in three, of four at most.
    let names: Vec<String> = submission
        .jobs
        .iter()
        .map(|job| job.script.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["shared", "tasks-part-1", "tasks-part-2", "tasks-part-3", "report"]);
    let of = |at: usize, text: &str| submission.jobs[at].text.contains(text);
    assert!(of(1, "--array=1-4\n") && of(1, "SLURM_ARRAY_TASK_ID + 0)"));
    assert!(of(3, "--array=1-1\n") && of(3, "SLURM_ARRAY_TASK_ID + 8)") && of(3, "/slurm/1/tasks.txt"));
    let shown = submission.dry_run();
    let commands: Vec<&str> = shown.lines().filter(|line| line.starts_with("sbatch")).collect();
    let tasks = "--dependency=afterany:ID-OF-shared /out/slurm/1/tasks-part-3.sh";
    assert!(commands[3].ends_with(tasks), "{commands:?}");
    let all = "afterany:ID-OF-shared:ID-OF-tasks-part-1:ID-OF-tasks-part-2:ID-OF-tasks-part-3 ";
    assert!(commands[4].contains(all), "{commands:?}");
}

#[test]
fn a_site_without_arrays_and_a_path_that_no_script_can_name_are_refused() {
    let refusal =
        |request: Request| Submission::prepare(request, &plan(), Tasks::default()).unwrap_err().to_string();
    let without = Request { max_array_size: 0, ..request(Path::new("/out")) };
    assert!(refusal(without).contains("--max-array-size"));
    assert!(refusal(request(Path::new("/a\nb"))).contains("line breaks"));
}

#[test]
fn each_line_of_a_file_of_parts_is_the_part_of_a_task() {
    let folder = tempfile::tempdir().unwrap();
    let submission = prepared(request(folder.path()));
    submission.write().unwrap();
    let plan = plan();
    let part = |text: String| text.parse::<Part>().unwrap().of(&plan);
    let file = |name: &str| submission.folder().join(name).display().to_string();
    let mut cells = 0;
    for line in 1..=9 {
        let part = part(format!("{}:{line}", file("tasks.txt"))).unwrap();
        cells += part.cells.len();
        assert_eq!(part.cells.len(), 2);
    }
    assert_eq!((cells, submission.planned()), (18, 18));
    let shared = part(format!("{}:1", file("shared.txt"))).unwrap();
    assert_eq!((shared.cells.len(), shared.stages.len(), shared.for_others.len()), (0, 1, 1));
    assert!(part(format!("{}:10", file("tasks.txt"))).unwrap_err().to_string().contains("names no task"));
    let other = planned_from("attacks: [blended]\ndefenses: [none]\n").1;
    let gone = format!("{}:1", file("tasks.txt")).parse::<Part>().unwrap().of(&other).unwrap_err();
    assert!(gone.to_string().contains("submit again"), "{gone}");
    assert!("tasks.txt".parse::<Part>().is_err() && "tasks.txt:0".parse::<Part>().is_err());
}

#[test]
fn the_next_submission_has_the_next_number_and_one_without_a_record_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let first = prepared(request(out));
    assert!(first.folder().ends_with("slurm/1"));
    first.write().unwrap();
    assert!(latest(out).unwrap().is_none());
    let jobs = Jobs { shared: vec![], tasks: vec!["7".into()], report: Some("8".into()) };
    first.record(&jobs).unwrap();
    let second = prepared(request(out));
    assert!(second.folder().ends_with("slurm/2"));
    second.write().unwrap();
    let (at, record) = latest(out).unwrap().unwrap();
    assert!(at.ends_with("slurm/1"));
    assert_eq!((record.jobs.all(), record.tasks, record.planned), (vec!["7".to_string(), "8".into()], 9, 18));
}
