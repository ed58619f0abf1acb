// Maps a weight file onto a graph: match layers, check kinds and shapes, convert layouts, report.
#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/files.h"
#include "headstart/error.h"
#include "headstart/weights.h"
#include "weights/layer_matching.h"
#include "weights/position_embedding.h"
#include "weights/source_layers.h"
#include "weights/torchvision_names.h"
#include "weights/weight_layout.h"

namespace headstart {
namespace {

// One parameter and where it comes from: a weight of the file, or a constant.
struct Move {
  NodeId node = 0;
  std::string parameter;
  Shape shape;
  const SourceWeight* weight = nullptr;
  Transform transform = Transform::none;
  float constant = 0.0F;  // the value of what has no weight, else what is added to it
};

struct Plan {
  std::vector<Move> moves;
  WeightReport report;  // without `mapped`
  bool by_names = false;
  std::size_t problems() const { return report.missing.size() + report.mismatched.size(); }
};

const SourceWeight* find_weight(const SourceLayer& layer, const TargetLayer& target, std::size_t spec,
                                WeightLayout layout) {
  const bool positional = std::all_of(layer.weights.begin(), layer.weights.end(),
                                      [](const SourceWeight& weight) { return weight.kind.empty(); });
  if (positional) {
    return spec < layer.weights.size() ? &layer.weights[spec] : nullptr;
  }
  std::string kind = target.specs[spec].name;
  if (layout == WeightLayout::torch) {
    kind = torch_kind(kind);
  }
  const auto find = [&layer](const std::string& wanted) -> const SourceWeight* {
    const auto found = std::find_if(layer.weights.begin(), layer.weights.end(),
                                    [&](const SourceWeight& weight) { return weight.kind == wanted; });
    return found == layer.weights.end() ? nullptr : &*found;
  };
  const auto* found = find(kind);
  // Keras calls the kernel of a DepthwiseConv2D so.
  return found == nullptr && kind == "kernel" ? find("depthwise_kernel") : found;
}

// What the source as a whole says about its kernels.
struct SourceHints {
  WeightLayout layout = WeightLayout::keras;
  bool channels_first = false;  // Keras 1 "th" ordering: OIHW kernels, flattened as C, H, W
  bool rotated = false;         // Theano kernels
  bool flattened_hwc = false;   // PyTorch's layouts, but flattened as ours
};

bool is_convolution(const Graph& graph, NodeId id) {
  return std::holds_alternative<Conv2D>(graph.node(id).op);
}

Transform transform_for(const Graph& graph, NodeId id, const std::string& spec, const SourceHints& hints) {
  const auto& op = graph.node(id).op;
  const bool dense = std::holds_alternative<Dense>(op);
  const bool order_matters = dense && !flattened_shape(graph, id).empty();
  if (hints.layout == WeightLayout::torch) {
    return torch_transform(op, spec, order_matters && !hints.flattened_hwc);
  }
  if (hints.layout == WeightLayout::exported) {
    return exported_transform(graph, id, spec);
  }
  if (spec != "kernel") {
    return Transform::none;
  }
  if (is_convolution(graph, id)) {
    if (hints.channels_first) {
      return hints.rotated ? Transform::oihw_rotate : Transform::oihw;
    }
    return hints.rotated ? Transform::rotate : Transform::none;
  }
  return order_matters && hints.channels_first ? Transform::rows_channels_first : Transform::none;
}

// A file is of the "th" ordering when a convolution kernel fits as OIHW and not as it is.
bool has_channels_first_kernels(const Graph& graph, const std::vector<TargetLayer>& targets,
                                const Source& source, const Matching& matching) {
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (!matching[i] || !is_convolution(graph, targets[i].id)) {
      continue;
    }
    const auto* weight = find_weight(source.layers[*matching[i]], targets[i], 0, source.layout);
    if (weight != nullptr && weight->tensor->shape() != targets[i].specs[0].shape &&
        transformed_shape(Transform::oihw, weight->tensor->shape(), 1) == targets[i].specs[0].shape) {
      return true;
    }
  }
  return false;
}

std::int64_t multiplier_of(const Op& op) {
  if (const auto* separable = std::get_if<SeparableConv2D>(&op)) {
    return separable->depth_multiplier;
  }
  const auto* depthwise = std::get_if<DepthwiseConv2D>(&op);
  return depthwise == nullptr ? 1 : depthwise->depth_multiplier;
}

const SourceWeight* bias_of(const SourceLayer& layer) {
  const auto found = std::find_if(layer.weights.begin(), layer.weights.end(),
                                  [](const SourceWeight& weight) { return weight.kind == "bias"; });
  return found == layer.weights.end() ? nullptr : &*found;
}

// For the target of a batch norm that was folded away: the index of the convolution's target that took it up.
std::optional<std::size_t> folded_into(const Graph& graph, const std::vector<TargetLayer>& targets,
                                       const Source& source, const Matching& matching, std::size_t norm) {
  const auto& node = graph.node(targets[norm].id);
  if (!source.may_be_folded || matching[norm] || !std::holds_alternative<BatchNormalization>(node.op)) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto& op = graph.node(targets[i].id).op;
    const bool convolution =
        std::holds_alternative<Conv2D>(op) || std::holds_alternative<DepthwiseConv2D>(op);
    if (convolution && matching[i] && node.inputs.front() == targets[i].id) {
      return i;
    }
  }
  return std::nullopt;
}

