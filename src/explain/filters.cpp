// Kernels as pictures.
#include <algorithm>
#include <cmath>
#include <variant>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/explain_network.h"

namespace headstart {
namespace {

// (h, w, in, out) of a convolution's kernel; of a depthwise one in is 1.
struct Kernel {
  const Tensor* values = nullptr;
  std::int64_t height = 0, width = 0, inputs = 0, outputs = 0;

  float at(std::int64_t y, std::int64_t x, std::int64_t in, std::int64_t out) const {
    return (*values)[((y * width + x) * inputs + in) * outputs + out];
  }
};

bool has_filters(const Node& node) {
  return std::holds_alternative<Conv2D>(node.op) || std::holds_alternative<DepthwiseConv2D>(node.op) ||
         std::holds_alternative<SeparableConv2D>(node.op);
}

Kernel kernel_of(const Model& model, const Node& node) {
  const bool separable = std::holds_alternative<SeparableConv2D>(node.op);
  const Tensor& values = model.parameters.at(node.name + (separable ? "/depthwise_kernel" : "/kernel"));
  const auto& shape = values.shape();
  const bool depthwise = separable || std::holds_alternative<DepthwiseConv2D>(node.op);
  return {.values = &values,
          .height = shape[0],
          .width = shape[1],
          .inputs = depthwise ? 1 : shape[2],
          .outputs = depthwise ? shape[2] * shape[3] : shape[3]};
}

NodeId layer_with_filters(const Model& model, const std::string& layer) {
  const auto& nodes = model.graph.nodes();
  if (layer.empty()) {
    const auto found = std::find_if(nodes.begin(), nodes.end(), has_filters);
    if (found == nodes.end()) {
      throw Error("[explain] expected a network with convolutions; received " + model.graph.name());
    }
    return static_cast<NodeId>(found - nodes.begin());
  }
  const auto id = model.graph.require(layer);
  if (!has_filters(model.graph.node(id))) {
    throw Error("[explain] expected a convolution for its filters; received " + model.graph.node(id).name);
  }
  return id;
}

// The largest weight becomes white or black, zero medium gray.
std::uint8_t level(float weight, float largest) {
  return static_cast<std::uint8_t>(std::lround(127.5F + 127.5F * (largest > 0.0F ? weight / largest : 0.0F)));
}

Image picture_of(const Kernel& kernel, std::int64_t out, std::int64_t in, bool colour, bool bgr) {
  float largest = 0.0F;
  const std::int64_t channels = colour ? 3 : 1;
  for (std::int64_t y = 0; y < kernel.height; ++y) {
    for (std::int64_t x = 0; x < kernel.width; ++x) {
      for (std::int64_t c = 0; c < channels; ++c) {
        largest = std::max(largest, std::abs(kernel.at(y, x, in + c, out)));
      }
    }
  }
  Image image{
      .width = static_cast<int>(kernel.width), .height = static_cast<int>(kernel.height), .pixels = {}};
  for (std::int64_t y = 0; y < kernel.height; ++y) {
    for (std::int64_t x = 0; x < kernel.width; ++x) {
      for (std::int64_t c = 0; c < 3; ++c) {
        const std::int64_t channel = !colour ? in : bgr ? 2 - c : c;
        image.pixels.push_back(level(kernel.at(y, x, channel, out), largest));
      }
    }
  }
  return image;
}

}  // namespace

FilterPictures filter_pictures(const Model& model, const std::string& layer, int count) {
  const auto& node = model.graph.node(layer_with_filters(model, layer));
  const Kernel kernel = kernel_of(model, node);
  if (kernel.height * kernel.width <= 1) {
    throw Error(
        fmt::format("[explain] expected kernels of more than one pixel; received {} with 1x1", node.name));
  }
  const bool colour = node.inputs[0] == 0 && kernel.inputs == 3;
  const std::int64_t inputs = colour ? 1 : std::min<std::int64_t>(kernel.inputs, 8);
  FilterPictures pictures{.layer = node.name, .filters = {}, .all = kernel.outputs};
  for (std::int64_t out = 0; out < std::min<std::int64_t>(count, kernel.outputs); ++out) {
    std::vector<Image> parts;
    for (std::int64_t in = 0; in < inputs; ++in) {
      parts.push_back(picture_of(kernel, out, in, colour, model.preprocessing.bgr));
    }
    pictures.filters.push_back(parts.size() == 1 ? parts.front() : tile(parts, static_cast<int>(inputs), 1));
  }
  return pictures;
}

}  // namespace headstart
