// A graph as JSON text and back; op_fields.h lists what is written, this file how.
#include "graph/serialize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "graph/op_fields.h"
#include "headstart/error.h"

namespace headstart {
namespace {

using Json = nlohmann::ordered_json;

// No real network is near these; a file beyond them is refused before it costs time.
constexpr std::size_t kLargestText = std::size_t{16} << 20;
constexpr std::size_t kMostNodes = 20'000;

constexpr std::array<std::pair<Activation::Kind, const char*>, 13> kActivations{{
    {Activation::Kind::linear, "linear"},
    {Activation::Kind::relu, "relu"},
    {Activation::Kind::relu6, "relu6"},
    {Activation::Kind::leaky_relu, "leaky_relu"},
    {Activation::Kind::elu, "elu"},
    {Activation::Kind::sigmoid, "sigmoid"},
    {Activation::Kind::tanh, "tanh"},
    {Activation::Kind::softmax, "softmax"},
    {Activation::Kind::swish, "swish"},
    {Activation::Kind::hard_sigmoid, "hard_sigmoid"},
    {Activation::Kind::hard_swish, "hard_swish"},
    {Activation::Kind::gelu, "gelu"},
    {Activation::Kind::gelu_tanh, "gelu_tanh"},
}};

constexpr std::array<std::pair<Dropout::Granularity, const char*>, 3> kGranularities{{
    {Dropout::Granularity::element, "element"},
    {Dropout::Granularity::channel, "channel"},
    {Dropout::Granularity::sample, "sample"},
}};

constexpr std::array<std::pair<UpSampling2D::Interpolation, const char*>, 2> kInterpolations{{
    {UpSampling2D::Interpolation::nearest, "nearest"},
    {UpSampling2D::Interpolation::bilinear, "bilinear"},
}};

[[noreturn]] void fail(const std::string& expected, const std::string& received) {
  throw Error("[graph] expected " + expected + "; received " + received +
              "; use a file that Headstart wrote");
}

// --- writing ---

Json to_json(int value) { return value; }
Json to_json(bool value) { return value; }
Json to_json(float value) { return static_cast<double>(value); }
Json to_json(const Shape& shape) { return shape; }
Json to_json(const std::vector<float>& values) {
  return values.size() == 1 ? to_json(values.front()) : Json(values);
}
Json to_json(const Size2& size) { return {size.height, size.width}; }

Json to_json(const Padding& padding) {
  switch (padding.kind) {
    case Padding::Kind::valid:
      return "valid";
    case Padding::Kind::same:
      return "same";
    case Padding::Kind::explicit_:
      break;
  }
  return {padding.top, padding.bottom, padding.left, padding.right};
}

// The name of an enumerator in its table.
template <typename Enum, std::size_t N>
const char* name_in(const std::array<std::pair<Enum, const char*>, N>& table, Enum value) {
  for (const auto& [known, name] : table) {
    if (known == value) {
      return name;
    }
  }
  throw Error("[graph] expected a value with a name; received another; this is a bug");
}

Json to_json(const Activation& activation) {
  const char* name = name_in(kActivations, activation.kind);
  return activation.alpha == 0.0F ? Json(name) : Json{{"kind", name}, {"alpha", to_json(activation.alpha)}};
}

Json to_json(Dropout::Granularity granularity) { return name_in(kGranularities, granularity); }

Json to_json(UpSampling2D::Interpolation interpolation) { return name_in(kInterpolations, interpolation); }

struct Writer {
  Json object = Json::object();
  void operator()(const char* key, const auto& value) { object[key] = to_json(value); }
  void added(const char* key, const auto& value) { (*this)(key, value); }
};

Json node_to_json(const Node& node) {
  Op op = node.op;
  Writer writer;
  const char* tag = std::visit(
      [&](auto& concrete) {
        visit_fields(writer, concrete);
        return op_tag(concrete);
      },
      op);
  return {{"name", node.name},
          {"op", tag},
          {"inputs", node.inputs},
          {"trainable", node.trainable},
          {"config", writer.object}};
}

// --- reading ---

std::int64_t integer(const Json& json, const std::string& what, std::int64_t low, std::int64_t high) {
  const bool fits =
      json.is_number_integer() &&
      (!json.is_number_unsigned() ||
       json.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  if (!fits || json.get<std::int64_t>() < low || json.get<std::int64_t>() > high) {
    fail("an integer from " + std::to_string(low) + " to " + std::to_string(high) + " for \"" + what + "\"",
         json.is_primitive() ? json.dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 40)
                             : json.type_name());
  }
  return json.get<std::int64_t>();
}

const std::string& text(const Json& json, std::string_view what) {
  if (!json.is_string()) {
    fail("text for \"" + std::string(what) + "\"", json.type_name());
  }
  return json.get_ref<const std::string&>();
}

const Json& list(const Json& json, std::string_view what) {
  if (!json.is_array()) {
    fail("a list for \"" + std::string(what) + "\"", json.type_name());
  }
  return json;
}

void from_json_value(const Json& json, const std::string& key, int& value) {
  value =
      static_cast<int>(integer(json, key, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()));
}

void from_json_value(const Json& json, const std::string& key, bool& value) {
  if (!json.is_boolean()) {
    fail("true or false for \"" + key + "\"", json.type_name());
  }
  value = json.get<bool>();
}

void from_json_value(const Json& json, const std::string& key, float& value) {
  const double number = json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
  if (!(std::abs(number) <= static_cast<double>(std::numeric_limits<float>::max()))) {
    fail("a finite number for \"" + key + "\"", json.type_name());
  }
  value = static_cast<float>(number);
}

// A single number stands for a list of one.
void from_json_value(const Json& json, const std::string& key, std::vector<float>& values) {
  constexpr std::size_t kMostNumbers = 1 << 16;
  if (json.is_array() && (json.empty() || json.size() > kMostNumbers)) {
    fail("1 to " + std::to_string(kMostNumbers) + " numbers for \"" + key + "\"",
         std::to_string(json.size()));
  }
  values.assign(json.is_array() ? json.size() : 1, 0.0F);
  for (std::size_t i = 0; i < values.size(); ++i) {
    from_json_value(json.is_array() ? json[i] : json, key, values[i]);
  }
}

void from_json_value(const Json& json, const std::string& key, Shape& shape) {
  constexpr std::size_t kMostExtents = 8;
  if (list(json, key).size() > kMostExtents) {
    fail("up to " + std::to_string(kMostExtents) + " extents for \"" + key + "\"",
         std::to_string(json.size()));
  }
  for (const Json& extent : json) {
    shape.push_back(integer(extent, key, 1, std::numeric_limits<std::int32_t>::max()));
  }
}

void from_json_value(const Json& json, const std::string& key, Size2& size) {
  if (list(json, key).size() != 2) {
    fail("a height and a width for \"" + key + "\"", std::to_string(json.size()) + " numbers");
  }
  from_json_value(json[0], key, size.height);
  from_json_value(json[1], key, size.width);
}

void from_json_value(const Json& json, const std::string& key, Padding& padding) {
  if (json == "valid") {
    padding = Padding::valid();
  } else if (json == "same") {
    padding = Padding::same();
  } else {
    if (list(json, key).size() != 4) {
      fail("four numbers for \"" + key + "\"", std::to_string(json.size()));
    }
    padding.kind = Padding::Kind::explicit_;
    from_json_value(json[0], key, padding.top);
    from_json_value(json[1], key, padding.bottom);
    from_json_value(json[2], key, padding.left);
    from_json_value(json[3], key, padding.right);
  }
}

void from_json_value(const Json& json, const std::string& key, Activation& activation);
void from_json_value(const Json& json, const std::string& key, Dropout::Granularity& granularity);
void from_json_value(const Json& json, const std::string& key, UpSampling2D::Interpolation& interpolation);

// Takes the keys of one object; what was not taken in the end is unknown.
class Reader {
 public:
  Reader(const Json& object, std::string what) : object_(object), what_(std::move(what)) {
    if (!object.is_object()) {
      fail("an object for " + what_, object.type_name());
    }
  }
  const Json& take(const char* key) {
    const auto found = object_.find(key);
    if (found == object_.end()) {
      fail("\"" + std::string(key) + "\" in " + what_, "none");
    }
    taken_.emplace_back(key);
    return *found;
  }
  void operator()(const char* key, auto& value) { from_json_value(take(key), key, value); }
  void added(const char* key, auto& value) {
    if (object_.contains(key)) {
      (*this)(key, value);
    }
  }
  void finish() const {
    for (const auto& [key, value] : object_.items()) {
      if (std::find(taken_.begin(), taken_.end(), key) == taken_.end()) {
        fail("only known keys in " + what_, "\"" + key + "\"");
      }
    }
  }

