// From a model to an ONNX document: preprocessing, every layer, probabilities.
#include "headstart/export.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "export/description.h"
#include "export/lowering.h"
#include "export/onnx_document.h"
#include "export/strangeness.h"
#include "graph/ancestors.h"
#include "graph/overloaded.h"
#include "headstart/error.h"
#include "headstart/text.h"
#include "headstart/versions.h"

namespace headstart {
namespace {

constexpr const char *kImageName = "image", *kInputName = "input";
constexpr const char *kProbabilitiesName = "probabilities", *kLogitsName = "logits",
                     *kFeaturesName = "features", *kStrangenessName = "strangeness";

bool is_picture(const Shape& shape) { return shape.size() == 3 && (shape[2] == 1 || shape[2] == 3); }

void check_request(const Model& model, const std::string& path, const ExportOptions& options) {
  if (extension_of(path) != ".onnx") {
    throw Error("[export] expected a file name ending in .onnx; received " + path);
  }
  const auto& input = model.graph.input_shape();
  const auto& p = model.preprocessing;
  if (options.preprocessing && (!is_picture(input) || input != Shape{p.height, p.width, p.channels})) {
    throw Error(fmt::format(
        "[export] expected a network whose input is a picture of its preprocessing, ({}, {}, {}); "
        "received {}; leave the preprocessing out of the file",
        p.height, p.width, p.channels, to_string(input)));
  }
  const auto& output = model.graph.output_shape();
  if (options.logits && output.size() != 1) {
    throw Error(
        fmt::format("[export] expected a classifier to end in logits; {} ends in {}; leave the option out",
                    model.graph.name(), to_string(output)));
  }
  if (model.temperature != 1.0 && output.size() == 1 && output[0] > 1 &&
      output_activation(model.graph) == OutputActivation::sigmoid) {
    throw Error(
        "[export] expected no temperature in a network of several independent sigmoids; received one");
  }
}

Shape in_layout(const Shape& shape, ImageLayout layout) {
  return shape.size() == 3 && layout == ImageLayout::channels_first ? Shape{shape[2], shape[0], shape[1]}
                                                                    : shape;
}

// One pointwise convolution for scale, mean, deviation and order of the channels: exact, as all but one of
// its products for a channel are zeros.
std::string normalised(OnnxBuilder& out, const std::string& pixels, const Preprocessing& p) {
  std::vector<float> kernel;
  std::vector<float> bias;
  for (std::size_t to = 0; to < static_cast<std::size_t>(p.channels); ++to) {
    for (std::size_t from = 0; from < static_cast<std::size_t>(p.channels); ++from) {
      const bool taken = p.channels == 1 || from == (p.bgr ? 2 - to : to);
      kernel.push_back(taken ? p.scale / p.std[to] : 0.0F);
    }
    bias.push_back(-p.mean[to] / p.std[to]);
  }
  const Shape shape{p.channels, p.channels, 1, 1};
  return out.add("Conv", {pixels, out.constant(shape, kernel), out.constant({p.channels}, bias)},
                 {{"kernel_shape", std::vector<std::int64_t>{1, 1}}});
}

// ITU-R 601 with 16-bit weights as in image/normalize.cpp; the sums are whole numbers that a float holds.
std::string luma(OnnxBuilder& out, const std::string& pixels) {
  const auto sum = out.add(
      "Conv",
      {pixels, out.constant({1, 3, 1, 1}, {19595.0F, 38470.0F, 7471.0F}), out.constant({1}, {32768.0F})},
      {{"kernel_shape", std::vector<std::int64_t>{1, 1}}});
  return out.add("Floor", {out.add("Div", {sum, out.number(65536.0F)})});
}

// Puts a whole model together.
class Exporter {
 public:
  Exporter(const Model& model, const ExportOptions& options)
      : model_(model), options_(options), builder_(reserved_names(model)) {}