bool has_bias(const TargetLayer& target) {
  return std::any_of(target.specs.begin(), target.specs.end(),
                     [](const ParameterSpec& spec) { return spec.name == "bias"; });
}

// gamma (x - mean) / sqrt(variance + epsilon) + beta becomes x + bias, the bias being the convolution's where
// ours has none.
void plan_identity(const Graph& graph, const TargetLayer& norm, const TargetLayer& convolution,
                   const SourceLayer& layer, Plan& plan) {
  const auto& op = std::get<BatchNormalization>(graph.node(norm.id).op);
  const auto* bias = has_bias(convolution) ? nullptr : bias_of(layer);
  for (const auto& spec : norm.specs) {
    Move move{.node = norm.id, .parameter = norm.name + "/" + spec.name, .shape = spec.shape};
    if (spec.name == "gamma") {
      move.constant = 1.0F;
    } else if (spec.name == "moving_variance") {
      move.constant = 1.0F - op.epsilon;
    } else if (spec.name == "beta" && bias != nullptr && bias->tensor->shape() == spec.shape) {
      move.weight = bias;
      bias = nullptr;
    }
    plan.moves.push_back(std::move(move));
  }
  if (bias != nullptr) {
    plan.report.mismatched.push_back(fmt::format("{}: expected a beta for the folded bias {} {}", norm.name,
                                                 bias->key, to_string(bias->tensor->shape())));
  }
  plan.report.folded.push_back(norm.name);
}

// A batch norm divides by sqrt(variance + epsilon): another epsilon is another variance.
float added_to(const Graph& graph, const TargetLayer& target, const ParameterSpec& spec,
               const SourceLayer& layer) {
  const auto* norm = std::get_if<BatchNormalization>(&graph.node(target.id).op);
  return norm != nullptr && layer.epsilon && spec.name == "moving_variance" ? *layer.epsilon - norm->epsilon
                                                                            : 0.0F;
}

// `leave`: a weight of the layer that belongs elsewhere.
void plan_layer(const Graph& graph, const TargetLayer& target, const SourceLayer& layer,
                const SourceWeight* leave, const SourceHints& hints, Plan& plan) {
  std::set<const SourceWeight*> used;
  for (std::size_t i = 0; i < target.specs.size(); ++i) {
    const auto& spec = target.specs[i];
    auto name = target.name + "/" + spec.name;
    const auto* weight = find_weight(layer, target, i, hints.layout);
    if (weight == nullptr) {
      plan.report.missing.push_back(std::move(name));
      continue;
    }
    used.insert(weight);
    const auto transform = transform_for(graph, target.id, spec.name, hints);
    const auto shape =
        transformed_shape(transform, weight->tensor->shape(), multiplier_of(graph.node(target.id).op));
    const bool resampled = shape && can_resample_positions(graph, target.id, *shape);
    if (shape != spec.shape && !resampled) {
      plan.report.mismatched.push_back(fmt::format(
          "{}: expected {}, received {}{}", name, to_string(spec.shape), to_string(weight->tensor->shape()),
          transform == Transform::none ? "" : " before transposing"));
      continue;
    }
    plan.moves.push_back(
        {target.id, std::move(name), spec.shape, weight, transform, added_to(graph, target, spec, layer)});
  }
  // A bias that the graph has no place for is another network, not a spare tensor. Keras's Normalization has
  // a count besides, of the pictures it was adapted to.
  const bool may_count = std::holds_alternative<Normalization>(graph.node(target.id).op);
  for (const auto& weight : layer.weights) {
    if (&weight != leave && !used.contains(&weight) && !may_count) {
      plan.report.mismatched.push_back(fmt::format("{}: expected no such parameter, received {} {}",
                                                   target.name, weight.key,
                                                   to_string(weight.tensor->shape())));
    }
  }
}

