// The page of an exploration: its data as JSON and text, and the program that draws it.
#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base64.h"
#include "core/files.h"
#include "explain/explore_asset.h"
#include "explain/explore_linear.h"
#include "explain/explore_values.h"
#include "graph/overloaded.h"
#include "graph/serialize.h"
#include "headstart/explore.h"
#include "image/encode_jpeg.h"

namespace headstart {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kPhotoQuality = 90;

// JSON that may stand inside a script element: no name can end it.
std::string inside_script(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

// Rows and columns before the input of layers with a window.
Json padding_of(const Graph& graph, const Node& node) {
  const auto padding = [&](const Padding& own, Size2 window, Size2 strides, Size2 dilation) -> Json {
    const Shape& input = graph.node(node.inputs[0]).shape;
    return {resolve_padding(own, true, input[0], window.height, strides.height, dilation.height).before,
            resolve_padding(own, false, input[1], window.width, strides.width, dilation.width).before};
  };
  return std::visit(Overloaded{[&](const OneOf<Conv2D, DepthwiseConv2D> auto& conv) {
                                 return padding(conv.padding, conv.kernel, conv.strides, conv.dilation);
                               },
                               [&](const Conv2DTranspose& conv) -> Json {
                                 const Shape& input = graph.node(node.inputs[0]).shape;
                                 return {resolve_transposed(conv, true, input[0]).cut,
                                         resolve_transposed(conv, false, input[1]).cut};
                               },
                               [&](const OneOf<MaxPooling2D, AveragePooling2D> auto& pooling) {
                                 return padding(pooling.padding, pooling.pool, pooling.strides, {});
                               },
                               [](const auto&) { return Json(); }},
                    node.op);
}

// All channels in order are not listed.
Json channel_list(const std::vector<int>& channels, std::int64_t all) {
  return static_cast<std::int64_t>(channels.size()) == all ? Json() : Json(channels);
}

Json layer_json(const Exploration& exploration, NodeId id, ExploreValues& values) {
  const Node& node = exploration.graph.node(id);
  const ExploredLayer& layer = exploration.layers[static_cast<std::size_t>(id)];
  Json arrays = Json::object();
  const auto keep = [&](const std::string& name, const std::vector<float>& array) {
    if (!array.empty()) {
      const ValueBlock block = values.add(array);
      arrays[name] = {block.offset, block.count};
    }
  };
  keep("values", layer.values);
  keep("gradients", layer.gradients);
  keep("rest", layer.rest);
  keep("gradient_rest", layer.gradient_rest);
  for (const auto& [name, array] : layer.arrays) {
    keep(name, array);
  }
  return {{"type", type_name(node.op)},
          {"shape", node.shape},
          {"parameters", layer.parameters},
          {"padding", padding_of(exploration.graph, node)},
          {"channels", channel_list(layer.channels, node.shape.back())},
          {"units", channel_list(layer.units, node.shape.back())},
          {"arrays", arrays}};
}

// Name, op, inputs and configuration as in a model file, with what was computed.
Json nodes_json(const Exploration& exploration, ExploreValues& values) {
  Json nodes = Json::parse(graph_to_json(exploration.graph)).at("nodes");
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].update(layer_json(exploration, static_cast<NodeId>(i), values));
  }
  return nodes;
}

Json exploration_json(const Exploration& exploration, ExploreValues& values) {
  const Image& photo = exploration.photo;
  return {{"title", exploration.title},
          {"photo",
           {{"name", exploration.photo_name},
            {"width", photo.width},
            {"height", photo.height},
            {"uri", "data:image/jpeg;base64," + base64(encode_jpeg(photo, kPhotoQuality))}}},
          {"classes", exploration.class_names},
          {"probabilities", exploration.probabilities},
          {"temperature", exploration.temperature},
          {"class_index", exploration.class_index},
          {"logits", exploration.logits},
          {"output", exploration.graph.output()},
          {"nodes", nodes_json(exploration, values)},
          {"values", values.count()}};
}

}  // namespace

std::string exploration_page(const Exploration& exploration) {
  ExploreValues values;
  const Json json = exploration_json(exploration, values);
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n"
      "<title>Headstart explore</title>\n</head>\n<body>\n<noscript>This page needs JavaScript.</noscript>\n";
  page += "<script type=\"application/json\" id=\"network\">" + inside_script(json) + "</script>\n";
  page += "<script type=\"text/plain\" id=\"values\">" + values.text() + "</script>\n<script>\n";
  page += explore_script();
  return page + "</script>\n</body>\n</html>\n";
}

std::int64_t write_exploration(const Exploration& exploration, const std::string& path) {
  const std::string page = exploration_page(exploration);
  write_file_atomically(path, page);
  return static_cast<std::int64_t>(page.size());
}

}  // namespace headstart
