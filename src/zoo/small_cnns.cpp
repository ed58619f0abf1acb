// The small networks of the course notes, and LeNet-5 (LeCun et al., "Gradient-based learning applied to
// document recognition", 1998).
#include <string>

#include "zoo/families.h"
#include "zoo/layers.h"

namespace headstart::zoo {
namespace {

// Appends a layer under Keras's automatic name.
NodeId append(Graph& graph, const Op& op) { return graph.add(graph.automatic_name(op), op, graph.output()); }

// One unit with sigmoid tells two classes apart.
Dense classifier(int classes) {
  return classes <= 2 ? Dense{.units = 1, .activation = kSigmoid}
                      : Dense{.units = classes, .activation = kSoftmax};
}

Graph cnn_150_with(const char* name, const ArchitectureOptions& options, bool dropout) {
  Graph graph = start(name, options);
  for (const int filters : {32, 64, 128, 128}) {
    append(graph, Conv2D{.filters = filters, .kernel = square(3), .activation = kRelu});
    append(graph, MaxPooling2D{.pool = square(2), .strides = square(2)});
  }
  if (options.include_top) {
    append(graph, Flatten{});
    if (dropout) {
      append(graph, Dropout{.rate = 0.5F});
    }
    append(graph, Dense{.units = 512, .activation = kRelu});
    append(graph, classifier(options.classes));
  }
  return graph;
}

}  // namespace

Graph cnn_28(const ArchitectureOptions& options) {
  Graph graph = start("cnn_28", options);
  append(graph, Conv2D{.filters = 8, .kernel = square(5), .padding = Padding::same(), .activation = kRelu});
  append(graph, MaxPooling2D{.pool = square(2), .strides = square(2)});
  append(graph, Dropout{.rate = 0.25F});
  append(graph, Conv2D{.filters = 16, .kernel = square(3), .padding = Padding::same(), .activation = kRelu});
  append(graph, MaxPooling2D{.pool = square(2), .strides = square(2)});
  if (options.include_top) {
    append(graph, Dropout{.rate = 0.25F});
    append(graph, Flatten{});
    append(graph, Dense{.units = 256, .activation = kRelu});
    append(graph, Dropout{.rate = 0.5F});
    append(graph, Dense{.units = options.classes, .activation = kSoftmax});
  }
  return graph;
}

Graph cnn_150(const ArchitectureOptions& options) { return cnn_150_with("cnn_150", options, false); }

Graph cnn_150_dropout(const ArchitectureOptions& options) {
  return cnn_150_with("cnn_150_dropout", options, true);
}

Graph lenet5(const ArchitectureOptions& options) {
  Graph graph = start("lenet5", options);
  const AveragePooling2D halve{.pool = square(2), .strides = square(2)};
  NodeId x = graph.output();
  x = graph.add("c1", Conv2D{.filters = 6, .kernel = square(5), .activation = kTanh}, x);
  x = graph.add("s2", halve, x);
  x = graph.add("c3", Conv2D{.filters = 16, .kernel = square(5), .activation = kTanh}, x);
  x = graph.add("s4", halve, x);
  x = graph.add("c5", Conv2D{.filters = 120, .kernel = square(5), .activation = kTanh}, x);
  if (options.include_top) {
    x = graph.add("flatten", Flatten{}, x);
    x = graph.add("f6", Dense{.units = 84, .activation = kTanh}, x);
    graph.add("predictions", Dense{.units = options.classes, .activation = kSoftmax}, x);
  }
  return graph;
}

}  // namespace headstart::zoo
