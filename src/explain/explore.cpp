#include "headstart/explore.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "explain/explore_arrays.h"
#include "explain/explore_channels.h"
#include "explain/explore_linear.h"
#include "explain/explore_passes.h"
#include "explain/explore_separate.h"
#include "headstart/class_table.h"
#include "headstart/error.h"

namespace headstart {
namespace {

// The page without its values: the program, the style, the photo, names and shapes.
constexpr std::int64_t kPageBytes = 500'000;
// In base64, of three bytes of which the one with the exponent halves at least when it is deflated.
constexpr double kBytesPerValue = 2.5 * 4 / 3;

std::size_t index_of(NodeId id) { return static_cast<std::size_t>(id); }

// Standard deviation of every channel over the positions.
std::vector<float> deviations(const Tensor& values) {
  const auto channels = static_cast<std::size_t>(values.shape().back());
  const auto positions = static_cast<std::size_t>(positions_of(values.shape()));
  std::vector<double> sum(channels), squares(channels);
  for (std::size_t i = 0; i < positions * channels; ++i) {
    const auto value = static_cast<double>(values.values()[i]);
    sum[i % channels] += value;
    squares[i % channels] += value * value;
  }
  std::vector<float> result(channels);
  const auto count = static_cast<double>(positions);
  for (std::size_t c = 0; c < channels; ++c) {
    const double mean = sum[c] / count;
    result[c] = static_cast<float>(std::sqrt(std::max(0.0, squares[c] / count - mean * mean)));
  }
  return result;
}

// Which channels of a layer are worth seeing: in a map those that vary over the photo, in a vector those that
// speak for the class (value times gradient), at the end the most probable classes.
std::vector<float> channel_scores(const NetworkPart& part, NodeId id, NodeId logits, int class_unit) {
  const Tensor& values = part.values.at(id);
  const bool map = positions_of(values.shape()) > 1;
  std::vector<float> scores =
      map ? deviations(values) : std::vector<float>(values.values().begin(), values.values().end());
  if (id >= logits) {
    const auto [least, most] = std::minmax_element(scores.begin(), scores.end());
    const float low = *least, high = *most;
    for (float& score : scores) {
      score -= low;
    }
    scores.at(static_cast<std::size_t>(class_unit)) = high - low + 1.0F;
    return scores;
  }
  if (map) {
    return scores;
  }
  const auto gradient = part.gradients.find(id);
  for (std::size_t c = 0; c < scores.size(); ++c) {
    scores[c] = std::abs(scores[c]);
    if (gradient != part.gradients.end()) {
      scores[c] *= std::abs(gradient->second.values()[c]);
    }
  }
  return scores;
}

// (channels, P) of a tensor with channels last.
std::vector<float> kept_maps(const Tensor& tensor, const std::vector<int>& channels) {
  const std::int64_t all = tensor.shape().back(), positions = positions_of(tensor.shape());
  std::vector<float> maps;
  maps.reserve(channels.size() * static_cast<std::size_t>(positions));
  for (const int c : channels) {
    for (std::int64_t p = 0; p < positions; ++p) {
      maps.push_back(tensor[p * all + c]);
    }
  }
  return maps;
}

struct Extraction {
  const Graph& graph;
  const Parameters& parameters;
  const std::vector<ChosenChannels>& chosen;

  void keep_rests(NodeId id, const NetworkPart& part, ExploredLayer& layer) const {
    const auto linear = linear_layer(graph, id, parameters);
    if (!linear) {
      return;
    }
    const NodeId input = graph.node(id).inputs[0];
    const auto& sources = chosen[index_of(input)].units;
    if (static_cast<std::int64_t>(sources.size()) < linear->input.channels) {
      layer.rest =
          forward_sums(*linear, part.values.at(input).data(), {.targets = layer.units, .left_out = sources});
    }
    const auto gradient = part.gradients.find(id);
    if (gradient != part.gradients.end() &&
        static_cast<std::int64_t>(layer.units.size()) < linear->output.channels) {
      layer.gradient_rest =
          backward_sums(*linear, gradient->second.data(), {.targets = sources, .left_out = layer.units});
    }
  }

