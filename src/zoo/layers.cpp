// What every family of networks repeats.
#include "zoo/layers.h"

#include <algorithm>

namespace headstart::zoo {
namespace {

// PyTorch's rule: a last window that would start beyond the input and its leading padding is left out.
int overhang(std::int64_t input, int pool, int stride, int padding) {
  const std::int64_t span = input + 2 * padding - pool;
  std::int64_t outputs = (span + stride - 1) / stride + 1;
  if ((outputs - 1) * stride >= input + padding) {
    --outputs;
  }
  return static_cast<int>(std::max<std::int64_t>(0, (outputs - 1) * stride - span));
}

}  // namespace

Graph start(const std::string& name, const ArchitectureOptions& options, const std::string& input_name) {
  Graph graph(name);
  graph.add(input_name, Input{{options.height, options.width, options.channels}}, std::vector<NodeId>{});
  return graph;
}

void add_keras_top(Graph& graph, NodeId x, const ArchitectureOptions& options) {
  if (options.include_top) {
    x = graph.add("avg_pool", GlobalAveragePooling2D{}, x);
    graph.add("predictions", Dense{.units = options.classes, .activation = kSoftmax}, x);
  }
}

Rescaling imagenet_standardization(float white) {
  Rescaling standardization{.scale = {}, .offset = {}};
  for (std::size_t c = 0; c < kImageNetMean.size(); ++c) {
    standardization.scale.push_back(1.0F / (kImageNetDeviation[c] * white));
    standardization.offset.push_back(-kImageNetMean[c] / kImageNetDeviation[c]);
  }
  return standardization;
}

ZeroPadding2D correct_pad(const Shape& input, int kernel) {
  const int half = kernel / 2;
  return {.top = half - static_cast<int>(1 - input[0] % 2),
          .bottom = half,
          .left = half - static_cast<int>(1 - input[1] % 2),
          .right = half};
}

Padding ceil_mode_padding(const Shape& input, int pool, int stride, int padding) {
  return {.kind = Padding::Kind::explicit_,
          .top = padding,
          .bottom = padding + overhang(input[0], pool, stride, padding),
          .left = padding,
          .right = padding + overhang(input[1], pool, stride, padding)};
}

int make_divisible(double value, int divisor) {
  const int rounded = std::max(divisor, static_cast<int>(value + divisor / 2.0) / divisor * divisor);
  return rounded < 0.9 * value ? rounded + divisor : rounded;
}

}  // namespace headstart::zoo
