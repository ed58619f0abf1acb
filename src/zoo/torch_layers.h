// What torchvision's networks repeat, under torchvision's names.
//
// A module whose last operation has no name of its own gives it its name ("layer1.0" is the block's last
// relu, "features.3" a Fire module's concatenation), so that the outputs that PyTorch's hooks see are layers
// here too.
#pragma once

#include <string>
#include <utility>

#include "headstart/graph.h"
#include "zoo/layers.h"

namespace headstart::zoo {

// PyTorch's momentum is the share of the new value, Keras's that of the old one.
inline constexpr BatchNormalization kTorchNormalization{.epsilon = 1e-5F, .momentum = 0.9F};

inline constexpr Activation kLinear{Activation::Kind::linear};
inline constexpr Activation kSwish{Activation::Kind::swish};
inline constexpr Activation kGelu{Activation::Kind::gelu};
inline constexpr Activation kHardSwish{Activation::Kind::hard_swish};
inline constexpr Activation kHardSigmoid{Activation::Kind::hard_sigmoid};

// Without bias; an odd kernel keeps the size at stride 1.
struct TorchConvolution {
  int filters = 0;
  Size2 kernel{};
  int stride = 1;
  int groups = 1;
};
Conv2D torch_convolution(const TorchConvolution& convolution);
DepthwiseConv2D torch_depthwise(int kernel, int stride);

// "name.0" (a convolution added by the caller's choice), "name.1", and "name.2" unless the activation is
// linear.
NodeId norm_activation(Graph& graph, NodeId x, const BatchNormalization& normalization,
                       const Activation& activation, const std::string& name);

// A torch.nn.Sequential: its modules are called "prefix.0", "prefix.1", ... and follow each other.
class Sequence {
 public:
  Sequence(Graph& graph, NodeId input, std::string prefix)
      : graph_(graph), output_(input), prefix_(std::move(prefix)) {}

  void add(const Op& op) { output_ = graph_.add(next(), op, output_); }
  // For a module of several layers: the name of the next one, and what it gives.
  std::string next() { return prefix_ + "." + std::to_string(index_++); }
  void advance(NodeId output) { output_ = output; }
  NodeId output() const { return output_; }

 private:
  Graph& graph_;
  NodeId output_;
  std::string prefix_;
  int index_ = 0;
};

// The input is added where the shapes agree; `name` is then the sum.
NodeId add_residual(Graph& graph, NodeId input, NodeId x, const std::string& name);

// torchvision's SqueezeExcitation: channels weighted by a function of their means. "name" is the product.
struct SqueezeExcitation {
  int channels = 0;
  Activation activation = kRelu;
  Activation gate = kSigmoid;
};
NodeId squeeze_excitation(Graph& graph, NodeId x, const SqueezeExcitation& layers, const std::string& name);

// torchvision's BasicConv2d: "name.conv", "name.bn" (epsilon 1e-3), relu "name".
NodeId basic_conv(Graph& graph, NodeId x, const Conv2D& conv, const std::string& name);

// AdaptiveAvgPool2d(cells) for the sizes where it is a plain pooling: `cells` or a multiple of it. Throws
// Error otherwise.
NodeId adaptive_average_pool(Graph& graph, NodeId x, int cells, const std::string& name);

}  // namespace headstart::zoo
