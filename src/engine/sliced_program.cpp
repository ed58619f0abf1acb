// Slices of a batch on a program a core.
#include <algorithm>
#include <exception>

#include <fmt/format.h>
#include <omp.h>

#include "engine/compiled_for_threads.h"
#include "engine/program_checks.h"
#include "headstart/engine.h"
#include "headstart/error.h"

namespace headstart {
namespace {

constexpr int kLeastSlices = 8;  // so that they keep some cores busy
constexpr int kMostImages = 8;
// Measured: one picture of 224x224 in f32, two in bf16 and four in int8 are the fastest for light networks,
// and as fast as more for heavy ones.
constexpr std::int64_t kCachedBytes = std::int64_t{224} * 224 * sizeof(float);

// The largest divisor of the batch that keeps the slices small and many; of an even batch an even number of
// them, so that two cores end together.
int slice_of(int batch, int largest) {
  int slice = std::clamp(batch / kLeastSlices, 1, largest);
  while (batch % slice != 0 || (batch % 2 == 0 && batch / slice % 2 != 0)) {
    --slice;
  }
  return slice;
}

std::int64_t bytes_of_value(Precision precision) {
  switch (resolve(precision)) {
    case Precision::int8:
      return 1;
    case Precision::bf16:
      return 2;
    default:
      return sizeof(float);
  }
}

}  // namespace

int images_at_once(const Graph& graph, Precision precision) {
  const Shape& shape = graph.input_shape();
  const std::int64_t pixels = element_count(shape) / shape.back();
  return static_cast<int>(
      std::clamp<std::int64_t>(kCachedBytes / (pixels * bytes_of_value(precision)), 1, kMostImages));
}

SlicedProgram::SlicedProgram(const Graph& graph, const Parameters& parameters,
                             const std::vector<NodeId>& outputs, const FrozenProgram::Options& options)
    : batch_(checked_batch(options.batch)),
      slice_(slice_of(options.batch, images_at_once(graph, options.precision))) {
  const std::vector<NodeId> sources = options.sources.empty() ? std::vector<NodeId>{0} : options.sources;
  for (const NodeId id : sources) {
    input_sizes_.push_back(element_count(graph.node(id).shape));
  }
  for (const NodeId id : outputs) {
    output_sizes_.push_back(element_count(graph.node(id).shape));
  }
  const int slices = batch_ / slice_;
  const int threads = std::min(omp_get_max_threads(), slices);
  const CompiledForThreads one(slices > 1 ? 1 : omp_get_max_threads());
  programs_.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    auto own = options;
    own.batch = slice_;
    own.weights_of = programs_.empty() ? options.weights_of : programs_.data();
    programs_.emplace_back(graph, parameters, outputs, own);
  }
}

void SlicedProgram::run(std::span<const float* const> inputs, std::span<float* const> outputs) {
  if (inputs.size() != input_sizes_.size() || outputs.size() != output_sizes_.size()) {
    throw Error(fmt::format("[engine] expected {} inputs and {} outputs; received {} and {}",
                            input_sizes_.size(), output_sizes_.size(), inputs.size(), outputs.size()));
  }
  if (programs_.size() == 1 && batch_ == slice_) {
    programs_.front().run(inputs, outputs);
    return;
  }
  const auto threads = static_cast<int>(programs_.size());
  std::exception_ptr failure;
#pragma omp parallel num_threads(threads)
  {
    std::vector<const float*> from(inputs.size());
    std::vector<float*> to(outputs.size());
#pragma omp for schedule(dynamic)
    for (int first = 0; first < batch_; first += slice_) {
      for (std::size_t i = 0; i < from.size(); ++i) {
        from[i] = inputs[i] + first * input_sizes_[i];
      }
      for (std::size_t i = 0; i < to.size(); ++i) {
        to[i] = outputs[i] + first * output_sizes_[i];
      }
      try {
        programs_[static_cast<std::size_t>(omp_get_thread_num())].run(from, to);
      } catch (...) {
#pragma omp critical
        failure = std::current_exception();
      }
    }
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

}  // namespace headstart
