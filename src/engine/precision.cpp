// Precisions by name, and the choice that `automatic` makes on this CPU.
#include <array>
#include <functional>
#include <memory>

#include <fmt/format.h>
#include <omp.h>

#include "engine/border.h"
#include "engine/emitter.h"
#include "engine/layout.h"
#include "engine/machine_choices.h"
#include "headstart/engine.h"

namespace headstart {
namespace {

// A mid-network 3x3 convolution.
class Probe {
 public:
  explicit Probe(DataType type) {
    const Shape image{14, 14, 128};
    const auto shape = convolution_shape(
        {.kernel = {3, 3}, .padding = Padding::same(), .channels = 128, .filters = 128}, image, {}, type);
    const auto src = emitter_.persistent(activation_desc(image, 1, type));
    const auto dst = emitter_.persistent(activation_desc(image, 1, type));
    const auto pd =
        onednn::convolution_forward(emitter_.engine(), dnnl::prop_kind::forward_inference,
                                    {.src = src.desc, .weights = shape.weights, .bias = {}, .dst = dst.desc},
                                    shape.window, emitter_.attributes());
    const auto weights = emitter_.persistent(pd.weights_desc());
    emitter_.emit("probe", "convolution", pd,
                  {{DNNL_ARG_SRC, emitter_.memory(src)},
                   {DNNL_ARG_WEIGHTS, emitter_.memory(weights)},
                   {DNNL_ARG_DST, emitter_.memory(dst)}});
    emitter_.plan();
  }

  void run() { emitter_.run(); }

 private:
  Emitter emitter_;
};

Precision measure() {
  if (!onednn::cpu_has(dnnl::cpu_isa::avx512_core_bf16)) {
    return Precision::f32;  // bf16 would be emulated
  }
  const auto probe = [](DataType type) {
    return [type]() -> std::function<void()> {
      return [probe = std::make_shared<Probe>(type)] { probe->run(); };
    };
  };
  constexpr double kCost = 1.16;  // it costs accuracy, and has to win by so much more
  const std::array alternatives{
      Alternative{.name = "f32", .prepare = probe(DataType::f32)},
      Alternative{.name = "bf16", .prepare = probe(DataType::bf16), .times = kCost}};
  auto& choices = MachineChoices::here();
  const auto chosen = choices.choose("precision", alternatives);
  choices.save();
  return chosen == 0 ? Precision::f32 : Precision::bf16;
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
  if (name == "int8") {
    return Precision::int8;
  }
  throw Error(fmt::format("[precision] expected auto, f32, bf16 or int8; received {}", name));
}

std::string to_string(Precision precision) {
  switch (precision) {
    case Precision::automatic:
      return "auto";
    case Precision::f32:
      return "f32";
    case Precision::bf16:
      return "bf16";
    case Precision::int8:
      return "int8";
  }
  return "";
}

bool is_supported(Precision precision) {
  switch (precision) {
    case Precision::automatic:
    case Precision::f32:
      return true;
    case Precision::bf16:
      return onednn::cpu_has(dnnl::cpu_isa::avx512_core);
    case Precision::int8:
      return onednn::cpu_has(dnnl::cpu_isa::avx2);
  }
  return false;
}

Precision resolve(Precision precision) {
  if (!is_supported(precision)) {
    throw Error(
        fmt::format("[precision] expected a CPU with {} for {}; received one without; use auto or f32",
                    precision == Precision::bf16 ? "AVX-512" : "AVX2", to_string(precision)));
  }
  if (precision != Precision::automatic) {
    return precision;
  }
  static const Precision measured =
      at_border("measuring precisions", measure);  // the CPU does not change while the process lives
  return measured;
}

void set_engine_threads(int threads) {
  static const int cores = omp_get_num_procs();  // which counts fewer while a CoreLimit holds
  omp_set_num_threads(threads > 0 ? threads : cores);
}

}  // namespace headstart
