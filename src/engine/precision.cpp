// Precisions by name, and the choice that `automatic` makes on this CPU.
#include <algorithm>
#include <chrono>
#include <vector>

#include <fmt/format.h>
#include <omp.h>

#include "engine/border.h"
#include "engine/emitter.h"
#include "engine/layout.h"
#include "headstart/engine.h"

namespace headstart {
namespace {

using Clock = std::chrono::steady_clock;

// Seconds of a mid-network 3x3 convolution, best of a few runs.
double convolution_seconds(DataType type) {
  Emitter emitter;
  const Shape image{28, 28, 128};
  const auto shape = convolution_shape(
      {.kernel = {3, 3}, .padding = Padding::same(), .channels = 128, .filters = 128}, image, {}, type);
  const auto src = emitter.persistent(activation_desc(image, 1, type));
  const auto dst = emitter.persistent(activation_desc(image, 1, type));
  const auto pd = onednn::convolution_forward(emitter.engine(), dnnl::prop_kind::forward_inference,
                                              {.src = src.desc, .weights = shape.weights, .dst = dst.desc},
                                              shape.window, emitter.attributes());
  const auto weights = emitter.persistent(pd.weights_desc());
  emitter.emit("probe", "convolution", pd,
               {{DNNL_ARG_SRC, emitter.memory(src)},
                {DNNL_ARG_WEIGHTS, emitter.memory(weights)},
                {DNNL_ARG_DST, emitter.memory(dst)}});
  emitter.plan();
  double best = 1e9;
  for (int i = 0; i < 6; ++i) {
    const auto start = Clock::now();
    emitter.run();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

Precision measure() {
  try {
    // bf16 has to win clearly: it costs accuracy.
    return convolution_seconds(DataType::bf16) * 1.25 < convolution_seconds(DataType::f32) ? Precision::bf16
                                                                                           : Precision::f32;
  } catch (const dnnl::error&) {
    return Precision::f32;  // no bf16 on this CPU
  }
}

}  // namespace

Precision precision_from(const std::string& name) {
  if (name == "auto") {
    return Precision::automatic;
  }
  if (name == "f32") {
    return Precision::f32;
  }
  if (name == "bf16") {
    return Precision::bf16;
  }
  throw Error(fmt::format("[precision] expected auto, f32 or bf16; received {}", name));
}

std::string to_string(Precision precision) {
  switch (precision) {
    case Precision::automatic:
      return "auto";
    case Precision::f32:
      return "f32";
    case Precision::bf16:
      return "bf16";
  }
  return "";
}

Precision resolve(Precision precision) {
  if (precision != Precision::automatic) {
    return precision;
  }
  static const Precision measured = measure();  // the CPU does not change while the process lives
  return measured;
}

void set_engine_threads(int threads) { omp_set_num_threads(threads > 0 ? threads : omp_get_num_procs()); }

}  // namespace headstart
