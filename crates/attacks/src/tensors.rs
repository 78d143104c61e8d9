//! Named tensors of several networks in one list: each network's names begin with a prefix of its own.

use scour_torch::State;
use scour_train::TrainError;
use tch::Tensor;

/// The same tensors with `prefix` before their names.
pub(crate) fn prefixed(prefix: &str, tensors: Vec<(String, Tensor)>) -> Vec<(String, Tensor)> {
    tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect()
}

/// The tensors whose names begin with `prefix`, which is cut off.
pub(crate) fn part(tensors: &[(String, Tensor)], prefix: &str) -> Vec<(String, Tensor)> {
    let cut = |(name, tensor): &(String, Tensor)| {
        Some((name.strip_prefix(prefix)?.to_string(), tensor.shallow_clone()))
    };
    tensors.iter().filter_map(cut).collect()
}

/// Fills a network with those saved tensors whose names begin with `prefix`.
pub(crate) fn load(state: &State, tensors: &[(String, Tensor)], prefix: &str) -> Result<(), TrainError> {
    state.load(&part(tensors, prefix)).map_err(|message| {
        TrainError::File(format!("the saved `{prefix}*` does not fit: {message}; retrain with --rerun all"))
    })
}

/// Whether every value is a finite number.
pub(crate) fn is_finite(tensor: &Tensor) -> bool {
    bool::try_from(tensor.isfinite().all()).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn networks_find_their_own_tensors_again() {
        let state = |value: f64| {
            let mut state = State::default();
            let _ = state.add("w".into(), Tensor::full([2], value, (Kind::Float, Device::Cpu)), true);
            state
        };
        let mut tensors = prefixed("a.", state(1.0).snapshot());
        tensors.extend(prefixed("b.", state(2.0).snapshot()));
        let target = state(0.0);
        load(&target, &tensors, "b.").unwrap();
        assert_eq!(target.get("w").unwrap().double_value(&[1]), 2.0);
        let message = load(&target, &tensors, "c.").unwrap_err().to_string();
        assert!(message.contains("`c.*`") && message.contains("`w` is missing"), "{message}");
    }
}