// How many classes a file has where its top is the network's but for that number.
std::optional<std::int64_t> other_classes(const Graph& graph, const TargetLayer& top,
                                          const SourceLayer& layer, const SourceHints& hints) {
  std::optional<std::int64_t> classes;
  for (std::size_t i = 0; i < top.specs.size(); ++i) {
    const auto* weight = find_weight(layer, top, i, hints.layout);
    auto shape = weight == nullptr
                     ? std::nullopt
                     : transformed_shape(transform_for(graph, top.id, top.specs[i].name, hints),
                                         weight->tensor->shape(), multiplier_of(graph.node(top.id).op));
    if (!shape || shape->empty() || (classes && shape->back() != *classes)) {
      return std::nullopt;
    }
    classes = shape->back();
    shape->back() = top.specs[i].shape.back();
    if (*shape != top.specs[i].shape) {
      return std::nullopt;
    }
  }
  return classes;
}

bool may_be_of_a_top(const Op& op) {
  const auto* convolution = std::get_if<Conv2D>(&op);
  return std::holds_alternative<Dense>(op) ||
         (convolution != nullptr && convolution->kernel == decltype(convolution->kernel){1, 1});
}

// Where nothing but the top of a classifier differs.
std::string advice_for(const Graph& graph, const std::vector<TargetLayer>& targets, const Source& source,
                       const Matching& matching, const SourceHints& hints, const Plan& plan) {
  if (plan.problems() == 0 || graph.output_shape().size() != 1) {
    return "";
  }
  const auto& top = targets.back();
  const bool only_top_differs =
      std::all_of(plan.report.mismatched.begin(), plan.report.mismatched.end(),
                  [&](const std::string& text) { return text.starts_with(top.name + "/"); });
  if (plan.report.missing.empty() && only_top_differs && matching.back()) {
    const auto classes = other_classes(graph, top, source.layers[*matching.back()], hints);
    return classes ? fmt::format("the file is of {} classes: give --classes {}", *classes, *classes) : "";
  }
  std::size_t first = targets.size();
  std::size_t without = 0;  // parameters of layers at the end that the file lacks
  while (first > 0 && !matching[first - 1] && may_be_of_a_top(graph.node(targets[first - 1].id).op)) {
    without += targets[--first].specs.size();
  }
  const bool only_top_lacks =
      first > 0 && plan.report.mismatched.empty() && plan.report.missing.size() == without;
  return only_top_lacks ? "the file is without the top: give --no-top, or weights with one" : "";
}

Plan make_plan(const Graph& graph, const std::vector<TargetLayer>& targets, const Source& source,
               const Candidate& candidate, std::optional<bool> rotated_kernels) {
  const auto& matching = candidate.matching;
  SourceHints hints{.layout = source.layout, .flattened_hwc = source.flattened_hwc};
  if (source.layout == WeightLayout::keras) {
    hints.channels_first = has_channels_first_kernels(graph, targets, source, matching);
    // OIHW kernels in a Keras file are Theano's unless the file says otherwise.
    hints.rotated = rotated_kernels.value_or(hints.channels_first);
  }
  Plan plan;
  plan.report.matched_by = candidate.by;
  plan.by_names = plan.report.matched_by == "names";
  std::set<std::size_t> used;
  std::set<std::size_t> took_up;  // convolutions with a batch norm in them
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (const auto convolution = folded_into(graph, targets, source, matching, i)) {
      took_up.insert(*convolution);
    }
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (matching[i]) {
      used.insert(*matching[i]);
      const auto& layer = source.layers[*matching[i]];
      const bool leaves_bias = took_up.contains(i) && !has_bias(targets[i]);
      plan_layer(graph, targets[i], layer, leaves_bias ? bias_of(layer) : nullptr, hints, plan);
    } else if (const auto convolution = folded_into(graph, targets, source, matching, i)) {
      plan_identity(graph, targets[i], targets[*convolution], source.layers[*matching[*convolution]], plan);
    } else if (const auto several = candidate.ambiguous.find(i); several != candidate.ambiguous.end()) {
      plan.report.mismatched.push_back(several->second);
    } else {
      for (const auto& spec : targets[i].specs) {
        plan.report.missing.push_back(targets[i].name + "/" + spec.name);
      }
    }
  }
  for (std::size_t i = 0; i < source.layers.size(); ++i) {
    for (const auto& weight : source.layers[i].weights) {
      if (!used.contains(i)) {
        plan.report.unused.push_back(weight.key);
      }
    }
  }
  plan.report.advice = advice_for(graph, targets, source, matching, hints, plan);
  return plan;
}

std::string summary(const char* what, const std::vector<std::string>& names) {
  constexpr std::size_t kListed = 4;
  if (names.empty()) {
    return "";
  }
  const auto listed = std::min(kListed, names.size());
  return fmt::format("; {} {} ({}{})", names.size(), what,
                     fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(listed), ", "),
                     names.size() > listed ? ", ..." : "");
}

Plan best_plan(const Graph& graph, const Source& source, std::optional<bool> rotated_kernels) {
  const auto targets = target_layers(graph);
  std::optional<Plan> best;
  for (const auto& candidate : candidate_matchings(graph, targets, source)) {
    auto plan = make_plan(graph, targets, source, candidate, rotated_kernels);
    if (!best || plan.problems() < best->problems()) {
      best = std::move(plan);
    }
  }
  return std::move(*best);
}

