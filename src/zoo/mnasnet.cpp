// MNASNet (Tan et al., "MnasNet: platform-aware neural architecture search for mobile", 2018), variant B1 at
// four widths, as torchvision builds and names it.
#include <string>

#include "zoo/families.h"
#include "zoo/torch_layers.h"

namespace headstart::zoo {
namespace {

// TensorFlow's momentum, as the paper trained.
const BatchNormalization kNormalization{.epsilon = 1e-5F, .momentum = 0.9997F};
const ActivationLayer kReluLayer{kRelu};

// Figure 7 of the paper: inverted residuals, the first of a stack with the stride.
struct Stack {
  int filters, kernel, stride, expansion, repeats;
};
constexpr Stack kStacks[] = {{24, 3, 2, 3, 3}, {40, 5, 2, 3, 3},  {80, 5, 2, 6, 3},
                             {96, 3, 1, 6, 2}, {192, 5, 2, 6, 4}, {320, 3, 1, 6, 1}};

struct Variant {
  const char* name = "";
  double width = 1.0;
};

NodeId inverted_residual(Graph& graph, NodeId input, const Stack& stack, const std::string& name) {
  const int expanded = stack.expansion * static_cast<int>(graph.node(input).shape[2]);
  Sequence layers(graph, input, name + ".layers");
  layers.add(torch_convolution({.filters = expanded}));
  layers.add(kNormalization);
  layers.add(kReluLayer);
  layers.add(torch_depthwise(stack.kernel, stack.stride));
  layers.add(kNormalization);
  layers.add(kReluLayer);
  layers.add(torch_convolution({.filters = stack.filters}));
  layers.add(kNormalization);
  return add_residual(graph, input, layers.output(), name);
}

NodeId add_stack(Graph& graph, NodeId x, Stack stack, const std::string& name) {
  Sequence blocks(graph, x, name);
  for (int i = 0; i < stack.repeats; ++i) {
    blocks.advance(inverted_residual(graph, blocks.output(), stack, blocks.next()));
    stack.stride = 1;
  }
  return blocks.output();
}

Graph mnasnet(const Variant& variant, const ArchitectureOptions& options) {
  Graph graph = start(variant.name, options, "input");
  const auto scaled = [&](int filters) { return make_divisible(filters * variant.width); };
  Sequence layers(graph, graph.output(), "layers");
  layers.add(torch_convolution({.filters = scaled(32), .kernel = square(3), .stride = 2}));
  layers.add(kNormalization);
  layers.add(kReluLayer);
  layers.add(torch_depthwise(3, 1));
  layers.add(kNormalization);
  layers.add(kReluLayer);
  layers.add(torch_convolution({.filters = scaled(16)}));
  layers.add(kNormalization);
  for (Stack stack : kStacks) {
    stack.filters = scaled(stack.filters);
    layers.advance(add_stack(graph, layers.output(), stack, layers.next()));
  }
  layers.add(torch_convolution({.filters = 1280}));
  layers.add(kNormalization);
  layers.add(kReluLayer);
  if (options.include_top) {
    NodeId x = graph.add("avgpool", GlobalAveragePooling2D{}, layers.output());
    x = graph.add("classifier.0", Dropout{.rate = 0.2F}, x);
    graph.add("classifier.1", Dense{.units = options.classes}, x);
  }
  return graph;
}

}  // namespace

Graph mnasnet0_5(const ArchitectureOptions& options) { return mnasnet({"mnasnet0_5", 0.5}, options); }
Graph mnasnet0_75(const ArchitectureOptions& options) { return mnasnet({"mnasnet0_75", 0.75}, options); }
Graph mnasnet1_0(const ArchitectureOptions& options) { return mnasnet({"mnasnet1_0", 1.0}, options); }
Graph mnasnet1_3(const ArchitectureOptions& options) { return mnasnet({"mnasnet1_3", 1.3}, options); }

}  // namespace headstart::zoo
