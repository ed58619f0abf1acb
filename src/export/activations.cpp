// Activations as ONNX operations of operator set 13: what is no operation there is put together.
#include <cmath>
#include <numbers>

#include "export/layer.h"
#include "headstart/error.h"

namespace headstart {
namespace {

using Kind = Activation::Kind;

// max(0, min(1, x / 6 + 1 / 2)).
std::string hard_sigmoid(OnnxBuilder& out, const std::string& x) {
  return out.add("HardSigmoid", {x}, {{"alpha", 1.0F / 6.0F}, {"beta", 0.5F}});
}

// x / 2 * (1 + erf(x / sqrt(2))), in the form that runtimes know to replace by one operation.
std::string gelu(OnnxBuilder& out, const std::string& x) {
  const auto scaled = out.add("Div", {x, out.number(std::numbers::sqrt2_v<float>)});
  const auto sum = out.add("Add", {out.add("Erf", {scaled}), out.number(1.0F)});
  return out.add("Mul", {out.add("Mul", {x, sum}), out.number(0.5F)});
}

// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), without a power, which is slow.
std::string gelu_tanh(OnnxBuilder& out, const std::string& x) {
  const auto cube = out.add("Mul", {out.add("Mul", {x, x}), x});
  const auto inner = out.add("Add", {x, out.add("Mul", {cube, out.number(0.044715F)})});
  const auto scale = std::sqrt(2.0F / std::numbers::pi_v<float>);
  const auto tanh = out.add("Tanh", {out.add("Mul", {inner, out.number(scale)})});
  const auto sum = out.add("Add", {tanh, out.number(1.0F)});
  return out.add("Mul", {out.add("Mul", {x, sum}), out.number(0.5F)});
}

}  // namespace

std::string activate(OnnxBuilder& out, const std::string& x, const Activation& activation,
                     std::int64_t channel_axis) {
  switch (activation.kind) {
    case Kind::linear:
      return x;
    case Kind::relu:
      return out.add("Relu", {x});
    case Kind::relu6:
      return out.add("Clip", {x, out.number(0.0F), out.number(6.0F)});
    case Kind::leaky_relu:
      return out.add("LeakyRelu", {x}, {{"alpha", activation.alpha}});
    case Kind::elu:
      return out.add("Elu", {x}, {{"alpha", activation.alpha}});
    case Kind::sigmoid:
      return out.add("Sigmoid", {x});
    case Kind::tanh:
      return out.add("Tanh", {x});
    case Kind::softmax:
      return out.add("Softmax", {x}, {{"axis", channel_axis}});
    case Kind::swish:
      return out.add("Mul", {x, out.add("Sigmoid", {x})});
    case Kind::hard_sigmoid:
      return hard_sigmoid(out, x);
    case Kind::hard_swish:
      return out.add("Mul", {x, hard_sigmoid(out, x)});
    case Kind::gelu:
      return gelu(out, x);
    case Kind::gelu_tanh:
      return gelu_tanh(out, x);
  }
  throw Error("[export] expected an activation; received none of them");
}

}  // namespace headstart