 private:
  const Json& object_;
  std::string what_;
  std::vector<std::string> taken_;
};

// The enumerator with that name in its table.
template <typename Enum, std::size_t N>
Enum named_in(const std::array<std::pair<Enum, const char*>, N>& table, const std::string& what,
              const std::string& name) {
  for (const auto& [value, known] : table) {
    if (name == known) {
      return value;
    }
  }
  fail("a known " + what, "\"" + name + "\"");
}

void from_json_value(const Json& json, const std::string& key, Dropout::Granularity& granularity) {
  granularity = named_in(kGranularities, key, text(json, key));
}

void from_json_value(const Json& json, const std::string& key, UpSampling2D::Interpolation& interpolation) {
  interpolation = named_in(kInterpolations, key, text(json, key));
}

void from_json_value(const Json& json, const std::string& key, Activation& activation) {
  if (json.is_string()) {
    activation.kind = named_in(kActivations, "activation", text(json, key));
    return;
  }
  Reader reader(json, "\"" + key + "\"");
  activation.kind = named_in(kActivations, "activation", text(reader.take("kind"), "kind"));
  reader("alpha", activation.alpha);
  reader.finish();
}

template <typename T>
bool read_if_tagged(const std::string& tag, const Json& config, Op& op) {
  T concrete{};
  if (tag != op_tag(concrete)) {
    return false;
  }
  Reader reader(config, "the config of a " + tag);
  visit_fields(reader, concrete);
  reader.finish();
  op = std::move(concrete);
  return true;
}

template <std::size_t... I>
bool read_any(const std::string& tag, const Json& config, Op& op, std::index_sequence<I...>) {
  return (read_if_tagged<std::variant_alternative_t<I, Op>>(tag, config, op) || ...);
}

void append_node(Graph& graph, const Json& json) {
  Reader reader(json, "a layer");
  const std::string& name = text(reader.take("name"), "name");
  const std::string& tag = text(reader.take("op"), "op");
  Op op;
  if (!read_any(tag, reader.take("config"), op, std::make_index_sequence<std::variant_size_v<Op>>{})) {
    fail("a known op", "\"" + tag + "\"");
  }
  std::vector<NodeId> inputs;
  for (const Json& input : list(reader.take("inputs"), "inputs")) {
    inputs.push_back(static_cast<NodeId>(integer(input, "inputs", 0, std::numeric_limits<NodeId>::max())));
  }
  const NodeId id = graph.add(name, std::move(op), std::move(inputs));
  bool trainable = true;
  reader("trainable", trainable);
  graph.set_trainable(id, trainable);
  reader.finish();
}

Json parse(std::string_view source) {
  if (source.size() > kLargestText) {
    fail("a graph of up to " + std::to_string(kLargestText) + " bytes", std::to_string(source.size()));
  }
  Json json = Json::parse(source, nullptr, false);
  if (json.is_discarded()) {
    fail("a graph as JSON", "text that is not JSON");
  }
  return json;
}

}  // namespace

std::string graph_to_json(const Graph& graph) {
  Json nodes = Json::array();
  for (const Node& node : graph.nodes()) {
    nodes.push_back(node_to_json(node));
  }
  Json scopes = Json::array();
  for (const Scope& scope : graph.scopes()) {
    scopes.push_back({{"name", scope.name}, {"type", scope.type}});
  }
  const Json json{{"name", graph.name()}, {"nodes", nodes}, {"scopes", scopes}, {"output", graph.output()}};
  try {
    return json.dump();
  } catch (const Json::type_error&) {
    throw Error("[graph] expected layer names in UTF-8; received other bytes; rename the layers");
  }
}

Graph graph_from_json(std::string_view source) {
  const Json json = parse(source);
  Reader reader(json, "a graph");
  Graph graph(text(reader.take("name"), "name"));
  const Json& nodes = list(reader.take("nodes"), "nodes");
  if (nodes.empty() || nodes.size() > kMostNodes) {
    fail("1 to " + std::to_string(kMostNodes) + " layers", std::to_string(nodes.size()));
  }
  for (const Json& node : nodes) {
    append_node(graph, node);
  }
  const Json& scopes = list(reader.take("scopes"), "scopes");
  if (scopes.size() > nodes.size()) {
    fail("no more scopes than layers", std::to_string(scopes.size()));
  }
  for (const Json& scope : scopes) {
    Reader fields(scope, "a scope");
    std::string name = text(fields.take("name"), "name");
    graph.add_scope({.name = std::move(name), .type = text(fields.take("type"), "type")});
    fields.finish();
  }
  graph.set_output(static_cast<NodeId>(
      integer(reader.take("output"), "output", 0, static_cast<std::int64_t>(nodes.size()) - 1)));
  reader.finish();
  return graph;
}

}  // namespace headstart
