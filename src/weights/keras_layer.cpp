#include "weights/keras_layer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "headstart/error.h"

namespace headstart {
namespace {

using nlohmann::json;
using ActivationKind = Activation::Kind;

constexpr int kLargestCount = 1 << 24;  // of any count in a layer

// The config of one layer, read with Keras's defaults and with errors that name the layer.
class Config {
 public:
  Config(const std::string& layer, const json& values, std::size_t rank = 0)
      : layer_(layer), values_(values), rank_(rank) {
    if (!values.is_object()) {
      fail("a config", values);
    }
  }

  [[noreturn]] void fail(const std::string& expected, const json& received) const {
    auto text = received.dump(-1, ' ', false, json::error_handler_t::replace);
    throw Error(
        fmt::format("[keras] layer {}: expected {}; received {}", layer_, expected, text.substr(0, 100)));
  }

  bool has(const char* key) const { return values_.contains(key) && !values_[key].is_null(); }
  const json& at(const char* key) const {
    if (!has(key)) {
      fail(fmt::format("\"{}\"", key), json::object());
    }
    return values_[key];
  }

  int count(const json& value, int lowest) const {
    if (!value.is_number_integer() || value.get<std::int64_t>() < lowest ||
        value.get<std::int64_t>() > kLargestCount) {
      fail(fmt::format("a whole number from {} to {}", lowest, kLargestCount), value);
    }
    return value.get<int>();
  }
  int count(const char* key) const { return count(at(key), 1); }
  int count_or(const char* key, int otherwise) const { return has(key) ? count(at(key), 1) : otherwise; }

  float number(const json& value) const {
    if (!value.is_number() || !(std::abs(value.get<double>()) <= std::numeric_limits<float>::max())) {
      fail("a number", value);
    }
    return value.get<float>();
  }
  float number_or(const char* key, float otherwise) const { return has(key) ? number(at(key)) : otherwise; }

  // One number, or a list of them.
  std::vector<float> numbers_or(const char* key, float otherwise) const {
    if (!has(key) || !at(key).is_array()) {
      return {number_or(key, otherwise)};
    }
    std::vector<float> numbers;
    for (const auto& value : at(key)) {
      numbers.push_back(number(value));
    }
    return numbers;
  }

  bool flag_or(const char* key, bool otherwise) const {
    if (has(key) && !at(key).is_boolean()) {
      fail(fmt::format("true or false for \"{}\"", key), at(key));
    }
    return has(key) ? at(key).get<bool>() : otherwise;
  }

  Size2 size(const json& value) const {
    if (value.is_array() && value.size() == 2) {
      return {count(value[0], 1), count(value[1], 1)};
    }
    const int both = count(value, 1);
    return {both, both};
  }
  Size2 size_or(const char* key, Size2 otherwise) const { return has(key) ? size(at(key)) : otherwise; }

  Padding padding() const {
    const auto& value = has("padding") ? at("padding") : kValid;
    if (value == "same") {
      return Padding::same();
    }
    if (value != "valid") {
      fail("padding same or valid", value);
    }
    return Padding::valid();
  }

  Activation activation(const json& value) const {
    static const std::map<std::string_view, ActivationKind> activation_kinds{
        {"linear", ActivationKind::linear},
        {"relu", ActivationKind::relu},
        {"relu6", ActivationKind::relu6},
        {"sigmoid", ActivationKind::sigmoid},
        {"tanh", ActivationKind::tanh},
        {"softmax", ActivationKind::softmax},
        {"swish", ActivationKind::swish},
        {"silu", ActivationKind::swish},
        {"gelu", ActivationKind::gelu},
        {"elu", ActivationKind::elu},
        {"hard_swish", ActivationKind::hard_swish},
        {"hard_silu", ActivationKind::hard_swish}};
    const auto found = value.is_string() ? activation_kinds.find(value.get_ref<const std::string&>())
                                         : activation_kinds.end();
    if (found == activation_kinds.end()) {
      // hard_sigmoid is one function in Keras 2 and another in Keras 3, and the config does not say which.
      fail("the activation linear, relu, relu6, sigmoid, tanh, softmax, swish, gelu, elu or hard_swish",
           value);
    }
    return {.kind = found->second, .alpha = found->second == ActivationKind::elu ? 1.0F : 0.0F};
  }
  Activation activation() const { return has("activation") ? activation(at("activation")) : Activation{}; }

