// What tch does not expose: bf16 autocast on any device, memory formats, fused optimizer steps, the memory of a GPU.
// Tensors are passed as pointers to at::Tensor, which is what tch's C_tensor is. A function that can fail returns an
// error message, to be freed with scour_free, or null on success.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <vector>
#include <torch/version.h>

namespace {
char* message_of(const std::exception& error) { return strdup(error.what()); }

template <typename Body> char* guarded(Body body) {
  try {
    body();
    return nullptr;
  } catch (const std::exception& error) {
    return message_of(error);
  }
}

c10::DeviceType device_type(int cuda) { return cuda ? c10::DeviceType::CUDA : c10::DeviceType::CPU; }
}  // namespace

extern "C" {
void scour_free(char* text) { free(text); }

// Enters an autocast scope with bf16 on or off, and returns whether it was on before.
int scour_autocast_enter(int cuda, int on) {
  auto device = device_type(cuda);
  bool before = at::autocast::is_autocast_enabled(device);
  at::autocast::set_autocast_dtype(device, at::kBFloat16);
  at::autocast::set_autocast_enabled(device, on != 0);
  at::autocast::increment_nesting();
  return before;
}

void scour_autocast_exit(int cuda, int before) {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_type(cuda), before != 0);
}

// A tensor with the same values in channels-last or in row-major memory.
char* scour_memory_format(const at::Tensor* tensor, int channels_last, at::Tensor** out) {
  return guarded([&] {
    auto format = channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
    *out = new at::Tensor(tensor->contiguous(format));
  });
}

// SGD with momentum and L2 penalty over all parameters at once; parameters without a gradient do not change.
char* scour_sgd_step(at::Tensor** parameters, at::Tensor** momenta, size_t count, double lr, double momentum,
                     double weight_decay, int nesterov, int first) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    std::vector<at::Tensor> p, g, m;
    for (size_t i = 0; i < count; i++) {
      if (!parameters[i]->grad().defined()) continue;
      p.push_back(*parameters[i]);
      g.push_back(parameters[i]->grad());
      if (momentum != 0.0) m.push_back(*momenta[i]);  // the fused step takes no buffers without momentum
    }
    if (!p.empty()) at::_fused_sgd_(p, g, m, weight_decay, momentum, lr, 0.0, nesterov != 0, false, first != 0);
  });
}

// Adam over all parameters at once, `step` counted from 1; parameters without a gradient do not change.
// `largest` holds AMSGrad's maxima of the second moments so far, or is null without AMSGrad.
char* scour_adam_step(at::Tensor** parameters, at::Tensor** means, at::Tensor** squares, at::Tensor** largest,
                      size_t count, double lr, double beta1, double beta2, double eps, double step) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    std::vector<at::Tensor> p, g, m, v, l, steps;
    for (size_t i = 0; i < count; i++) {
      if (!parameters[i]->grad().defined()) continue;
      p.push_back(*parameters[i]);
      g.push_back(parameters[i]->grad());
      m.push_back(*means[i]);
      v.push_back(*squares[i]);
      if (largest) l.push_back(*largest[i]);
    }
    if (p.empty()) return;
    steps.assign(p.size(), at::full({}, step, at::TensorOptions().dtype(at::kFloat).device(p[0].device())));
    at::_fused_adam_(p, g, m, v, l, steps, lr, beta1, beta2, 0.0, eps, largest != nullptr, false);
  });
}

// Clears the gradients, so that the next backward pass does not add to them.
char* scour_drop_gradients(at::Tensor** parameters, size_t count) {
  return guarded([&] {
    for (size_t i = 0; i < count; i++) parameters[i]->mutable_grad().reset();
  });
}

// Whether operations of this thread are recorded for a backward pass.
int scour_gradients_enabled() { return at::GradMode::is_enabled(); }

// The version of the libtorch that this was compiled against, which is also the one it is linked with.
const char* scour_libtorch_version() { return TORCH_VERSION; }

// Peak memory of this process's tensors on the GPU of that index, in bytes. -1 where libtorch has no allocator for GPUs,
// the allocator keeps no statistics, or it has not been used yet. Needs no CUDA headers: the allocator registers itself when
// libtorch_cuda is loaded.
int64_t scour_gpu_peak_bytes(int index) {
  try {
    auto* allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(c10::DeviceType::CUDA));
    if (allocator == nullptr || !allocator->initialized()) return -1;
    auto stats = allocator->getDeviceStats(static_cast<c10::DeviceIndex>(index));
    return stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
  } catch (const std::exception&) {
    return -1;  // for example, there is no GPU of that index
  }
}

// Gives memory that is not in use back to the device and to the system, and starts the peak of each GPU's memory anew.
void scour_release_memory() {
  try {
    auto* allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(c10::DeviceType::CUDA));
    if (allocator != nullptr && allocator->initialized()) {
      allocator->emptyCache();
      // A worker sees one GPU. One more that it has not used has no statistics to reset.
      allocator->resetPeakStats(0);
    }
  } catch (const std::exception&) {
    // What cannot be released stays: nothing depends on it.
  }
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

// Turns deterministic algorithms on or off. libtorch would then also fill every new tensor with NaN, which costs a kernel
// launch for each and does not change results, so that this is turned off.
void scour_deterministic(int on) {
  at::globalContext().setDeterministicAlgorithms(on != 0, true);
  at::globalContext().setDeterministicFillUninitializedMemory(false);
}

// Whether fp32 convolutions and matrix products on GPUs may be computed in TF32, with a mantissa of 10 bits. libtorch's
// default is yes for convolutions and no for matrix products. The flags hold for the whole process, since backward passes
// run on threads of their own.
void scour_set_tf32(int on) {
  at::globalContext().setAllowTF32CuDNN(on != 0);
  at::globalContext().setAllowTF32CuBLAS(on != 0);
}

// Bit 0: TF32 in convolutions, bit 1: TF32 in matrix products, bit 2: new tensors are filled under deterministic
// algorithms.
int scour_gpu_flags() {
  auto& context = at::globalContext();
  return (context.allowTF32CuDNN() ? 1 : 0) | (context.allowTF32CuBLAS() ? 2 : 0) |
         (context.deterministicFillUninitializedMemory() ? 4 : 0);
}
}
