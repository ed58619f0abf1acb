// The training program behind its public face.
#include <algorithm>
#include <map>
#include <memory>

#include <fmt/format.h>

#include "engine/border.h"
#include "engine/program_checks.h"
#include "engine/training_lowering.h"
#include "headstart/engine.h"
#include "headstart/error.h"

namespace headstart {
namespace {

Shape batched(int batch, const Shape& shape) {
  Shape result{batch};
  result.insert(result.end(), shape.begin(), shape.end());
  return result;
}

}  // namespace

struct TrainingProgram::Impl {
  struct Watched {
    Tensor value;
    Tensor gradient;
  };

  Impl(const Graph& graph_in, Parameters& parameters, const Options& options)
      : graph(graph_in),
        state{.parameters = &parameters},
        lowering(emitter, graph, state, options),
        batch(options.batch) {
    std::vector<bool> computed(graph.nodes().size());
    for (std::size_t i = 0; i < computed.size(); ++i) {
      computed[i] = lowering.in_program(i);
    }
    check_parameters(graph.name(), needed_parameters(graph, computed), parameters);
  }

  void require_boundary(std::size_t tensors) const {
    if (const std::size_t needed = lowering.boundary_values().size(); tensors != needed) {
      throw Error(fmt::format("[engine] expected {} boundary tensors; received {}", needed, tensors));
    }
  }

  void bind_parameters() {
    for (const auto& binding : lowering.parameters()) {
      emitter.bind(binding.value, state.parameters->at(binding.name).data());
    }
    for (const auto& binding : lowering.gradients()) {
      emitter.bind(binding.value, gradients.at(binding.name).data());
    }
    emitter.bind(lowering.logits(), logits.data());
  }

  void bind_watched() {
    for (const auto& binding : lowering.watched()) {
      const auto shape = batched(batch, graph.node(binding.id).shape);
      auto& kept = watched[binding.id] = {.value = Tensor(shape), .gradient = Tensor(shape)};
      emitter.bind(binding.value, kept.value.data());
      emitter.bind(binding.gradient, kept.gradient.data());
    }
  }

  const Watched& watched_at(NodeId id) const {
    const auto found = watched.find(id);
    if (found == watched.end()) {
      throw Error(
          fmt::format("[engine] expected a watched node; received node {}; name it in Options::watch", id));
    }
    return found->second;
  }

  Graph graph;
  TrainingState state;
  Emitter emitter;
  TrainingLowering lowering;
  int batch = 0;
  std::size_t forward_steps = 0;
  bool has_values = false;           // of a forward pass whose boundary is still there
  std::vector<const float*> summed;  // the boundary of which the updates of wide kernels summed the products
  Tensor logits;
  Parameters gradients;
  std::map<NodeId, Watched> watched;
};

namespace {

Parameters zero_gradients(const Graph& graph, const std::vector<ParameterBinding>& bindings) {
  std::vector<std::string> wanted;
  wanted.reserve(bindings.size());
  for (const auto& binding : bindings) {
    wanted.push_back(binding.name);
  }
  Parameters gradients;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    for (const auto& spec : parameter_specs(graph, static_cast<NodeId>(i))) {
      const auto name = graph.nodes()[i].name + "/" + spec.name;
      if (std::find(wanted.begin(), wanted.end(), name) != wanted.end()) {
        gradients.insert(name, Tensor(spec.shape));
      }
    }
  }
  return gradients;
}

}  // namespace

TrainingProgram::TrainingProgram(const Graph& graph, Parameters& parameters, const Options& options) {
  at_border("compiling the training program", [&] {
    auto resolved = options;
    resolved.precision =
        resolve(options.precision == Precision::int8 ? Precision::automatic : options.precision);
    impl_ = std::make_unique<Impl>(graph, parameters, resolved);
    impl_->lowering.lower_forward();
    impl_->forward_steps = impl_->emitter.step_count();
    impl_->lowering.lower_backward();
    impl_->emitter.plan(impl_->forward_steps, options.activation_limit);
    impl_->logits = Tensor(batched(options.batch, graph.output_shape()));
    impl_->gradients = zero_gradients(graph, impl_->lowering.gradients());
    impl_->bind_watched();
  });
}

TrainingProgram::~TrainingProgram() = default;
TrainingProgram::TrainingProgram(TrainingProgram&&) noexcept = default;
TrainingProgram& TrainingProgram::operator=(TrainingProgram&&) noexcept = default;

