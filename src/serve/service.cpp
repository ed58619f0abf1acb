// The answers: decoding beside one thread that computes.
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <semaphore>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/parallel.h"
#include "explain/repeated_explainer.h"
#include "headstart/error.h"
#include "headstart/explain.h"
#include "headstart/explain_pictures.h"
#include "headstart/image.h"
#include "headstart/predict.h"
#include "headstart/serve.h"
#include "headstart/text.h"
#include "serve/compute_thread.h"
#include "serve/serve_asset.h"

namespace headstart {
namespace {

using Json = nlohmann::ordered_json;

// Pictures computed at once: enough for the speed of batches, few enough that others get their turn. The rest
// of a request is computed picture by picture: a program for every number would hold the weights every time.
constexpr std::int64_t kBatch = 8;
constexpr int kOverlaySide = 1024;

// As many decode at a time as there are cores: a large picture takes much memory.
class Turn {
 public:
  explicit Turn(std::counting_semaphore<>& turns) : turns_(turns) { turns_.acquire(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { turns_.release(); }

 private:
  std::counting_semaphore<>& turns_;
};

std::span<const std::uint8_t> bytes_of(const Upload& upload) {
  return {reinterpret_cast<const std::uint8_t*>(upload.bytes.data()), upload.bytes.size()};
}

Answer json_answer(int status, const Json& document) {
  return {.status = status, .body = document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"};
}

Image no_larger_than(Image image, int side) {
  const int longer = std::max(image.width, image.height);
  if (longer <= side) {
    return image;
  }
  const auto scaled = [&](int extent) {
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(extent) * side / longer)));
  };
  return resize(image, scaled(image.width), scaled(image.height), ResizeKernel::bilinear_aa);
}

std::int64_t parameter_count(const Model& model) {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : model.parameters) {
    count += tensor.size();
  }
  return count;
}

Model checked(Model model) {
  require_classifier(model);
  if (model.graph.input_shape().size() != 3) {
    throw Error("[serve] expected a network that reads pictures; received " + model.graph.name());
  }
  return model;
}

}  // namespace

Answer refusal(int status, const std::string& message) {
  return json_answer(status, {{"error", without_tag(message)}});
}

struct Service::Impl {
  Impl(Model served, std::string served_as, const ServiceOptions& chosen)
      : model(checked(std::move(served))),
        name(std::move(served_as)),
        options(chosen),
        precision(chosen.precision == Precision::automatic ? Precision::f32 : chosen.precision),
        predictor(model, nodes_for_classes(model, {}), precision, static_cast<int>(kBatch)),
        decoders(thread_count(0)),
        computing(chosen.threads) {
    Tensor nothing(rows_shape(1));  // compiles, and packs the weights
    computing.run([&] { predictor.run(nothing); });
  }

  Shape rows_shape(std::int64_t rows) const {
    Shape shape = model.graph.input_shape();
    shape.insert(shape.begin(), rows);
    return shape;
  }

  Image decoded(const Upload& upload, DecodeOptions decode) {
    decode.maximum_pixels = options.maximum_pixels;
    const Turn turn(decoders);
    return decode_image(bytes_of(upload), decode);
  }

  // The pictures as the network reads them; empty where one cannot be read, which its prediction then says.
  std::vector<Tensor> inputs_of(const std::vector<Upload>& pictures,
                                std::vector<ImagePrediction>& predictions) {
    std::vector<Tensor> inputs(pictures.size());
    parallel_for(pictures.size(), 0, [&](std::size_t i) {
      predictions[i].path = pictures[i].name;
      try {
        inputs[i] =
            preprocess(decoded(pictures[i], decode_options_for(model.preprocessing)), model.preprocessing);
      } catch (const Error& error) {
        predictions[i].error = without_tag(error.what());
      }
    });
    return inputs;
  }

  // A row for every row of the inputs.
  ClassTable classes_of(const Tensor& inputs) {
    const std::int64_t rows = inputs.shape().front();
    const auto size = static_cast<std::size_t>(element_count(model.graph.input_shape()));
    std::vector<Tensor> values;
    for (const NodeId node : nodes_for_classes(model, {})) {
      Shape shape = model.graph.node(node).shape;
      shape.insert(shape.begin(), rows);
      values.emplace_back(std::move(shape));
    }
    for (std::int64_t first = 0; first < rows;) {
      const std::int64_t count = rows - first >= kBatch ? kBatch : 1;
      const Tensor part(rows_shape(count), inputs.values().subspan(static_cast<std::size_t>(first) * size,
                                                                   static_cast<std::size_t>(count) * size));
      computing.run([&] {
        const auto made = predictor.run(part);
        for (std::size_t i = 0; i < made.size(); ++i) {
          std::copy_n(made[i].data(), made[i].size(), values[i].data() + first * (made[i].size() / count));
        }
      });
      first += count;
    }
    return class_table(model, values);
  }

