// Runs the inference program for the boundary nodes; the Input passes by.
#include "train/boundary_program.h"

#include <variant>

namespace headstart {

BoundaryProgram::BoundaryProgram(const Graph& graph, const Parameters& parameters, const Options& options)
    : batch_(options.batch) {
  std::vector<NodeId> computed;
  for (const NodeId id : options.boundary) {
    const bool input = std::holds_alternative<Input>(graph.node(id).op);
    is_input_.push_back(input);
    if (!input) {
      Shape shape = graph.node(id).shape;
      shape.insert(shape.begin(), options.batch);
      computed.push_back(id);
      outputs_.emplace_back(shape);
    }
  }
  for (Tensor& output : outputs_) {
    destinations_.push_back(output.data());
  }
  if (!computed.empty()) {
    program_.emplace(graph, parameters, computed,
                     FrozenProgram::Options{
                         .batch = options.batch, .precision = options.precision, .ranges = options.ranges});
  }
}

std::span<const float* const> BoundaryProgram::run(const float* images) {
  if (program_) {
    program_->run(images, destinations_);
  }
  values_.clear();
  std::size_t next = 0;
  for (const bool input : is_input_) {
    values_.push_back(input ? images : destinations_[next++]);
  }
  return values_;
}

std::vector<std::int64_t> boundary_sizes(const Graph& graph, const std::vector<NodeId>& boundary) {
  std::vector<std::int64_t> sizes;
  sizes.reserve(boundary.size());
  for (const NodeId id : boundary) {
    sizes.push_back(element_count(graph.node(id).shape));
  }
  return sizes;
}

}  // namespace headstart
