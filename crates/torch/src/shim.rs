//! Safe wrappers of the C++ shim's functions.
#![expect(unsafe_code, reason = "libtorch's functions that tch lacks are called through a C interface")]

use std::ffi::{CStr, c_char, c_int};
use std::sync::atomic::{AtomicBool, Ordering};

use tch::Tensor;
use torch_sys::C_tensor;

unsafe extern "C" {
    fn scour_free(text: *mut c_char);
    fn scour_autocast_enter(cuda: c_int, on: c_int) -> c_int;
    fn scour_autocast_exit(cuda: c_int, before: c_int);
    fn scour_memory_format(
        tensor: *const C_tensor,
        channels_last: c_int,
        out: *mut *mut C_tensor,
    ) -> *mut c_char;
    fn scour_sgd_step(
        parameters: *mut *mut C_tensor,
        momenta: *mut *mut C_tensor,
        count: usize,
        lr: f64,
        momentum: f64,
        weight_decay: f64,
        nesterov: c_int,
        first: c_int,
    ) -> *mut c_char;
    fn scour_adam_step(
        parameters: *mut *mut C_tensor,
        means: *mut *mut C_tensor,
        squares: *mut *mut C_tensor,
        largest: *mut *mut C_tensor,
        count: usize,
        lr: f64,
        beta1: f64,
        beta2: f64,
        eps: f64,
        step: f64,
    ) -> *mut c_char;
    fn scour_drop_gradients(parameters: *mut *mut C_tensor, count: usize) -> *mut c_char;
    fn scour_gradients_enabled() -> c_int;
    fn scour_gpu_peak_bytes(index: c_int) -> i64;
    fn scour_release_memory();
    fn scour_deterministic(on: c_int);
    fn scour_set_tf32(on: c_int);
    #[cfg(test)]
    fn scour_gpu_flags() -> c_int;
    fn scour_libtorch_version() -> *const c_char;
}

/// Panics with libtorch's message, as tch's functions do. The worker catches the panic and reports the message as the
/// reason of the failed cell.
fn check(message: *mut c_char) {
    if message.is_null() {
        return;
    }
    // SAFETY: a message that is not null is a C string from strdup, freed here and nowhere else.
    let text = unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        scour_free(message);
        text
    };
    panic!("{text}");
}

/// Turns bf16 autocast on or off until it is dropped.
pub(crate) struct Autocast {
    cuda: c_int,
    before: c_int,
}

impl Autocast {
    pub(crate) fn enter(cuda: bool, on: bool) -> Self {
        let cuda = c_int::from(cuda);
        // SAFETY: sets thread-local flags of libtorch; takes no pointers.
        Self { cuda, before: unsafe { scour_autocast_enter(cuda, c_int::from(on)) } }
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        // SAFETY: as above; `before` is what entering returned.
        unsafe { scour_autocast_exit(self.cuda, self.before) }
    }
}

pub(crate) fn memory_format(tensor: &Tensor, channels_last: bool) -> Tensor {
    let mut out = std::ptr::null_mut();
    // SAFETY: `tensor` lives through the call; on success `out` is a new at::Tensor that tch frees.
    unsafe {
        check(scour_memory_format(tensor.as_ptr(), c_int::from(channels_last), &mut out));
        Tensor::from_ptr(out)
    }
}

fn pointers(tensors: &mut [Tensor]) -> Vec<*mut C_tensor> {
    tensors.iter_mut().map(Tensor::as_mut_ptr).collect()
}

/// The settings of one SGD step.
pub(crate) struct SgdStep {
    pub(crate) lr: f64,
    pub(crate) momentum: f64,
    pub(crate) weight_decay: f64,
    pub(crate) nesterov: bool,
    /// Whether this is the first step, which sets the momenta to the gradients.
    pub(crate) first: bool,
}

/// Takes one SGD step on `parameters` along their gradients, and updates `momenta`.
pub(crate) fn sgd_step(parameters: &mut [Tensor], momenta: &mut [Tensor], step: &SgdStep) {
    assert_eq!(parameters.len(), momenta.len());
    let (mut p, mut m) = (pointers(parameters), pointers(momenta));
    // SAFETY: both arrays hold `p.len()` live tensors.
    check(unsafe {
        scour_sgd_step(
            p.as_mut_ptr(),
            m.as_mut_ptr(),
            p.len(),
            step.lr,
            step.momentum,
            step.weight_decay,
            c_int::from(step.nesterov),
            c_int::from(step.first),
        )
    });
}