  // Compiled at the first request, kept for the others. `classes`: as ExplainOptions has them.
  HeatMap evidence(const Tensor& input, const std::vector<int>& classes) {
    HeatMap map;
    computing.run([&] {
      if (!explainer) {
        explainer.emplace(model, ExplainOptions{.precision = precision, .threads = options.threads});
      }
      map = explainer->explain(input, classes).classes.front().map;
    });
    return map;
  }

  Model model;
  std::string name;
  ServiceOptions options;
  Precision precision;
  Predictor predictor;  // of the computing thread, as is the next
  std::optional<RepeatedExplainer> explainer;
  std::counting_semaphore<> decoders;
  ComputeThread computing;  // the last: it ends before what it works with
};

Service::Service(Model model, std::string name, const ServiceOptions& options)
    : impl_(std::make_unique<Impl>(std::move(model), std::move(name), options)) {}

Service::~Service() = default;

Answer Service::predict(const std::vector<Upload>& pictures) {
  if (pictures.empty()) {
    return refusal(400, "[serve] expected a picture; received none; send files as multipart/form-data");
  }
  if (pictures.size() > impl_->options.maximum_pictures) {
    return refusal(413, fmt::format("[serve] expected at most {} pictures; received {}; send fewer at once",
                                    impl_->options.maximum_pictures, pictures.size()));
  }
  std::vector<ImagePrediction> predictions(pictures.size());
  const auto inputs = impl_->inputs_of(pictures, predictions);
  std::vector<std::size_t> read;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].size() > 0) {
      read.push_back(i);
    }
  }
  if (!read.empty()) {
    Tensor rows(impl_->rows_shape(static_cast<std::int64_t>(read.size())));
    float* row = rows.data();
    for (const std::size_t i : read) {
      row = std::copy_n(inputs[i].data(), inputs[i].size(), row);
    }
    const ClassTable table = impl_->classes_of(rows);
    const auto columns = static_cast<std::size_t>(table.probabilities.shape()[1]);
    for (std::size_t r = 0; r < read.size(); ++r) {
      predictions[read[r]].classes =
          ranked_classes(table.probabilities.values().subspan(r * columns, columns), impl_->options.top);
      if (!table.strangeness.empty()) {
        predictions[read[r]].strangeness = table.strangeness[r];
      }
    }
  }
  return {.status = read.empty() ? 422 : 200,
          .body = predictions_json(impl_->model, impl_->name, predictions) + "\n"};
}

Answer Service::explain(const Upload& picture, const std::string& class_name) {
  const Model& model = impl_->model;
  std::vector<int> classes;
  if (!class_name.empty()) {
    try {
      classes = {find_class(model, class_name)};
    } catch (const Error& error) {
      return refusal(400, error.what());
    }
  }
  try {
    DecodeOptions decode = decode_options_for(model.preprocessing);
    decode.minimum_width = std::max(decode.minimum_width, kOverlaySide);
    decode.minimum_height = std::max(decode.minimum_height, kOverlaySide);
    Image photo = impl_->decoded(picture, decode);
    const Tensor input = preprocess(photo, model.preprocessing).reshaped(impl_->rows_shape(1));
    const HeatMap map = impl_->evidence(input, classes);
    const Image shown = no_larger_than(std::move(photo), kOverlaySide);
    const auto window = fitted_window(shown.width, shown.height, model.preprocessing);
    const auto png = encode_png(overlaid(shown, map, window, {}));
    return {.type = "image/png",
            .body = std::string(png.begin(), png.end()),
            .note = map.is_zero() ? "nothing speaks for this class: the map is all zeros" : ""};
  } catch (const Error& error) {
    return refusal(422, error.what());
  }
}

Answer Service::description() const {
  const Model& model = impl_->model;
  const auto labels = class_labels(model);
  Json classes = Json::array();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    classes.push_back(
        {{"index", i}, {"id", i < model.class_ids.size() ? model.class_ids[i] : ""}, {"name", labels[i]}});
  }
  const Shape& input = model.graph.input_shape();
  return json_answer(200, {{"model", impl_->name},
                           {"network", model.graph.name()},
                           {"input_size", {input[0], input[1]}},
                           {"classes", classes},
                           {"parameters", parameter_count(model)},
                           {"precision", to_string(impl_->precision)},
                           {"top", impl_->options.top},
                           {"maximum_pictures", impl_->options.maximum_pictures}});
}

Answer Service::page() { return {.type = "text/html; charset=utf-8", .body = std::string(serve_page())}; }

}  // namespace headstart
