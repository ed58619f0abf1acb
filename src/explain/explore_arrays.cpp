#include "explain/explore_arrays.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "explain/explore_attention.h"
#include "explain/explore_linear.h"
#include "graph/overloaded.h"

namespace headstart {
namespace {

using Arrays = std::map<std::string, std::vector<float>>;

struct Context {
  const Graph& graph;
  const Parameters& parameters;
  const Node& node;
  const Tensor& input;     // of its first input; empty for an Input
  const Tensor* gradient;  // of the node, where it has one
  const std::vector<int>& units;
  const std::vector<int>& input_units;
  Arrays arrays{};

  const Tensor* parameter(const std::string& name) const {
    const std::string full = node.name + "/" + name;
    return parameters.contains(full) ? &parameters.at(full) : nullptr;
  }

  // One number a channel; left out when the layer does without.
  void keep_vector(const std::string& name, const std::string& as) {
    if (const Tensor* tensor = parameter(name)) {
      auto& kept = arrays[as];
      for (const int unit : units) {
        kept.push_back((*tensor)[unit]);
      }
    }
  }
  void keep_vectors(std::initializer_list<const char*> names) {
    for (const char* name : names) {
      keep_vector(name, name);
    }
  }
};

void keep_depthwise(Context& context, const DepthwiseConv2D& conv) {
  const Tensor& kernel = *context.parameter("kernel");
  const std::int64_t outputs = context.node.shape.back();  // channel * multiplier + copy: the last two axes
  auto& kept = context.arrays["kernel"];
  for (std::int64_t tap = 0; tap < std::int64_t{conv.kernel.height} * conv.kernel.width; ++tap) {
    for (const int unit : context.units) {
      kept.push_back(kernel[tap * outputs + unit]);
    }
  }
  context.keep_vectors({"bias"});
}

// What a normalisation takes the statistics of: `rows` rows of `width` values, `stride` apart.
struct Block {
  std::int64_t begin = 0, rows = 1, stride = 0, width = 1;
};
// Mean and variance, and, for the gradient of the input, the means of gamma * gradient and of gamma *
// gradient
// * normalised value.
void keep_statistics(Context& context, const Block& block, float epsilon) {
  double sum = 0, squares = 0, gradients = 0, products = 0;
  const auto visit = [&](auto add) {
    for (std::int64_t row = 0; row < block.rows; ++row) {
      for (std::int64_t i = 0; i < block.width; ++i) {
        add(block.begin + row * block.stride + i);
      }
    }
  };
  const auto count = static_cast<double>(block.rows * block.width);
  visit([&](std::int64_t i) { sum += static_cast<double>(context.input[i]); });
  const double mean = sum / count;
  visit([&](std::int64_t i) { squares += std::pow(static_cast<double>(context.input[i]) - mean, 2); });
  context.arrays["mean"].push_back(static_cast<float>(mean));
  context.arrays["variance"].push_back(static_cast<float>(squares / count));
  if (context.gradient == nullptr) {
    return;
  }
  const Tensor* gamma = context.parameter("gamma");
  const double deviation = std::sqrt(squares / count + static_cast<double>(epsilon));
  visit([&](std::int64_t i) {
    const auto scale = gamma == nullptr ? 1.0 : static_cast<double>((*gamma)[i % gamma->size()]);
    const double gradient = scale * static_cast<double>((*context.gradient)[i]);
    gradients += gradient;
    products += gradient * (static_cast<double>(context.input[i]) - mean) / deviation;
  });
  context.arrays["gradient_mean"].push_back(static_cast<float>(gradients / count));
  context.arrays["gradient_product"].push_back(static_cast<float>(products / count));
}

void keep_group_norm(Context& context, const GroupNormalization& normalization) {
  const std::int64_t channels = context.node.shape.back(), width = channels / normalization.groups;
  for (int group = 0; group < normalization.groups; ++group) {
    keep_statistics(context,
                    {.begin = group * width,
                     .rows = positions_of(context.node.shape),
                     .stride = channels,
                     .width = width},
                    normalization.epsilon);
  }
  context.keep_vectors({"gamma", "beta"});
}

void keep_layer_norm(Context& context, const LayerNormalization& normalization) {
  const std::int64_t channels = context.node.shape.back();
  for (std::int64_t position = 0; position < positions_of(context.node.shape); ++position) {
    keep_statistics(context, {.begin = position * channels, .rows = 1, .stride = 0, .width = channels},
                    normalization.epsilon);
  }
  context.keep_vectors({"gamma", "beta"});
}

// k + alpha / size * the sum of squares around: (units, P).
void keep_response_norm(Context& context, const LocalResponseNormalization& normalization) {
  const std::int64_t channels = context.node.shape.back(), reach = normalization.size / 2;
  auto& kept = context.arrays["denominator"];
  for (const int unit : context.units) {
    for (std::int64_t position = 0; position < positions_of(context.node.shape); ++position) {
      double squares = 0;
      for (std::int64_t c = std::max<std::int64_t>(0, unit - reach);
           c <= std::min<std::int64_t>(channels - 1, unit + reach); ++c) {
        squares += std::pow(static_cast<double>(context.input[position * channels + c]), 2);
      }
      const double share = static_cast<double>(normalization.alpha) / normalization.size;
      kept.push_back(static_cast<float>(static_cast<double>(normalization.k) + share * squares));
    }
  }
}

void keep_positions(Context& context) {
  const Tensor& table = *context.parameter("position_embedding");
  const std::int64_t channels = context.node.shape.back();
  auto& kept = context.arrays["position_embedding"];
  for (const int unit : context.units) {
    for (std::int64_t position = 0; position < positions_of(context.node.shape); ++position) {
      kept.push_back(table[position * channels + unit]);
    }
  }
}

void keep_rescaling(Context& context, const Rescaling& rescaling) {
  for (const int unit : context.units) {
    const auto of = [&](const std::vector<float>& all) {
      return all.size() == 1 ? all.front() : all.at(static_cast<std::size_t>(unit));
    };
    context.arrays["scale"].push_back(of(rescaling.scale));
    context.arrays["offset"].push_back(of(rescaling.offset));
  }
}

// The head that most of the values kept of the input belong to: the third part of its channels.
std::int64_t shown_head(const Context& context, int heads) {
  const std::int64_t channels = context.node.shape.back(), depth = channels / heads;
  std::vector<int> counts(static_cast<std::size_t>(heads), 0);
  for (const int unit : context.input_units) {
    if (unit >= 2 * channels) {
      ++counts[static_cast<std::size_t>((unit - 2 * channels) / depth)];
    }
  }
  return std::max_element(counts.begin(), counts.end()) - counts.begin();
}

void keep_attention(Context& context, const SelfAttention& op) {
  const auto head = shown_head(context, op.heads);
  context.arrays["attention"] = attention_weights(op, context.input, head);
  context.arrays["attention_head"] = {static_cast<float>(head)};
}

void keep_attention(Context& context, const WindowAttention& op) {
  const auto head = shown_head(context, op.heads);
  const Tensor& table = *context.parameter("relative_position_bias_table");
  context.arrays["attention"] = attention_weights(op, context.input, table, head);
  context.arrays["attention_head"] = {static_cast<float>(head)};
}

void keep_linear(Context& context, NodeId id) {
  const auto layer = linear_layer(context.graph, id, context.parameters);
  context.arrays["kernel"] = kernel_part(*layer, context.input_units, context.units);
  context.keep_vectors({"bias"});
}

}  // namespace

std::map<std::string, std::vector<float>> arithmetic_arrays(const Graph& graph, const Parameters& parameters,
                                                            NodeId id, const NetworkPart& part,
                                                            const std::vector<ChosenChannels>& chosen) {
  const Node& node = graph.node(id);
  if (node.inputs.empty()) {
    return {};
  }
  const auto gradient = part.gradients.find(id);
  Context context{.graph = graph,
                  .parameters = parameters,
                  .node = node,
                  .input = part.values.at(node.inputs[0]),
                  .gradient = gradient == part.gradients.end() ? nullptr : &gradient->second,
                  .units = chosen[static_cast<std::size_t>(id)].units,
                  .input_units = chosen[static_cast<std::size_t>(node.inputs[0])].units};
  std::visit(
      Overloaded{[&](const OneOf<Conv2D, Conv2DTranspose, Dense> auto&) { keep_linear(context, id); },
                 [&](const DepthwiseConv2D& conv) { keep_depthwise(context, conv); },
                 [&](const BatchNormalization&) {
                   context.keep_vectors({"gamma", "beta", "moving_mean", "moving_variance"});
                 },
                 [&](const LayerNormalization& op) { keep_layer_norm(context, op); },
                 [&](const GroupNormalization& op) { keep_group_norm(context, op); },
                 [&](const LocalResponseNormalization& op) { keep_response_norm(context, op); },
                 [&](const Scale&) { context.keep_vectors({"gamma"}); },
                 [&](const Normalization&) {
                   context.keep_vector("mean", "channel_mean");
                   context.keep_vector("variance", "channel_variance");
                 },
                 [&](const Rescaling& op) { keep_rescaling(context, op); },
                 [&](const ClassToken&) { context.keep_vectors({"class_token"}); },
                 [&](const PositionEmbedding&) { keep_positions(context); },
                 [&](const OneOf<SelfAttention, WindowAttention> auto& op) { keep_attention(context, op); },
                 [](const OneOf<Input, SeparableConv2D, MaxPooling2D, AveragePooling2D,
                                GlobalAveragePooling2D, GlobalMaxPooling2D, ZeroPadding2D, ActivationLayer,
                                Cropping2D, ChannelShuffle, ChannelSlice, UpSampling2D, Add, Multiply,
                                Concatenate, Flatten, Reshape, Dropout> auto&) {}},
      node.op);
  return std::move(context.arrays);
}

}  // namespace headstart