int TrainingProgram::batch() const { return impl_->batch; }
const std::vector<NodeId>& TrainingProgram::boundary() const { return impl_->lowering.boundary(); }
const Parameters& TrainingProgram::gradients() const { return impl_->gradients; }
Parameters& TrainingProgram::gradients() { return impl_->gradients; }

std::set<std::string> TrainingProgram::trainable() const {
  std::set<std::string> names;
  for (const auto& [name, gradient] : impl_->gradients) {
    names.insert(name);
  }
  for (const auto& factored : impl_->lowering.factored()) {
    names.insert(factored.name);
  }
  return names;
}

std::vector<OuterProduct> TrainingProgram::factored_gradients(std::span<const float* const> next) {
  if (!next.empty()) {
    impl_->require_boundary(next.size());
  }
  std::vector<OuterProduct> products;
  for (const auto& factored : impl_->lowering.factored()) {
    OuterProduct& product = products.emplace_back(OuterProduct{.parameter = factored.name,
                                                               .source = floats(factored.source),
                                                               .diff = floats(factored.diff),
                                                               .rows = factored.rows,
                                                               .inputs = factored.inputs,
                                                               .outputs = factored.outputs});
    if (!next.empty() && factored.wide.boundary) {
      product.next = {.source = next[*factored.wide.boundary],
                      .sums = floats(factored.wide.sums),
                      .rows = factored.rows,
                      .inputs = factored.inputs,
                      .outputs = factored.outputs};
    }
  }
  impl_->summed.assign(next.begin(), next.end());
  return products;
}

bool TrainingProgram::takes_next() const {
  const auto& factored = impl_->lowering.factored();
  return std::any_of(factored.begin(), factored.end(),
                     [](const FactoredGradient& gradient) { return gradient.wide.boundary.has_value(); });
}

const Tensor& TrainingProgram::value_of(NodeId id) const { return impl_->watched_at(id).value; }
const Tensor& TrainingProgram::gradient_of(NodeId id) const { return impl_->watched_at(id).gradient; }

const Tensor& TrainingProgram::forward(std::span<const float* const> boundary, std::uint64_t step) {
  impl_->require_boundary(boundary.size());
  at_border("the forward pass", [&] {
    const auto& values = impl_->lowering.boundary_values();
    for (std::size_t i = 0; i < values.size(); ++i) {
      impl_->emitter.bind(values[i], boundary[i]);
    }
    impl_->state.step = step;
    impl_->state.has_sums = std::ranges::equal(boundary, impl_->summed);
    impl_->summed.clear();
    impl_->bind_parameters();
    impl_->emitter.run(0, impl_->forward_steps);
  });
  impl_->has_values = true;
  return impl_->logits;
}

void TrainingProgram::backward(const float* diff_logits) {
  if (!impl_->has_values) {
    throw Error(
        "[engine] expected a forward pass before each backward one; received none; call forward first");
  }
  impl_->has_values = false;  // whose memory the gradients take
  at_border("the backward pass", [&] {
    impl_->emitter.bind(impl_->lowering.diff_logits(), diff_logits);
    impl_->emitter.run(impl_->forward_steps, impl_->emitter.scheduled_steps());
  });
}

std::vector<StepReport> TrainingProgram::report(int measured_runs) {
  std::vector<Tensor> tensors;
  const auto bind = [&](const Value& value) {
    tensors.emplace_back(Shape{static_cast<std::int64_t>(value.desc.get_size() / sizeof(float))});
    impl_->emitter.bind(value, tensors.back().data());
  };
  for (const auto& value : impl_->lowering.boundary_values()) {
    bind(value);
  }
  bind(impl_->lowering.diff_logits());
  // Measuring runs every step, so moving statistics are put back afterwards.
  Parameters& original = *impl_->state.parameters;
  Parameters copy = original;
  impl_->state.parameters = &copy;
  impl_->state.has_sums = false;
  impl_->summed.clear();
  impl_->has_values = false;
  impl_->bind_parameters();
  auto report =
      at_border("measuring the training program", [&] { return impl_->emitter.report(measured_runs); });
  impl_->state.parameters = &original;
  return report;
}

std::int64_t TrainingProgram::activation_bytes() const { return impl_->emitter.arena_bytes(); }
std::int64_t TrainingProgram::unlimited_activation_bytes() const {
  return impl_->emitter.unlimited_arena_bytes();
}
double TrainingProgram::recomputed_share() const { return impl_->emitter.recomputed_share(); }

}  // namespace headstart