// The plan points into the source that it is for, one of `sources`.
Plan best_plan(const Graph& graph, const WeightFile& file, std::deque<Source>& sources) {
  const auto& plain = sources.emplace_back(source_layers(file));
  auto best = best_plan(graph, plain, file.rotated_kernels);
  const bool modules = plain.layout == WeightLayout::torch && file.format != WeightFormat::onnx;
  if (!modules || (best.by_names && best.problems() == 0)) {
    return best;
  }
  const auto rank = [](const Plan& plan) { return std::tuple(plan.problems(), !plan.by_names); };
  for (const auto& prefix : module_prefixes(file)) {
    auto plan = best_plan(graph, sources.emplace_back(source_layers(file, prefix)), file.rotated_kernels);
    if (rank(plan) < rank(best)) {
      best = std::move(plan);
      best.report.matched_by += " without " + prefix;
    }
  }
  return best;
}

// A tensor that was taken out of its file is nobody else's: its memory can go while it is being transposed,
// so that a large one is not in memory twice.
void give_back(std::span<const float> consumed) {
  release_pages({reinterpret_cast<const std::uint8_t*>(consumed.data()), consumed.size_bytes()});
}

// Activations hide what is no number: the network would answer all the same.
void check_values(const Graph& graph, const Move& move, const Tensor& tensor) {
  const auto* norm = std::get_if<BatchNormalization>(&graph.node(move.node).op);
  const bool variance = norm != nullptr && move.parameter.ends_with("/moving_variance");
  const auto values = tensor.values();
  if (!is_finite(tensor)) {
    throw Error(
        fmt::format("[weights] expected numbers in {}; received some that are none or infinite; the file is "
                    "damaged, or its training diverged",
                    move.weight->key));
  }
  if (variance &&
      std::any_of(values.begin(), values.end(), [&](float v) { return v + norm->epsilon <= 0.0F; })) {
    throw Error(fmt::format("[weights] expected variances in {}; received some below 0; the file is damaged",
                            move.weight->key));
  }
}

// Takes tensors out of a file; what several layers share is copied but the last time.
class TensorStock {
 public:
  TensorStock(WeightFile& file, const std::vector<Move>& moves) : file_(file) {
    for (const auto& move : moves) {
      if (move.weight != nullptr) {
        ++uses_[move.weight->key];
      }
    }
  }

  Tensor take(const std::string& key) {
    auto& tensor = file_.tensors.at(key);
    return --uses_.at(key) == 0 ? std::move(tensor) : tensor;
  }

 private:
  WeightFile& file_;
  std::map<std::string, int> uses_;
};

}  // namespace

MappedWeights map_weights_leniently(const Graph& graph, WeightFile file) {
  std::deque<Source> sources;
  auto plan = best_plan(graph, file, sources);
  MappedWeights result{.parameters = {}, .report = std::move(plan.report)};
  TensorStock stock(file, plan.moves);
  for (const auto& move : plan.moves) {
    result.report.parameters += element_count(move.shape);
    if (move.weight == nullptr) {
      Tensor constant(move.shape);
      std::fill_n(constant.data(), constant.size(), move.constant);
      result.parameters.insert(move.parameter, std::move(constant));
      result.report.mapped.push_back({move.parameter, fmt::format("{}", move.constant), "folded"});
      continue;
    }
    auto tensor = apply(move.transform, stock.take(move.weight->key), move.shape,
                        flattened_shape(graph, move.node), give_back);
    auto change = describe(move.transform);
    if (tensor.shape() != move.shape) {
      tensor = resample_positions(graph, move.node, tensor);
      change = "interpolated";
    }
    if (move.constant != 0.0F) {
      for (float& value : tensor.values()) {
        value += move.constant;
      }
      change = fmt::format("{:+.1g}, for the epsilon", move.constant);
    }
    check_values(graph, move, tensor);
    result.parameters.insert(move.parameter, std::move(tensor));
    result.report.mapped.push_back({move.parameter, move.weight->key, std::move(change)});
  }
  return result;
}

MappedWeights map_weights(const Graph& graph, WeightFile file) {
  auto result = map_weights_leniently(graph, std::move(file));
  const auto& report = result.report;
  if (!report.missing.empty() || !report.mismatched.empty()) {
    throw Error(fmt::format(
        "[weights] expected the parameters of {}; {} fit{}{}{}; {}", graph.name(), report.mapped.size(),
        summary("differ", report.mismatched), summary("are missing", report.missing),
        summary("are of no use", report.unused),
        report.advice.empty() ? "use weights of this architecture, size and top" : report.advice));
  }
  return result;
}

}  // namespace headstart
