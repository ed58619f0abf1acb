// Keras's class names of the ops and its automatic layer names.
#include <algorithm>
#include <variant>

#include "graph/overloaded.h"
#include "headstart/graph.h"

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

}  // namespace

std::string type_name(const Op& op) {
  return std::visit(
      Overloaded{[](const Input&) { return "InputLayer"; }, [](const Conv2D&) { return "Conv2D"; },
                 [](const DepthwiseConv2D&) { return "DepthwiseConv2D"; },
                 [](const SeparableConv2D&) { return "SeparableConv2D"; },
                 [](const Dense&) { return "Dense"; }, [](const MaxPooling2D&) { return "MaxPooling2D"; },
                 [](const AveragePooling2D&) { return "AveragePooling2D"; },
                 [](const GlobalAveragePooling2D&) { return "GlobalAveragePooling2D"; },
                 [](const GlobalMaxPooling2D&) { return "GlobalMaxPooling2D"; },
                 [](const ZeroPadding2D&) { return "ZeroPadding2D"; },
                 [](const ActivationLayer& layer) { return activation_type(layer.activation.kind); },
                 [](const BatchNormalization&) { return "BatchNormalization"; },
                 [](const Add&) { return "Add"; }, [](const Multiply&) { return "Multiply"; },
                 [](const Concatenate&) { return "Concatenate"; }, [](const Flatten&) { return "Flatten"; },
                 [](const Reshape&) { return "Reshape"; }, [](const Dropout&) { return "Dropout"; },
                 [](const Rescaling&) { return "Rescaling"; }},
      op);
}

std::string Graph::automatic_name(const Op& op) const {
  const bool input = std::holds_alternative<Input>(op);
  const std::string base = input ? "input" : snake_case(type_name(op));
  const auto taken = [&](const std::string& name) {
    return std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.name == name; });
  };
  std::string name = input ? "input_1" : base;
  for (int i = 1; taken(name); ++i) {
    name = base + "_" + std::to_string(i);
  }
  return name;
}

}  // namespace headstart