  OnnxDocument document(ExportSummary& summary) {
    summary.input = input();
    const auto& nodes = model_.graph.nodes();
    const auto needed = ancestors(nodes, {model_.graph.output()});
    transposed_.resize(nodes.size());
    values_.resize(nodes.size());
    values_[0] = preprocessed(summary.input);
    for (NodeId id = 1; id < static_cast<NodeId>(nodes.size()); ++id) {
      if (needed[static_cast<std::size_t>(id)]) {
        values_[static_cast<std::size_t>(id)] = lowered(id);
      }
    }
    const OnnxValue& last = values_[static_cast<std::size_t>(model_.graph.output())];
    // Before the output, which gives the value a name of its own.
    if (model_.acceptance && options_.unknown && is_classifier()) {
      summary.strangeness = strangeness(last);
    }
    summary.output = output(last);
    OnnxDocument result{.name = model_.graph.name(), .version = headstart_version()};
    result.input = {summary.input.name, describe_input(model_, options_), summary.input.shape};
    result.outputs.push_back({summary.output.name, describe_output(model_, options_), summary.output.shape});
    if (summary.strangeness) {
      result.outputs.push_back(
          {summary.strangeness->name, describe_strangeness(), summary.strangeness->shape});
    }
    result.operations = builder_.take_operations();
    result.constants = builder_.take_constants();
    return result;
  }

 private:
  static std::set<std::string> reserved_names(const Model& model) {
    std::set<std::string> names{kImageName,  kInputName,    kProbabilitiesName,
                                kLogitsName, kFeaturesName, kStrangenessName};
    for (const auto& [name, tensor] : model.parameters) {
      names.insert(name);
    }
    return names;
  }

  bool is_classifier() const { return model_.graph.output_shape().size() == 1; }

  ExportedTensor input() {
    auto shape = model_.graph.input_shape();
    if (options_.preprocessing) {
      shape[2] = 3;
    }
    return {options_.preprocessing ? kImageName : kInputName, in_layout(shape, options_.layout)};
  }

  OnnxValue preprocessed(const ExportedTensor& input) {
    builder_.begin_layer("preprocessing");
    const bool first = options_.layout == ImageLayout::channels_first && input.shape.size() == 3;
    OnnxValue value{input.name, first ? AxisOrder::channels_first : AxisOrder::channels_last};
    if (!options_.preprocessing) {
      return value;
    }
    const auto& p = model_.preprocessing;
    auto pixels = first ? value.name : transpose_image(builder_, value.name, AxisOrder::channels_first);
    if (p.channels == 1) {
      pixels = luma(builder_, pixels);
    }
    return {builder_.rename_last(normalised(builder_, pixels, p), "preprocessed"), AxisOrder::channels_first};
  }

  OnnxValue lowered(NodeId id) {
    const auto& node = model_.graph.node(id);
    builder_.begin_layer(node.name);
    Layer layer(builder_, model_.graph, model_.parameters, id, values_, transposed_);
    const auto of = [&](auto op) -> OnnxValue {
      using Lowered = decltype(op);
      if constexpr (std::is_same_v<Lowered, Input>) {
        throw Error(fmt::format("[export] expected one input; received a second one, {}", node.name));
      } else {
        if constexpr (requires { op.activation; }) {
          // Of the last layer: `output` adds it.
          op.activation = id == model_.graph.output() && is_classifier() &&
                                  output_activation(model_.graph) != OutputActivation::none
                              ? Activation{}
                              : op.activation;
        }
        return lower(op, layer);
      }
    };
    auto value = std::visit(of, node.op);
    const bool passed_on = std::any_of(node.inputs.begin(), node.inputs.end(), [&](NodeId input) {
      return values_[static_cast<std::size_t>(input)].name == value.name;
    });
    if (!passed_on) {  // else it has the name of the layer that made it, which others may read too
      value.name = builder_.rename_last(value.name, node.name);
    }
    return value;
  }