  ExploredLayer layer_of(NodeId id, const NetworkPart& part) const {
    ExploredLayer layer{.channels = chosen[index_of(id)].channels,
                        .units = chosen[index_of(id)].units,
                        .values = kept_maps(part.values.at(id), chosen[index_of(id)].channels)};
    for (const auto& spec : parameter_specs(graph, id)) {
      layer.parameters += element_count(spec.shape);
    }
    const auto gradient = part.gradients.find(id);
    if (gradient != part.gradients.end()) {
      layer.gradients = kept_maps(gradient->second, layer.channels);
    }
    keep_rests(id, part, layer);
    layer.arrays = arithmetic_arrays(graph, parameters, id, part, chosen);
    return layer;
  }
};

// The channel whose mean over the positions is largest.
int strongest_channel(const Tensor& output) {
  std::vector<double> sums(static_cast<std::size_t>(output.shape().back()), 0.0);
  for (std::size_t i = 0; i < static_cast<std::size_t>(output.size()); ++i) {
    sums[i % sums.size()] += static_cast<double>(output.values()[i]);
  }
  return static_cast<int>(std::max_element(sums.begin(), sums.end()) - sums.begin());
}

// Sets probabilities and class of the exploration; returns the output's unit that the class belongs to.
int choose_class(const Model& model, const Tensor& output, const ExploreOptions& options,
                 Exploration& exploration) {
  const std::int64_t units = output.shape().back();
  std::int64_t classes = units;
  if (output.shape().size() == 1) {
    const Tensor table = class_probabilities(model, Tensor({1, units}, output.values()));
    exploration.probabilities.assign(table.values().begin(), table.values().end());
    exploration.class_names = class_labels(model);
    classes = table.size();
  }
  const auto& shares = exploration.probabilities;
  const auto most_probable =
      static_cast<int>(std::max_element(shares.begin(), shares.end()) - shares.begin());
  exploration.class_index =
      options.class_index.value_or(shares.empty() ? strongest_channel(output) : most_probable);
  if (exploration.class_index < 0 || exploration.class_index >= classes) {
    throw Error(fmt::format("[explore] expected a class from 0 to {}; received {}", classes - 1,
                            exploration.class_index));
  }
  return units == 1 ? 0 : exploration.class_index;
}

// What the gradients are the gradients of: the class's logit (of one sigmoid unit: it or its negative), or,
// of a network that ends in maps, the mean of the class's map.
std::vector<float> logits_gradient(const Shape& logits, const Exploration& exploration, int class_unit) {
  std::vector<float> gradient(static_cast<std::size_t>(element_count(logits)), 0.0F);
  const auto channels = static_cast<std::size_t>(logits.back());
  const bool negative = channels == 1 && exploration.class_names.size() == 2 && exploration.class_index == 0;
  for (std::size_t i = static_cast<std::size_t>(class_unit); i < gradient.size(); i += channels) {
    gradient[i] = (negative ? -1.0F : 1.0F) / static_cast<float>(positions_of(logits));
  }
  return gradient;
}

}  // namespace

Exploration explore(Model model, const Image& photo, const ExploreOptions& options, Progress& progress) {
  SeparatedNetwork network = separate(model.graph, std::move(model.parameters));
  const Graph& graph = network.graph;
  NetworkPasses passes(graph, network.parameters, preprocess(photo, model.preprocessing));
  Exploration result;
  result.photo = fit_image(photo, model.preprocessing);
  result.temperature = model.temperature;
  result.logits = logits_of(graph);
  result.title = graph.name();
  const int unit = choose_class(model, passes.value_of(graph.output()), options, result);
  const auto seed = logits_gradient(graph.node(result.logits).shape, result, unit);

  const auto count = static_cast<std::int64_t>(graph.nodes().size());
  std::vector<std::vector<float>> scores(graph.nodes().size());
  progress.begin("computing layers", 2 * count);
  passes.for_each_part(seed, [&](const NetworkPart& part) {
    for (const NodeId id : part.nodes) {
      scores[index_of(id)] = channel_scores(part, id, result.logits, unit);
    }
    progress.advance(part.nodes.back());
  });
  const auto chosen =
      choose_channels(graph, scores,
                      {.channels = options.channels,
                       .maximum_values = static_cast<std::int64_t>(
                           static_cast<double>(options.maximum_bytes - kPageBytes) / kBytesPerValue)});
  const Extraction extraction{.graph = graph, .parameters = network.parameters, .chosen = chosen};
  passes.for_each_part(seed, [&](const NetworkPart& part) {
    for (const NodeId id : part.nodes) {
      throw_if_stopped();
      result.layers.push_back(extraction.layer_of(id, part));
      progress.advance(count + id);
    }
  });
  progress.end();
  result.graph = std::move(network.graph);
  return result;
}

}  // namespace headstart
