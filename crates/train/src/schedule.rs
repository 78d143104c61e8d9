//! Learning-rate schedules.

use scour_core::{Recipe, Schedule};

/// The learning rate during a training.
#[derive(Clone, Debug)]
pub struct LearningRate {
    recipe: Recipe,
    steps_per_epoch: usize,
    plateau: Plateau,
}

/// The state of PyTorch's ReduceLROnPlateau with a factor of 0.1, a `patience` of 10 and a relative threshold of 1e-4.
#[derive(Clone, Debug)]
struct Plateau {
    best: f64,
    bad_epochs: u32,
    factor: f64,
}

impl LearningRate {
    /// For a training with `steps_per_epoch` steps in each epoch.
    pub fn new(recipe: &Recipe, steps_per_epoch: usize) -> Self {
        let plateau = Plateau { best: f64::INFINITY, bad_epochs: 0, factor: 1.0 };
        Self { recipe: recipe.clone(), steps_per_epoch, plateau }
    }

    /// The learning rate of a step; `epoch` and `step` count from 0.
    pub fn at(&self, epoch: u32, step: usize) -> f64 {
        let lr = self.recipe.lr;
        match self.recipe.schedule {
            Schedule::Constant => lr,
            Schedule::Plateau => lr * self.plateau.factor,
            Schedule::Cosine => {
                let fraction = f64::from(epoch) / f64::from(self.recipe.cosine_epochs);
                0.5 * lr * (1.0 + (std::f64::consts::PI * fraction).cos())
            }
            Schedule::OneCycle => {
                let total = (self.recipe.epochs as usize * self.steps_per_epoch) as f64;
                let fraction = ((epoch as usize * self.steps_per_epoch + step) as f64 + 0.5) / total;
                let start = lr / 25.0;
                if fraction < 0.25 {
                    start + (lr - start) * fraction / 0.25
                } else {
                    lr * (1.0 - fraction) / 0.75
                }
            }
        }
    }

    /// To be called after each epoch with its mean training loss.
    pub fn epoch_ended(&mut self, loss: f64) {
        let plateau = &mut self.plateau;
        if loss < plateau.best * (1.0 - 1e-4) {
            plateau.best = loss;
            plateau.bad_epochs = 0;
            return;
        }
        plateau.bad_epochs += 1;
        if plateau.bad_epochs > 10 {
            plateau.factor *= 0.1;
            plateau.bad_epochs = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(schedule: Schedule) -> LearningRate {
        LearningRate::new(&Recipe { schedule, epochs: 4, lr: 0.1, cosine_epochs: 4, ..Recipe::default() }, 10)
    }

    #[test]
    fn cosine_falls_from_lr_to_zero_by_epochs() {
        let rate = rate(Schedule::Cosine);
        assert_eq!(rate.at(0, 9), 0.1);
        assert!((rate.at(2, 0) - 0.05).abs() < 1e-12);
        assert!((rate.at(3, 0) - 0.05 * (1.0 - std::f64::consts::FRAC_1_SQRT_2)).abs() < 1e-12);
    }

    #[test]
    fn one_cycle_rises_for_a_quarter_and_ends_near_zero() {
        let rate = rate(Schedule::OneCycle);
        assert!(rate.at(0, 0) < 0.01 && rate.at(3, 9) < 0.003);
        let highest = (0..40)
            .max_by(|a, b| rate.at(a / 10, *a as usize % 10).total_cmp(&rate.at(b / 10, *b as usize % 10)));
        assert_eq!(highest, Some(10));
    }

    #[test]
    fn plateau_lowers_the_rate_after_more_than_ten_epochs_without_improvement() {
        let mut rate = rate(Schedule::Plateau);
        rate.epoch_ended(1.0);
        for _ in 0..10 {
            rate.epoch_ended(1.0);
            assert_eq!(rate.at(0, 0), 0.1);
        }
        rate.epoch_ended(0.99999);
        assert!((rate.at(0, 0) - 0.01).abs() < 1e-12);
        rate.epoch_ended(0.5);
        assert!((rate.at(0, 0) - 0.01).abs() < 1e-12);
    }
}
