// The inference program behind its public face.
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/border.h"
#include "engine/frozen_lowering.h"
#include "engine/machine_choices.h"
#include "engine/program_checks.h"
#include "headstart/engine.h"
#include "headstart/error.h"

namespace headstart {
namespace {

// int8 becomes what its other values are, with the ranges; without them the ranges go unused.
FrozenProgram::Options resolved_options(FrozenProgram::Options options) {
  const auto precision = resolve(options.precision);
  if (precision != Precision::int8) {
    options.precision = precision;
    options.ranges = nullptr;
    return options;
  }
  if (options.ranges == nullptr || options.ranges->empty()) {
    throw Error(
        "[precision] expected a model with ranges for int8; received one without; train with --precision "
        "int8, which measures them, or use auto");
  }
  options.precision = resolve(Precision::automatic);
  return options;
}

}  // namespace

struct FrozenProgram::Impl {
  // Programs of one recipe have the same weights.
  struct Recipe {
    std::vector<NeededParameter> parameters;
    AskedFor asked;
    int batch = 0;
    Precision precision = Precision::f32;
    bool logits = false;
    bool operator==(const Recipe&) const = default;
  };

  static Recipe checked_recipe(const Graph& graph, const Parameters& parameters,
                               const std::vector<NodeId>& outputs, const Options& options) {
    const AskedFor asked{.outputs = outputs,
                         .sources = options.sources.empty() ? std::vector<NodeId>{0} : options.sources};
    return {.parameters = checked_parameters(graph, parameters, asked),
            .asked = asked,
            .batch = checked_batch(options.batch),
            .precision = resolve(options.precision),
            .logits = options.logits};
  }

  Impl(const Graph& graph, const Parameters& parameters, const std::vector<NodeId>& outputs,
       const Options& options)
      : network(graph.name()),
        recipe(checked_recipe(graph, parameters, outputs, options)),
        emitter(options.weights_of != nullptr ? &options.weights_of->impl_->emitter : nullptr) {
    if (options.weights_of != nullptr && options.weights_of->impl_->recipe != recipe) {
      throw Error(
          "[engine] expected a program of the same graph and options to share weights with; received "
          "another; leave weights_of out");
    }
  }

  void load(const Parameters& parameters) const {
    for (const auto& each : lowered.loaders) {
      each(parameters);
    }
  }

  std::string network;
  Recipe recipe;
  Emitter emitter;
  LoweredInference lowered;
  bool int8 = false;
};

FrozenProgram::FrozenProgram(const Graph& graph, const Parameters& parameters, std::vector<NodeId> outputs,
                             const Options& options)
    : impl_(std::make_unique<Impl>(graph, parameters, outputs, options)) {
  at_border("compiling the inference program", [&] {
    const auto resolved = resolved_options(options);
    impl_->lowered = FrozenLowering(impl_->emitter, graph, parameters, outputs, resolved).lower();
    MachineChoices::here().save();
    impl_->emitter.plan();
    if (options.weights_of == nullptr) {
      impl_->load(parameters);
    }
    if (resolved.ranges != nullptr) {
      impl_->int8 = true;
      impl_->lowered.loaders.clear();  // with the weights that they hold
    }
  });
}

FrozenProgram::~FrozenProgram() = default;
FrozenProgram::FrozenProgram(FrozenProgram&&) noexcept = default;
FrozenProgram& FrozenProgram::operator=(FrozenProgram&&) noexcept = default;

int FrozenProgram::batch() const { return impl_->recipe.batch; }

void FrozenProgram::refresh(const Parameters& parameters) {
  if (impl_->int8) {
    throw Error("[engine] expected a program in f32 or bf16; received int8, whose scales are compiled in");
  }
  check_parameters(impl_->network, impl_->recipe.parameters, parameters);
  at_border("packing weights", [&] { impl_->load(parameters); });
}

void FrozenProgram::run(std::span<const float* const> inputs, std::span<float* const> outputs) {
  auto& lowered = impl_->lowered;
  if (inputs.size() != lowered.sources.size() || outputs.size() != lowered.outputs.size()) {
    throw Error(fmt::format("[engine] expected {} inputs and {} outputs; received {} and {}",
                            lowered.sources.size(), lowered.outputs.size(), inputs.size(), outputs.size()));
  }
  at_border("running the inference program", [&] {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      impl_->emitter.bind(lowered.sources[i], inputs[i]);
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      impl_->emitter.bind(lowered.outputs[i], outputs[i]);
    }
    impl_->emitter.run();
  });
}

std::vector<StepReport> FrozenProgram::report(int measured_runs) {
  std::vector<Tensor> tensors;
  const auto bind = [&](const Value& value) {
    tensors.emplace_back(Shape{static_cast<std::int64_t>(value.desc.get_size() / sizeof(float))});
    impl_->emitter.bind(value, tensors.back().data());
  };
  for (const auto& value : impl_->lowered.sources) {
    bind(value);
  }
  for (const auto& value : impl_->lowered.outputs) {
    bind(value);
  }
  return at_border("measuring the inference program", [&] { return impl_->emitter.report(measured_runs); });
}

std::int64_t FrozenProgram::activation_bytes() const { return impl_->emitter.arena_bytes(); }

}  // namespace headstart
