//! A `results.csv` of many cells, to measure how long its report takes.

const HEADER: &str = "dataset,model,attack,poison_ratio,clean_ratio,seed,defense,acc,asr,ra,der,attacked_acc,attacked_asr,\
                      clean_model_asr,chance,acc_images,asr_images,poisoned_images,target,data_note,seconds,\
                      seconds_from,finished,peak_memory_mib,gpu_peak_memory_mib,gradient_images,unlearn_epochs,tpr,fpr,\
                      precision,device,processor,threads,versions,note,status,reason,key\n";

const DATASETS: [&str; 3] = ["cifar10", "gtsrb", "tiny_imagenet"];
const POISON_RATIOS: [&str; 2] = ["0.1", "0.01"];
const ATTACKS: [&str; 8] = ["badnets", "blended", "input_aware", "lf", "sig", "ssba", "trojan", "wanet"];
const DEFENSES: [&str; 18] = [
    "none", "ft", "fp", "nad", "nc", "anp", "clp", "i_bau", "rnp", "ft_sam", "npd", "sau", "bnp", "ep", "ss",
    "strip", "abl", "tsbd",
];

/// The file with so many rows: every defense against every attack, on every data set and ratio, with as many seeds as are
/// needed. The figures are arbitrary, and always the same; some cells failed, collapsed or had an attack that was not
/// implanted.
pub(super) fn results_csv(cells: usize) -> String {
    let tables = DATASETS.len() * POISON_RATIOS.len();
    let seeds = cells.div_ceil(tables * ATTACKS.len() * DEFENSES.len());
    let mut text = String::from(HEADER);
    let mut written = 0;
    for dataset in DATASETS {
        for ratio in POISON_RATIOS {
            for attack in ATTACKS {
                for seed in 0..seeds {
                    for defense in DEFENSES {
                        if written < cells {
                            text += &row([dataset, ratio, attack, defense], seed, written);
                            written += 1;
                        }
                    }
                }
            }
        }
    }
    text
}

fn row([dataset, ratio, attack, defense]: [&str; 4], seed: usize, number: usize) -> String {
    let attacked = noise(&[dataset, ratio, attack, &seed.to_string()]);
    let own = noise(&[dataset, ratio, attack, &seed.to_string(), defense]);
    let (attacked_acc, attacked_asr) = (88.0 + 4.0 * attacked, 92.0 + 8.0 * attacked);
    let none = defense == "none";
    let (acc, asr) = if none { (attacked_acc, attacked_asr) } else { (84.0 + 8.0 * own, 100.0 * own * own) };
    let der = if none {
        String::new()
    } else {
        let lost = [attacked_asr - asr, attacked_acc - acc].map(|lost| lost.max(0.0));
        format!("{:.4}", (lost[0] - lost[1] + 100.0) / 2.0)
    };
    let (status, reason) = match number % 151 {
        _ if none => ("ok", ""),
        7 => ("failed", "nan: the loss is not finite in epoch 3"),
        70 => (
            "collapsed",
            "the defended model's ACC of 11.00 is near chance (10.00): its low ASR is no success",
        ),
        _ => ("ok", ""),
    };
    let figures =
        if status == "failed" { ",,,".into() } else { format!("{acc:.4},{asr:.4},{:.4},{der}", 100.0 - asr) };
    format!(
        "{dataset},preact_resnet18,{attack},{ratio},0.05,{seed},{defense},{figures},{attacked_acc:.4},{attacked_asr:.4},\
         1.0000,10.0000,10000,9000,5000,0 airplane,,{:.1},this_run,2026-01-02T03:04:05Z,812,,500000,,,,fp32,cpu,\
         \"Example CPU (avx2, fma)\",1,\"scour 0.1.0, tch 0.24.0, libtorch 2.11.0\",,{status},{reason},{number:020x}\n",
        60.0 * own
    )
}

/// A number in [0, 1) that depends on the words.
fn noise(words: &[&str]) -> f64 {
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0]));
    let hash = bytes.fold(17u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    // The last step mixes the low bits, which differ between words that end differently, into the high ones.
    f64::from((hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d)) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_rows_as_wanted_and_none_is_twice() {
        let text = results_csv(2_000);
        let mut rows: Vec<String> =
            text.lines().skip(1).map(|line| line.split(',').take(7).collect::<Vec<_>>().join(",")).collect();
        assert_eq!(rows.len(), 2_000);
        rows.sort();
        rows.dedup();
        assert_eq!(rows.len(), 2_000);
        assert_eq!(results_csv(2_000), text);
        for status in ["ok", "failed", "collapsed"] {
            assert!(text.contains(&format!(",{status},")), "{status}");
        }
    }

    #[test]
    fn every_row_has_every_column() {
        // Two fields contain commas within quotation marks: one, and two.
        let columns = HEADER.matches(',').count();
        let text = results_csv(300);
        assert!(text.lines().skip(1).all(|line| line.matches(',').count() == columns + 3), "{text}");
    }
}
