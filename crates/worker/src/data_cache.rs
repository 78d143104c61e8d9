//! The data set of the last stage, kept for the next one.

use std::cell::RefCell;
use std::rc::Rc;

use scour_train::TrainError;
use tch::Device;

use crate::data::{DataRequest, LoadedData};

/// Holds one data set: two need not fit the device.
#[derive(Default)]
pub(crate) struct DataCache {
    last: RefCell<Option<Kept>>,
}

struct Kept {
    request: DataRequest,
    data: Rc<LoadedData>,
    versions: [i64; 4],
}

impl Kept {
    /// Whether every tensor still has the values it was loaded with. libtorch counts all operations that change a tensor, or
    /// a view of it, in place.
    fn is_unchanged(&self) -> bool {
        versions(&self.data) == self.versions
    }
}

impl DataCache {
    /// The data set that the request names; loaded where it is not the last one.
    pub(crate) fn get(&self, request: &DataRequest) -> Result<Rc<LoadedData>, TrainError> {
        let last = self.last.take().filter(|kept| kept.request == *request && kept.is_unchanged());
        let kept = match last {
            Some(kept) => kept,
            None => {
                let data = LoadedData::load(request)?;
                let versions = versions(&data);
                Kept { request: request.clone(), data: Rc::new(data), versions }
            }
        };
        let data = Rc::clone(&kept.data);
        *self.last.borrow_mut() = Some(kept);
        Ok(data)
    }

    /// Memory of the host that the data set takes, in MiB; 0 for one on a GPU.
    pub(crate) fn host_mib(&self) -> u64 {
        let last = self.last.borrow();
        let on_host = last.as_ref().filter(|kept| kept.data.device == Device::Cpu);
        let bytes = |kept: &Kept| -> usize {
            kept.data.tensors().iter().map(|tensor| tensor.numel() * tensor.kind().elt_size_in_bytes()).sum()
        };
        on_host.map_or(0, |kept| bytes(kept) as u64 >> 20)
    }
}

fn versions(data: &LoadedData) -> [i64; 4] {
    data.tensors().map(tch::Tensor::internal_version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_core::{DatasetFacts, Precision, Resolved};
    use scour_methods::source;
    use serde_json::json;

    fn request(train: usize) -> DataRequest {
        let params = json!({"train": train, "test": 20, "size": 16});
        let Resolved { method, config } =
            source("signs").unwrap().resolve("signs", &params, &DatasetFacts::default()).unwrap();
        DataRequest {
            device: Device::Cpu,
            folder: "data".into(),
            dataset: config,
            fingerprint: method.facts("".as_ref()).unwrap().fingerprint,
            train_images: 0,
            precision: Precision::Fp32,
        }
    }

    #[test]
    fn the_last_data_set_is_kept_and_no_other() {
        let cache = DataCache::default();
        let (small, large) = (request(20), request(1400));
        let first = cache.get(&small).unwrap();
        assert!(Rc::ptr_eq(&first, &cache.get(&small).unwrap()));
        let fewer = cache.get(&DataRequest { train_images: 10, ..small.clone() }).unwrap();
        assert_eq!((first.train.len(), fewer.train.len()), (20, 10));
        assert!(!Rc::ptr_eq(&first, &cache.get(&small).unwrap()));
        // 1420 images of 3 * 16 * 16 bytes.
        cache.get(&large).unwrap();
        assert_eq!(cache.host_mib(), 1);
        // An error leaves nothing, and no wrong data set.
        assert!(cache.get(&DataRequest { fingerprint: "other".into(), ..small }).is_err());
        assert_eq!(cache.host_mib(), 0);
    }

    #[test]
    fn a_data_set_that_a_stage_has_changed_is_loaded_again() {
        let cache = DataCache::default();
        let request = request(20);
        let first = cache.get(&request).unwrap();
        let before = first.train.pixels.copy();
        // Of a view, without gradients, as methods would do it by mistake.
        let _ = tch::no_grad(|| first.train.first(3).pixels.fill_(0));
        let second = cache.get(&request).unwrap();
        assert!(!Rc::ptr_eq(&first, &second));
        assert_eq!(second.train.pixels, before);
    }
}
