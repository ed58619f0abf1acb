#include "export/description.h"

#include <algorithm>

#include <fmt/format.h>

namespace headstart {
namespace {

using nlohmann::ordered_json;

constexpr bool is_antialiased(ResizeKernel kernel) {
  return kernel == ResizeKernel::bilinear_aa || kernel == ResizeKernel::bicubic_aa ||
         kernel == ResizeKernel::area;
}

// The kernel in the words of the libraries that compute it in the same way (image/resize.cpp).
const char* same_kernel(ResizeKernel kernel) {
  switch (kernel) {
    case ResizeKernel::nearest:
      return "Pillow's NEAREST";
    case ResizeKernel::bilinear:
      return "OpenCV's INTER_LINEAR, without antialiasing";
    case ResizeKernel::bilinear_aa:
      return "Pillow's BILINEAR, which antialiases";
    case ResizeKernel::bicubic_aa:
      return "Pillow's BICUBIC, which antialiases";
    case ResizeKernel::area:
      return "OpenCV's INTER_AREA";
  }
  return "";
}

std::string fit_sentence(const Preprocessing& p) {
  const auto shorter = p.resize_to == 0 ? std::min(p.height, p.width) : p.resize_to;
  switch (p.fit) {
    case ResizeFit::squash:
      return fmt::format("both sides are resized to {}x{} (height x width), whatever the proportions",
                         p.height, p.width);
    case ResizeFit::crop:
      return fmt::format(
          "the shorter side is resized to {}, then the central {}x{} (height x width) is cut out", shorter,
          p.height, p.width);
    case ResizeFit::pad:
      return fmt::format("the longer side is resized to fit {}x{} (height x width), centred on black",
                         p.height, p.width);
  }
  return "";
}

std::string resize_sentence(const Preprocessing& p) {
  return fmt::format("The picture, upright and in RGB: {}, by {}.", fit_sentence(p), same_kernel(p.kernel));
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

std::string headstart_version() { return HEADSTART_VERSION; }

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

ordered_json describe_export(const Model& model, const ExportOptions& options, const ExportSummary& summary) {
  ordered_json document{{"headstart_version", headstart_version()}, {"network", model.graph.name()}};
  document["input"] = port_json(summary.input, options, describe_input(model, options));
  if (options.preprocessing) {
    document["input"]["range"] = {0, 255};
  }
  if (model.graph.input_shape().size() == 3) {
    document["resize"] = resize_json(model.preprocessing);
    document["preprocessing"] = preprocessing_json(model.preprocessing, options);
  }
  document["output"] = port_json(summary.output, options, describe_output(model, options));
  document["temperature"] = model.temperature;
  document["class_names"] = model.class_names;
  document["class_ids"] = model.class_ids;
  document["provenance"] = model.provenance;
  return document;
}

}  // namespace headstart