  // (N, channels): the mean over the positions, of a Flatten those that went into it.
  std::string features() {
    NodeId id = model_.graph.require(model_.acceptance->node);
    if (std::holds_alternative<Flatten>(model_.graph.node(id).op)) {
      id = model_.graph.node(id).inputs.at(0);
    }
    const auto axes = model_.graph.node(id).shape.size();
    const OnnxValue& value = values_[static_cast<std::size_t>(id)];
    if (axes == 1) {
      return value.name;
    }
    if (value.order == AxisOrder::channels_first) {
      return builder_.add("Flatten", {builder_.add("GlobalAveragePool", {value.name})},
                          {{"axis", std::int64_t{1}}});
    }
    const auto positions = axes == 3 ? std::vector<std::int64_t>{1, 2} : std::vector<std::int64_t>{1};
    return builder_.add("ReduceMean", {value.name}, {{"axes", positions}, {"keepdims", std::int64_t{0}}});
  }

  ExportedTensor strangeness(const OnnxValue& logits) {
    builder_.begin_layer(kStrangenessName);
    const bool one = model_.graph.output_shape()[0] == 1;
    const auto scores = one ? builder_.add("Concat", {builder_.add("Neg", {logits.name}), logits.name},
                                           {{"axis", std::int64_t{1}}})
                            : logits.name;
    return {named(lower_strangeness(builder_, *model_.acceptance, features(), scores), kStrangenessName),
            {1}};
  }

  ExportedTensor output(const OnnxValue& value) {
    const auto& shape = model_.graph.output_shape();
    if (!is_classifier()) {
      const auto order = options_.layout == ImageLayout::channels_first ? AxisOrder::channels_first
                                                                        : AxisOrder::channels_last;
      const bool turned = shape.size() == 3 && value.order != order;
      const auto name = turned ? transpose_image(builder_, value.name, order) : value.name;
      return {named(name, kFeaturesName), in_layout(shape, options_.layout)};
    }
    builder_.begin_layer("output");
    const auto logits = at_temperature(value.name);
    if (options_.logits) {
      return {named(logits, kLogitsName), shape};
    }
    const auto activation = output_activation(model_.graph);
    const bool sigmoid =
        activation == OutputActivation::sigmoid || (activation == OutputActivation::none && shape[0] == 1);
    const auto p = sigmoid ? builder_.add("Sigmoid", {logits})
                           : builder_.add("Softmax", {logits}, {{"axis", std::int64_t{1}}});
    if (shape[0] > 1) {
      return {named(p, kProbabilitiesName), shape};
    }
    const auto other = builder_.add("Sub", {builder_.number(1.0F), p});
    return {named(builder_.add("Concat", {other, p}, {{"axis", std::int64_t{1}}}), kProbabilitiesName), {2}};
  }

  std::string at_temperature(const std::string& logits) {
    return model_.temperature == 1.0
               ? logits
               : builder_.add("Div", {logits, builder_.number(static_cast<float>(model_.temperature))});
  }

  // The graph's output must be an operation's.
  std::string named(const std::string& value, const char* name) {
    if (!builder_.name_output(value, name)) {
      builder_.name_output(builder_.add("Identity", {value}), name);
    }
    return name;
  }

  const Model& model_;
  const ExportOptions& options_;
  OnnxBuilder builder_;
  std::vector<OnnxValue> values_;        // by node
  std::vector<std::string> transposed_;  // by node
};

}  // namespace

ExportSummary export_onnx(const Model& model, const std::string& path, const ExportOptions& options) {
  check_request(model, path, options);
  check_parameters(model.graph, model.parameters);
  ExportSummary summary{.opset = kOnnxOpset};
  auto document = Exporter(model, options).document(summary);
  const auto description = describe_export(model, options, summary);
  document.description = describe_input(model, options) + " " + describe_output(model, options);
  for (const auto& [key, value] : description.items()) {
    document.metadata.emplace_back(key, as_metadata(value));
  }
  summary.description = description.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  if (!model.ranges.empty()) {
    summary.notes.push_back("the ranges of int8 are left out: the file computes in float32");
  }
  if (model.acceptance && !summary.strangeness) {
    summary.notes.push_back("the limits of what is known are left out: the file calls no photo unknown");
  }
  summary.nodes = static_cast<int>(document.operations.size());
  summary.bytes = write_onnx(document, path);
  return summary;
}

}  // namespace headstart
