//! A projection of the time for a table on CIFAR-10: the number of gradient images divided by the measured speed.

use super::findings::{Findings, Projection, Side};

/// Images in the training of one model in experiments/paper.yaml on CIFAR-10: 100 epochs of 50,000.
const TRAINING: u64 = 100 * 50_000;
/// Attacked models: one for each attack of the paper.
const ATTACKED: u64 = 8;
/// Attacked models with a poisoned training set: Input-aware and WaNet poison inside the batches.
const WITH_TRAINING_SET: u64 = 6;
/// Clean models: LF and Trojan need one.
const CLEAN: u64 = 1;
/// Repeats in experiments/paper.yaml.
const SEEDS: u64 = 3;

/// The cost of a defense on one attacked model in gradient images, with published parameters and 2,500 clean images.
/// experiments/cifar10-defenses-cpu.yaml has the same for 1,000 clean images.
struct Cost {
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares the table with the registry"))]
    defense: &'static str,
    images: u64,
    /// Whether it always computes in fp32.
    fp32: bool,
    /// Whether it uses the training set.
    needs_training_set: bool,
    /// Whether experiments/paper.yaml has it.
    in_paper: bool,
}

const fn cost(defense: &'static str, images: u64) -> Cost {
    Cost { defense, images, fp32: false, needs_training_set: false, in_paper: true }
}

const fn in_fp32(defense: &'static str, images: u64) -> Cost {
    Cost { fp32: true, ..cost(defense, images) }
}

const fn of_training_set(defense: &'static str, images: u64) -> Cost {
    Cost { needs_training_set: true, in_paper: false, ..cost(defense, images) }
}

/// Every defense but `none`, which costs nothing.
const COSTS: [Cost; 17] = [
    // 100 epochs.
    cost("ft", 100 * 2_500),
    cost("fp", 100 * 2_500),
    // 10 epochs of the teacher, 10 of the student.
    cost("nad", 20 * 2_500),
    // 80 epochs of each of 10 classes, then 100.
    cost("nc", (80 * 10 + 100) * 2_500),
    // 2,000 steps with batches of 256 and three passes: for the perturbation, and for the losses without and with it.
    in_fp32("anp", 2_000 * 256 * 3),
    cost("clp", 0),
    // 5 rounds: one epoch each of the trigger and the model, 4 batches for the hypergradient.
    in_fp32("i_bau", 5 * (2_500 + 2_500 + 4 * 256)),
    // 500 images, 20 epochs of unlearning, 20 of recovery.
    in_fp32("rnp", 40 * 500),
    // 100 epochs with two passes.
    in_fp32("ft_sam", 100 * 2_500 * 2),
    // 5 epochs of warm-up, 50 with four passes.
    in_fp32("npd", (5 + 50 * 4) * 2_500),
    // 100 epochs with twelve passes.
    in_fp32("sau", 100 * 12 * 2_500),
    Cost { in_paper: false, ..cost("bnp", 0) },
    // Uses the training set, without gradients.
    of_training_set("ep", 0),
    // A new training without the suspected images.
    of_training_set("ss", TRAINING * 85 / 100),
    of_training_set("strip", TRAINING * 90 / 100),
    // 20 epochs, 60 without a hundredth of the images, 20 on these.
    of_training_set("abl", 20 * 50_000 + 60 * 49_500 + 20 * 500),
    // About 960 steps of unlearning, as measured on CIFAR-10 with 1,000 clean images; 20 epochs with two passes.
    in_fp32("tsbd", 960 * 250 + 20 * 2_500 * 2),
];

/// The numbers of attacked models, of defenses in experiments/paper.yaml, and of all defenses in the projection.
pub(super) fn counts() -> [usize; 3] {
    [ATTACKED as usize, COSTS.iter().filter(|cost| cost.in_paper).count(), COSTS.len()]
}

