// Keras's class names of the ops and its automatic layer names.
#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <variant>

#include "graph/overloaded.h"
#include "headstart/graph.h"
#include "headstart/text.h"

namespace headstart {
namespace {

// Keras has classes of their own for some activations.
const char* activation_type(Activation::Kind kind) {
  switch (kind) {
    case Activation::Kind::relu6:
      return "ReLU";
    case Activation::Kind::leaky_relu:
      return "LeakyReLU";
    case Activation::Kind::elu:
      return "ELU";
    case Activation::Kind::linear:
    case Activation::Kind::relu:
    case Activation::Kind::sigmoid:
    case Activation::Kind::tanh:
    case Activation::Kind::softmax:
    case Activation::Kind::swish:
    case Activation::Kind::hard_sigmoid:
    case Activation::Kind::hard_swish:
    case Activation::Kind::gelu:
    case Activation::Kind::gelu_tanh:
      break;
  }
  return "Activation";
}

const char* dropout_type(Dropout::Granularity granularity) {
  switch (granularity) {
    case Dropout::Granularity::channel:
      return "SpatialDropout2D";
    case Dropout::Granularity::sample:
      return "StochasticDepth";
    case Dropout::Granularity::element:
      break;
  }
  return "Dropout";
}

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
char to_lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

// "MaxPooling2D" -> "max_pooling2d", "ReLU" -> "re_lu": a word begins at a capital after a small letter, or
// before one.
std::string snake_case(const std::string& name) {
  std::string result;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool after_small = i > 0 && is_lower(name[i - 1]);
    const bool before_small = i > 0 && i + 1 < name.size() && is_lower(name[i + 1]);
    if (is_upper(name[i]) && (after_small || before_small)) {
      result += '_';
    }
    result += to_lower(name[i]);
  }
  return result;
}

// 0 for "conv2d", 12 for "conv2d_12", -1 for a name that does not continue `base` with a number.
int number_after(std::string_view name, std::string_view base) {
  if (!name.starts_with(base)) {
    return -1;
  }
  name.remove_prefix(base.size());
  if (name.empty()) {
    return 0;
  }
  if (name.front() != '_') {
    return -1;
  }
  name.remove_prefix(1);
  const int number = number_from<int>(name).value_or(-1);
  return number >= 0 && number < std::numeric_limits<int>::max() ? number : -1;
}

}  // namespace

std::string type_name(const Op& op) {
  return std::visit(
      Overloaded{[](const Input&) { return "InputLayer"; },
                 [](const Conv2D&) { return "Conv2D"; },
                 [](const Conv2DTranspose&) { return "Conv2DTranspose"; },
                 [](const DepthwiseConv2D&) { return "DepthwiseConv2D"; },
                 [](const SeparableConv2D&) { return "SeparableConv2D"; },
                 [](const Dense&) { return "Dense"; },
                 [](const MaxPooling2D&) { return "MaxPooling2D"; },
                 [](const AveragePooling2D&) { return "AveragePooling2D"; },
                 [](const GlobalAveragePooling2D&) { return "GlobalAveragePooling2D"; },
                 [](const GlobalMaxPooling2D&) { return "GlobalMaxPooling2D"; },
                 [](const ZeroPadding2D&) { return "ZeroPadding2D"; },
                 [](const ActivationLayer& layer) { return activation_type(layer.activation.kind); },
                 [](const BatchNormalization&) { return "BatchNormalization"; },
                 [](const LayerNormalization&) { return "LayerNormalization"; },
                 [](const Scale&) { return "LayerScale"; },
                 [](const Normalization&) { return "Normalization"; },
                 [](const SelfAttention&) { return "SelfAttention"; },
                 [](const WindowAttention&) { return "WindowAttention"; },
                 [](const ClassToken&) { return "ClassToken"; },
                 [](const PositionEmbedding&) { return "PositionEmbedding"; },
                 [](const Cropping2D&) { return "Cropping2D"; },
                 [](const ChannelShuffle&) { return "ChannelShuffle"; },
                 [](const ChannelSlice&) { return "ChannelSlice"; },
                 [](const GroupNormalization&) { return "GroupNormalization"; },
                 [](const LocalResponseNormalization&) { return "LocalResponseNormalization"; },
                 [](const UpSampling2D&) { return "UpSampling2D"; },
                 [](const Add&) { return "Add"; },
                 [](const Multiply&) { return "Multiply"; },
                 [](const Concatenate&) { return "Concatenate"; },
                 [](const Flatten&) { return "Flatten"; },
                 [](const Reshape&) { return "Reshape"; },
                 [](const Dropout& layer) { return dropout_type(layer.granularity); },
                 [](const Rescaling&) { return "Rescaling"; }},
      op);
}

std::string Graph::automatic_name(const Op& op) const {
  const bool input = std::holds_alternative<Input>(op);
  const std::string base = input ? "input" : snake_case(type_name(op));
  int next = input ? 1 : 0;
  for (const Node& node : nodes_) {
    next = std::max(next, number_after(node.name, base) + 1);
  }
  return next == 0 ? base : base + "_" + std::to_string(next);
}

}  // namespace headstart
