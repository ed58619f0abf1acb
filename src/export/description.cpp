#include "export/description.h"

#include "headstart/versions.h"
#include "image/resize_sentence.h"
#include "model/describe.h"

namespace headstart {
namespace {

using nlohmann::ordered_json;

constexpr bool is_antialiased(ResizeKernel kernel) {
  return kernel == ResizeKernel::bilinear_aa || kernel == ResizeKernel::bicubic_aa ||
         kernel == ResizeKernel::area;
}

ordered_json resize_json(const Preprocessing& p) {
  return {{"height", p.height},
          {"width", p.width},
          {"fit", to_string(p.fit)},
          {"resize_to", p.resize_to},
          {"kernel", to_string(p.kernel)},
          {"antialias", is_antialiased(p.kernel)},
          {"description", resize_sentence(p)}};
}

ordered_json preprocessing_json(const Preprocessing& p, const ExportOptions& options) {
  return {{"in_graph", options.preprocessing},
          {"formula", "(value * scale - mean) / std"},
          {"order", p.channels == 1 ? "luma"
                    : p.bgr         ? "BGR"
                                    : "RGB"},
          {"scale", p.scale},
          {"mean", p.mean},
          {"std", p.std}};
}

ordered_json with_batch(const Shape& shape) {
  ordered_json result = ordered_json::array({"batch"});
  for (const auto extent : shape) {
    result.push_back(extent);
  }
  return result;
}

std::string layout_name(const Shape& shape, ImageLayout layout) {
  return shape.size() != 3 ? "" : layout == ImageLayout::channels_first ? "NCHW" : "NHWC";
}

ordered_json port_json(const ExportedTensor& port, const ExportOptions& options,
                       const std::string& description) {
  ordered_json result{{"name", port.name}, {"type", "float32"}, {"shape", with_batch(port.shape)}};
  if (const auto layout = layout_name(port.shape, options.layout); !layout.empty()) {
    result["layout"] = layout;
  }
  result["description"] = description;
  return result;
}

}  // namespace

std::string as_metadata(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string describe_input(const Model& model, const ExportOptions& options) {
  const auto resize = resize_sentence(model.preprocessing);
  if (options.preprocessing) {
    return resize + " Its values are R, G, B from 0 to 255 as they are.";
  }
  if (model.graph.input_shape().size() != 3) {
    return "The network's own input.";
  }
  return resize +
         " Then (value * scale - mean) / std, channel by channel in the order that \"preprocessing\" says.";
}

std::string describe_output(const Model& model, const ExportOptions& options) {
  const auto& shape = model.graph.output_shape();
  if (shape.size() != 1) {
    return "What the network ends in.";
  }
  const bool one = shape[0] == 1;
  if (options.logits) {
    return one ? "The logit of the second class; its sigmoid is the probability."
               : "Logits of the classes, in the order of \"class_names\".";
  }
  return "Probabilities of the classes, in the order of \"class_names\".";
}

std::string describe_strangeness() {
  return "How far the picture lies from those that the model was trained on, by the limit for its class: "
         "above "
         "1, or no number, it is unknown.";
}

ordered_json describe_export(const Model& model, const ExportOptions& options, const ExportSummary& summary) {
  ordered_json document{{"headstart_version", headstart_version()}, {"network", network_name(model)}};
  document["input"] = port_json(summary.input, options, describe_input(model, options));
  if (options.preprocessing) {
    document["input"]["range"] = {0, 255};
  }
  if (model.graph.input_shape().size() == 3) {
    document["resize"] = resize_json(model.preprocessing);
    document["preprocessing"] = preprocessing_json(model.preprocessing, options);
  }
  document["output"] = port_json(summary.output, options, describe_output(model, options));
  if (summary.strangeness) {
    document["strangeness"] = port_json(*summary.strangeness, options, describe_strangeness());
    document["strangeness"]["unknown_above"] = 1.0;
    document["strangeness"]["accepted_share"] = model.acceptance->share;
  }
  document["temperature"] = model.temperature;
  document["class_names"] = model.class_names;
  document["class_ids"] = model.class_ids;
  document["provenance"] = model.provenance;
  return document;
}

}  // namespace headstart