/// The projection from the speed of a sweep's path at that batch size; `None` if the speed was not measured.
pub(super) fn of(findings: &Findings, batch: u32) -> Option<Projection> {
    let speed =
        |format| findings.speed(Side::Scour, "sweep", format, batch).map(|speed| speed.images_per_second);
    let trainings_at = speed(findings.auto)?;
    let fp32_at = speed("fp32")?;
    let (workers, gain) = gain(findings);
    let hours = |images: u64, at: f64| images as f64 / at / 3600.0;
    let trainings = hours((ATTACKED + CLEAN) * TRAINING, trainings_at);
    let with = |chosen: &dyn Fn(&Cost) -> bool| {
        let one = |cost: &Cost| {
            let models = if cost.needs_training_set { WITH_TRAINING_SET } else { ATTACKED };
            hours(models * cost.images, if cost.fp32 { fp32_at } else { trainings_at })
        };
        trainings + COSTS.iter().filter(|cost| chosen(cost)).map(one).sum::<f64>()
    };
    let paper = with(&|cost| cost.in_paper);
    Some(Projection {
        note: note(findings.tiny),
        trainings_at,
        fp32_at,
        trainings,
        paper,
        all_defenses: with(&|_| true),
        paper_with_seeds: paper * SEEDS as f64 / gain,
        workers,
    })
}

/// The number of workers with the highest total speed, and the ratio of that speed to the speed of one worker.
fn gain(findings: &Findings) -> (usize, f64) {
    let one = findings.side_by_side.iter().find(|found| found.workers == 1);
    match (findings.best_side_by_side(), one) {
        (Some(best), Some(one)) => (best.workers, best.images_per_second / one.images_per_second),
        _ => (1, 1.0),
    }
}

fn note(tiny: bool) -> String {
    let mut note = String::from(
        "A projection, not a measurement: images with gradients divided by the measured speed. It does not contain the \
         start of workers, evaluations, the generators of Input-aware and SSBA's encoder.",
    );
    if tiny {
        note += " The speed is that of the tiny network: the hours have no meaning.";
    }
    note
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_methods::Registry;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9 * expected.abs(), "{found}, expected {expected}");
    }

    #[test]
    fn costs_belong_to_registered_defenses_and_cover_the_papers_experiment() {
        let methods = Registry::shipped();
        for cost in &COSTS {
            assert!(methods.defense(cost.defense).is_ok(), "{}", cost.defense);
        }
        let paper = include_str!("../../../../../experiments/paper.yaml");
        let line = paper.lines().find_map(|line| line.strip_prefix("defenses: [none, ")).unwrap();
        let line = line.strip_suffix(']').unwrap();
        for name in line.split(", ") {
            assert!(COSTS.iter().any(|cost| cost.defense == name), "{name} of paper.yaml has no cost");
        }
        for cost in &COSTS {
            assert_eq!(line.split(", ").any(|name| name == cost.defense), cost.in_paper, "{}", cost.defense);
        }
        assert!(paper.contains("seeds: [0, 1, 2]"), "SEEDS");
    }

    #[test]
    fn hours_are_images_divided_by_speed() {
        let findings = Findings::for_tests();
        let found = of(&findings, 128).unwrap();
        assert_eq!((found.trainings_at, found.fp32_at), (4000.0, 1000.0));
        // Nine trainings of 5,000,000 images at 4,000 a second.
        near(found.trainings, 9.0 * 5e6 / 4000.0 / 3600.0);
        let in_format = 250e3 + 250e3 + 50e3 + 2250e3;
        let in_fp32 = 1536e3 + 30_120.0 + 20e3 + 500e3 + 512.5e3 + 3000e3 + 340e3;
        let paper = found.trainings + 8.0 * (in_format / 4000.0 + in_fp32 / 1000.0) / 3600.0;
        near(found.paper, paper);
        near(found.all_defenses, paper + 6.0 * (4250e3 + 4500e3 + 3980e3) / 4000.0 / 3600.0);
        // Two workers are one and a half times as fast as one.
        assert_eq!(found.workers, 2);
        near(found.paper_with_seeds, paper * 3.0 / 1.5);
        assert!(found.note.starts_with("A projection, not a measurement"));
    }

    #[test]
    fn without_a_speed_there_is_no_projection_and_without_workers_no_gain() {
        let mut findings = Findings::for_tests();
        findings.side_by_side.clear();
        let found = of(&findings, 128).unwrap();
        assert_eq!(found.workers, 1);
        near(found.paper_with_seeds, 3.0 * found.paper);
        assert_eq!(of(&findings, 256), None);
        findings.speeds.retain(|speed| speed.precision != "bf16");
        assert_eq!(of(&findings, 128), None);
    }

    #[test]
    fn the_note_mentions_the_tiny_network() {
        let findings = Findings { tiny: true, ..Findings::for_tests() };
        assert!(of(&findings, 128).unwrap().note.ends_with("the hours have no meaning."));
    }
}