/// Takes Adam's step number `step`, counted from 1, on `parameters` along their gradients, and updates both moments. With
/// `largest`, the elementwise maximum of the second moments so far (AMSGrad), updates it and uses it instead of `squares`.
#[expect(clippy::too_many_arguments, reason = "the parts of one call to libtorch")]
pub(crate) fn adam_step(
    parameters: &mut [Tensor],
    means: &mut [Tensor],
    squares: &mut [Tensor],
    largest: Option<&mut [Tensor]>,
    lr: f64,
    (beta1, beta2): (f64, f64),
    eps: f64,
    step: u64,
) {
    assert!(parameters.len() == means.len() && parameters.len() == squares.len());
    let (mut p, mut m, mut v) = (pointers(parameters), pointers(means), pointers(squares));
    let mut l = largest.map(pointers);
    assert!(l.as_ref().is_none_or(|l| l.len() == p.len()));
    // SAFETY: the arrays hold `p.len()` live tensors; a null pointer means Adam without AMSGrad.
    check(unsafe {
        scour_adam_step(
            p.as_mut_ptr(),
            m.as_mut_ptr(),
            v.as_mut_ptr(),
            l.as_mut().map_or(std::ptr::null_mut(), |l| l.as_mut_ptr()),
            p.len(),
            lr,
            beta1,
            beta2,
            eps,
            step as f64,
        )
    });
}

pub(crate) fn drop_gradients(parameters: &mut [Tensor]) {
    let mut p = pointers(parameters);
    // SAFETY: the array holds `p.len()` live tensors.
    check(unsafe { scour_drop_gradients(p.as_mut_ptr(), p.len()) });
}

/// Whether TF32 is allowed at present: off unless a [`Tf32`] guard allows it.
static TF32: AtomicBool = AtomicBool::new(false);

/// Computes fp32 convolutions and matrix products on GPUs in TF32, or in full precision, until it is dropped.
pub(crate) struct Tf32 {
    before: bool,
}

impl Tf32 {
    pub(crate) fn allow(on: bool) -> Self {
        let before = TF32.swap(on, Ordering::SeqCst);
        set_tf32(on);
        Self { before }
    }
}

impl Drop for Tf32 {
    fn drop(&mut self) {
        TF32.store(self.before, Ordering::SeqCst);
        set_tf32(self.before);
    }
}

/// Turns off TF32, which libtorch allows for convolutions by default, unless a [`Tf32`] guard allows it at present.
pub(crate) fn full_precision() {
    set_tf32(TF32.load(Ordering::SeqCst));
}

fn set_tf32(on: bool) {
    // SAFETY: sets global flags of libtorch.
    unsafe { scour_set_tf32(c_int::from(on)) }
}

/// libtorch's flags for GPUs: convolutions in TF32, matrix products in TF32, new tensors filled.
#[cfg(test)]
pub(crate) fn gpu_flags() -> [bool; 3] {
    // SAFETY: reads global flags of libtorch.
    let flags = unsafe { scour_gpu_flags() };
    [1, 2, 4].map(|flag| flags & flag != 0)
}

/// Whether operations of this thread are recorded for a backward pass; false inside `tch::no_grad`.
pub fn gradients_enabled() -> bool {
    // SAFETY: reads a thread-local flag of libtorch.
    unsafe { scour_gradients_enabled() != 0 }
}

/// Peak memory of this process's tensors on a GPU, in bytes; `None` if libtorch has not used the GPU.
pub(crate) fn gpu_peak_bytes(index: usize) -> Option<u64> {
    let index = c_int::try_from(index).ok()?;
    // SAFETY: reads counters of libtorch's allocator; takes no pointers, and no exception leaves it.
    u64::try_from(unsafe { scour_gpu_peak_bytes(index) }).ok()
}

pub(crate) fn release_memory() {
    // SAFETY: calls functions of libtorch's allocator and of the C library; takes no pointers, and no exception leaves it.
    unsafe { scour_release_memory() }
}

/// Asks libtorch for deterministic algorithms; it warns about operations that have none.
pub fn deterministic_algorithms(on: bool) {
    // SAFETY: sets a global flag of libtorch.
    unsafe { scour_deterministic(c_int::from(on)) }
}

/// The version of libtorch, such as `2.11.0`.
pub fn libtorch_version() -> String {
    // SAFETY: the pointer is to a constant, zero-terminated string.
    unsafe { std::ffi::CStr::from_ptr(scour_libtorch_version()) }.to_string_lossy().into_owned()
}