  void require_channels_last() const {
    if (has("data_format") && at("data_format") != "channels_last") {
      fail("data_format channels_last", at("data_format"));
    }
  }
  // Normalisation, concatenation and softmax work over the channels.
  void require_last_axis() const {
    if (!has("axis")) {
      return;
    }
    const auto& axis = at("axis").is_array() && at("axis").size() == 1 ? at("axis")[0] : at("axis");
    if (axis != -1 && axis != rank_) {
      fail("the last axis", axis);
    }
  }

 private:
  static inline const json kValid = "valid";
  const std::string& layer_;
  const json& values_;
  std::size_t rank_;  // of what goes in, without the batch
};

Op convolution(const Config& config) {
  return Conv2D{.filters = config.count("filters"),
                .kernel = config.size(config.at("kernel_size")),
                .strides = config.size_or("strides", {}),
                .dilation = config.size_or("dilation_rate", {}),
                .padding = config.padding(),
                .groups = config.count_or("groups", 1),
                .use_bias = config.flag_or("use_bias", true),
                .activation = config.activation()};
}

Op transposed_convolution(const Config& config) {
  if (config.has("output_padding")) {
    config.fail("no output_padding", config.at("output_padding"));
  }
  if (config.count_or("groups", 1) != 1) {
    config.fail("groups 1", config.at("groups"));
  }
  return Conv2DTranspose{.filters = config.count("filters"),
                         .kernel = config.size(config.at("kernel_size")),
                         .strides = config.size_or("strides", {}),
                         .dilation = config.size_or("dilation_rate", {}),
                         .padding = config.padding(),
                         .use_bias = config.flag_or("use_bias", true),
                         .activation = config.activation()};
}

Op depthwise_convolution(const Config& config) {
  return DepthwiseConv2D{.kernel = config.size(config.at("kernel_size")),
                         .strides = config.size_or("strides", {}),
                         .dilation = config.size_or("dilation_rate", {}),
                         .padding = config.padding(),
                         .depth_multiplier = config.count_or("depth_multiplier", 1),
                         .use_bias = config.flag_or("use_bias", true),
                         .activation = config.activation()};
}

Op separable_convolution(const Config& config) {
  return SeparableConv2D{.filters = config.count("filters"),
                         .kernel = config.size(config.at("kernel_size")),
                         .strides = config.size_or("strides", {}),
                         .dilation = config.size_or("dilation_rate", {}),
                         .padding = config.padding(),
                         .depth_multiplier = config.count_or("depth_multiplier", 1),
                         .use_bias = config.flag_or("use_bias", true),
                         .activation = config.activation()};
}

Op dense(const Config& config) {
  return Dense{.units = config.count("units"),
               .use_bias = config.flag_or("use_bias", true),
               .activation = config.activation()};
}

template <typename Pooling>
Op pooling(const Config& config) {
  Pooling result;
  result.pool = config.size_or("pool_size", {2, 2});
  result.strides = config.size_or("strides", result.pool);
  result.padding = config.padding();
  return result;
}

template <typename Pooling>
Op global_pooling(const Config& config) {
  return Pooling{.keep_dims = config.flag_or("keepdims", false)};
}

// ZeroPadding2D or Cropping2D: one number, [vertical, horizontal], or [[top, bottom], [left, right]].
template <typename Sides>
Op sides(const Config& config, const char* key, const json& otherwise) {
  const auto& value = config.has(key) ? config.at(key) : otherwise;
  const bool two = value.is_array() && value.size() == 2;
  const auto side = [&](std::size_t axis, std::size_t end) {
    const auto& along = two ? value[axis] : value;
    const bool pair = along.is_array() && along.size() == 2;
    return config.count(pair ? along[end] : along, 0);
  };
  return Sides{.top = side(0, 0), .bottom = side(0, 1), .left = side(1, 0), .right = side(1, 1)};
}

Op zero_padding(const Config& config) { return sides<ZeroPadding2D>(config, "padding", 1); }
Op cropping(const Config& config) { return sides<Cropping2D>(config, "cropping", 0); }

Op upsampling(const Config& config) {
  using Interpolation = UpSampling2D::Interpolation;
  const json interpolation = config.has("interpolation") ? config.at("interpolation") : json("nearest");
  if (interpolation != "nearest" && interpolation != "bilinear") {
    config.fail("the interpolation nearest or bilinear", interpolation);
  }
  return UpSampling2D{
      .size = config.size_or("size", {2, 2}),
      .interpolation = interpolation == "nearest" ? Interpolation::nearest : Interpolation::bilinear};
}

Op relu(const Config& config) {
  const float slope = config.number_or("negative_slope", 0.0F);
  const float maximum = config.number_or("max_value", 0.0F);
  const float threshold = config.number_or("threshold", 0.0F);
  constexpr float kSix = 6.0F;
  const bool bounded = config.has("max_value");
  if (threshold != 0.0F || (bounded && (maximum != kSix || slope != 0.0F))) {
    config.fail("a ReLU without threshold and with max_value 6 or none",
                {{"max_value", maximum}, {"negative_slope", slope}, {"threshold", threshold}});
  }
  const auto kind = bounded         ? ActivationKind::relu6
                    : slope != 0.0F ? ActivationKind::leaky_relu
                                    : ActivationKind::relu;
  return ActivationLayer{{.kind = kind, .alpha = slope}};
}

Op leaky_relu(const Config& config) {
  constexpr float kDefault = 0.3F;
  const float slope = config.number_or("negative_slope", config.number_or("alpha", kDefault));
  return ActivationLayer{{.kind = ActivationKind::leaky_relu, .alpha = slope}};
}

Op normalisation(const Config& config) {
  config.require_last_axis();
  return BatchNormalization{.epsilon = config.number_or("epsilon", 1e-3F),
                            .momentum = config.number_or("momentum", 0.99F),
                            .scale = config.flag_or("scale", true),
                            .center = config.flag_or("center", true)};
}

Op row_normalisation(const Config& config) {
  config.require_last_axis();
  return LayerNormalization{.epsilon = config.number_or("epsilon", 1e-3F),
                            .scale = config.flag_or("scale", true),
                            .center = config.flag_or("center", true)};
}

Op group_normalisation(const Config& config) {
  config.require_last_axis();
  return GroupNormalization{.groups = config.count_or("groups", 32),
                            .epsilon = config.number_or("epsilon", 1e-3F),
                            .scale = config.flag_or("scale", true),
                            .center = config.flag_or("center", true)};
}

// With the statistics in the config it has no weights and is a rescaling.
Op standardisation(const Config& config) {
  config.require_last_axis();
  if (!config.has("mean") && !config.has("variance")) {
    return Normalization{};
  }
  const auto mean = config.numbers_or("mean", 0.0F);
  const auto variance = config.numbers_or("variance", 1.0F);
  if (mean.size() != variance.size() || config.flag_or("invert", false)) {
    config.fail("as many means as variances, not inverted", config.at("mean"));
  }
  constexpr float kSmallestDeviation = 1e-7F;
  Rescaling result{.scale = {}, .offset = {}};
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const float deviation = std::max(std::sqrt(variance[i]), kSmallestDeviation);
    result.scale.push_back(1.0F / deviation);
    result.offset.push_back(-mean[i] / deviation);
  }
  return result;
}

// Whole samples or channels by a noise_shape with ones.
Op dropout(const Config& config, Dropout::Granularity granularity) {
  Dropout result{.rate = config.number_or("rate", 0.5F), .granularity = granularity};
  if (config.has("noise_shape")) {
    const auto& noise = config.at("noise_shape");
    const json sample = {nullptr, 1, 1, 1};
    const json channel = {nullptr, 1, 1, nullptr};
    if (noise != sample && noise != channel) {
      config.fail("a noise_shape of whole samples or channels", noise);
    }
    result.granularity = noise == sample ? Dropout::Granularity::sample : Dropout::Granularity::channel;
  }
  return result;
}

Op reshape(const Config& config) {
  const auto& target = config.at("target_shape");
  Reshape result;
  for (const auto& extent : target) {
    result.shape.push_back(config.count(extent, 1));
  }
  if (!target.is_array() || result.shape.empty()) {
    config.fail("a target_shape of positive extents", target);
  }
  return result;
}

Op softmax(const Config& config) {
  config.require_last_axis();
  return ActivationLayer{{.kind = ActivationKind::softmax}};
}

Op concatenate(const Config& config) {
  config.require_last_axis();
  return Concatenate{};
}

using Builder = std::function<Op(const Config&)>;

const std::map<std::string_view, Builder>& builders() {
  static const std::map<std::string_view, Builder> layer_builders{
      {"Conv2D", convolution},
      {"Convolution2D", convolution},
      {"Conv2DTranspose", transposed_convolution},
      {"DepthwiseConv2D", depthwise_convolution},
      {"SeparableConv2D", separable_convolution},
      {"Dense", dense},
      {"MaxPooling2D", pooling<MaxPooling2D>},
      {"AveragePooling2D", pooling<AveragePooling2D>},
      {"GlobalAveragePooling2D", global_pooling<GlobalAveragePooling2D>},
      {"GlobalMaxPooling2D", global_pooling<GlobalMaxPooling2D>},
      {"ZeroPadding2D", zero_padding},
      {"Cropping2D", cropping},
      {"UpSampling2D", upsampling},
      {"Activation", [](const Config& c) -> Op { return ActivationLayer{c.activation(c.at("activation"))}; }},
      {"ReLU", relu},
      {"LeakyReLU", leaky_relu},
      {"ELU",
       [](const Config& c) -> Op {
         return ActivationLayer{{ActivationKind::elu, c.number_or("alpha", 1.0F)}};
       }},
      {"Softmax", softmax},
      {"BatchNormalization", normalisation},
      {"BatchNormalizationV1", normalisation},
      {"LayerNormalization", row_normalisation},
      {"GroupNormalization", group_normalisation},
      {"Add", [](const Config&) -> Op { return Add{}; }},
      {"Multiply", [](const Config&) -> Op { return Multiply{}; }},
      {"Concatenate", concatenate},
      {"Flatten", [](const Config&) -> Op { return Flatten{}; }},
      {"Reshape", reshape},
      {"Dropout", [](const Config& c) { return dropout(c, Dropout::Granularity::element); }},
      {"SpatialDropout2D", [](const Config& c) { return dropout(c, Dropout::Granularity::channel); }},
      {"Normalization", standardisation},
      {"Rescaling",
       [](const Config& c) -> Op {
         return Rescaling{c.numbers_or("scale", 1.0F), c.numbers_or("offset", 0.0F)};
       }},
  };
  return layer_builders;
}

}  // namespace

Op op_from_keras(const std::string& class_name, const std::string& layer, const json& values,
                 std::size_t rank) {
  const auto found = builders().find(class_name);
  if (found == builders().end()) {
    throw Error(
        fmt::format("[keras] layer {} is of the class {}, which Headstart does not have; rebuild the model "
                    "without it",
                    layer, class_name.substr(0, 100)));
  }
  const Config config(layer, values, rank);
  config.require_channels_last();
  return found->second(config);
}

Shape input_shape_from_keras(const std::string& layer, const json& values) {
  const Config config(layer, values);
  const char* key = config.has("batch_input_shape") ? "batch_input_shape" : "batch_shape";
  if (!config.has(key)) {
    return {};
  }
  const auto& extents = config.at(key);
  constexpr std::size_t kMaximumRank = 4;
  if (!extents.is_array() || extents.size() < 2 || extents.size() > kMaximumRank) {
    config.fail("an input of (batch, height, width, channels)", extents);
  }
  Shape shape;
  for (std::size_t i = 1; i < extents.size(); ++i) {
    if (extents[i].is_null()) {
      return {};
    }
    shape.push_back(config.count(extents[i], 1));
  }
  return shape;
}

}  // namespace headstart
