// The layer table of a graph, as Keras prints it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headstart/graph.h"

namespace headstart {

struct SummaryRow {
  std::string name;
  std::string type;  // "Conv2D", "Functional" for a nested model
  Shape output_shape;
  std::int64_t parameters = 0;
  std::int64_t multiply_adds = 0;   // of one image (multiply_adds.h)
  bool trainable = true;            // a nested model: any of its layers
  std::vector<std::string> inputs;  // rows it is connected to
};

struct Summary {
  std::string name;
  std::vector<SummaryRow> rows;
  std::int64_t parameters = 0;
  std::int64_t trainable_parameters = 0;
  std::int64_t non_trainable_parameters = 0;  // of frozen layers, and moving statistics
  int trainable_tensors = 0;                  // len(model.trainable_weights)
  std::int64_t multiply_adds = 0;             // of one image
};

enum class NestedModels { collapsed, expanded };  // one row, or a row for each of its layers

Summary summarize(const Graph& graph, NestedModels nested = NestedModels::collapsed);

enum class SummaryColumns { as_keras, with_multiply_adds };

// Header, one line a row with shapes as "(None, 224, 224, 64)", then the totals.
std::string to_text(const Summary& summary, SummaryColumns columns = SummaryColumns::as_keras);

}  // namespace headstart
