// The layer table of a graph, as Keras prints it.
#include "headstart/summary.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "graph/keras_order.h"
#include "headstart/multiply_adds.h"
#include "headstart/text.h"

namespace headstart {
namespace {

// The outermost nested model that a node belongs to.
const Scope* outermost_scope(const Graph& graph, const Node& node) {
  const Scope* outermost = nullptr;
  for (const Scope& scope : graph.scopes()) {
    if (node.name.starts_with(scope.name + "/") &&
        (outermost == nullptr || scope.name.size() < outermost->name.size())) {
      outermost = &scope;
    }
  }
  return outermost;
}

// Which row every node is part of, and the rows' names and types.
struct Layout {
  std::vector<std::size_t> row_of_node;
  std::vector<SummaryRow> rows;
};

Layout lay_out(const Graph& graph, NestedModels nested) {
  Layout layout{.row_of_node = std::vector<std::size_t>(graph.nodes().size()), .rows = {}};
  for (const NodeId id : keras_order(graph)) {
    const Node& node = graph.node(id);
    const Scope* scope = nested == NestedModels::collapsed ? outermost_scope(graph, node) : nullptr;
    const std::string& name = scope != nullptr ? scope->name : node.name;
    const auto known = std::find_if(layout.rows.begin(), layout.rows.end(), [&](const SummaryRow& row) {
      return scope != nullptr && row.name == name;
    });
    layout.row_of_node[static_cast<std::size_t>(id)] = static_cast<std::size_t>(known - layout.rows.begin());
    if (known == layout.rows.end()) {
      SummaryRow row;
      row.name = name;
      row.type = scope != nullptr ? scope->type : type_name(node.op);
      row.trainable = false;
      layout.rows.push_back(std::move(row));
    }
  }
  return layout;
}

void count_parameters(const Graph& graph, NodeId id, SummaryRow& row, Summary& summary) {
  for (const ParameterSpec& spec : parameter_specs(graph, id)) {
    const std::int64_t elements = element_count(spec.shape);
    const bool trained = spec.trainable && graph.node(id).trainable;
    row.parameters += elements;
    summary.parameters += elements;
    (trained ? summary.trainable_parameters : summary.non_trainable_parameters) += elements;
    summary.trainable_tensors += trained ? 1 : 0;
  }
}

// --- text ---

using Line = std::vector<std::string>;

std::string batch_shape(const Shape& shape) {
  std::string text = "(None";
  for (const std::int64_t extent : shape) {
    text += ", " + std::to_string(extent);
  }
  return text + ")";
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

std::string aligned(const Line& line, const std::vector<std::size_t>& widths) {
  std::string text;
  for (std::size_t column = 0; column < line.size(); ++column) {
    text += " " + line[column] + std::string(widths[column] - line[column].size(), ' ');
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

Line header(SummaryColumns columns) {
  Line line{"Layer (type)", "Output Shape", "Param #", "Connected to"};
  if (columns == SummaryColumns::with_multiply_adds) {
    line.insert(line.end() - 1, "Mult-adds");
  }
  return line;
}

Line line_of(const SummaryRow& row, SummaryColumns columns) {
  Line line{row.name + " (" + row.type + ")", batch_shape(row.output_shape), std::to_string(row.parameters),
            joined(row.inputs)};
  if (columns == SummaryColumns::with_multiply_adds) {
    line.insert(line.end() - 1, with_thousands(row.multiply_adds));
  }
  return line;
}

}  // namespace

Summary summarize(const Graph& graph, NestedModels nested) {
  Summary summary;
  summary.name = graph.name();
  Layout layout = lay_out(graph, nested);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    SummaryRow& row = layout.rows[layout.row_of_node[i]];
    row.trainable = row.trainable || node.trainable;
    count_parameters(graph, static_cast<NodeId>(i), row, summary);
    const std::int64_t work = multiply_adds(graph, static_cast<NodeId>(i));
    row.multiply_adds += work;
    summary.multiply_adds += work;
    for (const NodeId input : node.inputs) {
      const std::size_t source = layout.row_of_node[static_cast<std::size_t>(input)];
      if (source != layout.row_of_node[i]) {
        row.inputs.push_back(layout.rows[source].name);
        layout.rows[source].output_shape = graph.node(input).shape;
      }
    }
  }
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    SummaryRow& row = layout.rows[layout.row_of_node[i]];
    if (row.output_shape.empty() || static_cast<NodeId>(i) == graph.output()) {
      row.output_shape = graph.nodes()[i].shape;
    }
  }
  summary.rows = std::move(layout.rows);
  return summary;
}

std::string to_text(const Summary& summary, SummaryColumns columns) {
  std::vector<Line> lines{header(columns)};
  for (const SummaryRow& row : summary.rows) {
    lines.push_back(line_of(row, columns));
  }
  std::vector<std::size_t> widths(lines.front().size());
  for (const Line& line : lines) {
    for (std::size_t column = 0; column < line.size(); ++column) {
      widths[column] = std::max(widths[column], line[column].size() + 2);
    }
  }
  std::size_t total = widths.size();
  for (const std::size_t width : widths) {
    total += width;
  }
  const std::string rule = std::string(total, '=') + "\n";
  const std::string thin_rule = std::string(total, '_') + "\n";
  std::string text = "Model: \"" + summary.name + "\"\n" + thin_rule + aligned(lines.front(), widths) + rule;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    text += aligned(lines[i], widths);
  }
  return text + rule + "Total params: " + with_thousands(summary.parameters) +
         "\nTrainable params: " + with_thousands(summary.trainable_parameters) +
         "\nNon-trainable params: " + with_thousands(summary.non_trainable_parameters) + "\n" + thin_rule;
}

}  // namespace headstart
