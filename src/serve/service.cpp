// The answers: decoding beside one thread that computes.
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
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
#include "model/describe.h"
#include "serve/loaded_classifier.h"
#include "serve/serve_asset.h"

namespace headstart {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kOverlaySide = 1024;

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

}  // namespace

Answer refusal(int status, const std::string& message) {
  return json_answer(status, {{"error", without_tag(message)}});
}

struct Service::Impl {
  Impl(Model served, std::string served_as, const ServiceOptions& chosen)
      : name(std::move(served_as)),
        options(chosen),
        precision(chosen.precision == Precision::automatic ? Precision::f32 : chosen.precision),
        classifier(std::move(served), precision, chosen.threads, chosen.maximum_pixels) {}

  // The pictures as the network reads them; empty where one cannot be read, which its prediction then says.
  std::vector<Tensor> inputs_of(const std::vector<Upload>& pictures,
                                std::vector<ImagePrediction>& predictions) {
    std::vector<Tensor> inputs(pictures.size());
    parallel_for(pictures.size(), 0, [&](std::size_t i) {
      predictions[i].path = pictures[i].name;
      try {
        inputs[i] = classifier.input_of(bytes_of(pictures[i]));
      } catch (const Error& error) {
        predictions[i].error = without_tag(error.what());
      }
    });
    return inputs;
  }

  // Compiled at the first request, kept for the others. `classes`: as ExplainOptions has them.
  HeatMap evidence(const Tensor& input, const std::vector<int>& classes) {
    HeatMap map;
    classifier.run([&] {
      if (!explainer) {
        explainer.emplace(classifier.model(),
                          ExplainOptions{.precision = precision, .threads = options.threads});
      }
      map = explainer->explain(input, classes).classes.front().map;
    });
    return map;
  }

  Answer explain(const Upload& picture, const std::vector<int>& classes) {
    const Model& model = classifier.model();
    try {
      DecodeOptions decode = decode_options_for(model.preprocessing);
      if (decode.minimum_width > 0) {  // 0: the kernel needs the full size
        decode.minimum_width = std::max(decode.minimum_width, kOverlaySide);
        decode.minimum_height = std::max(decode.minimum_height, kOverlaySide);
      }
      Image photo = classifier.decode(bytes_of(picture), decode);
      const Tensor input = preprocess(photo, model.preprocessing).reshaped(classifier.rows_shape(1));
      const HeatMap map = evidence(input, classes);
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

  std::string name;
  ServiceOptions options;
  Precision precision;
  LoadedClassifier classifier;
  std::optional<RepeatedExplainer> explainer;  // of the classifier's model and computing thread
};

Service::Service(Model model, std::string name, const ServiceOptions& options)
    : impl_(std::make_unique<Impl>(std::move(model), std::move(name), options)) {}

Service::~Service() = default;

Answer Service::predict(const std::vector<Upload>& pictures) {
  if (pictures.empty()) {
    return refusal(400, "[serve] expected a picture; received none; send files as multipart/form-data");
  }
  if (pictures.size() > impl_->options.maximum_pictures) {
    return refusal(413, fmt::format("[serve] expected at most {} pictures; received more; send fewer at once",
                                    impl_->options.maximum_pictures));
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
    Tensor rows(impl_->classifier.rows_shape(static_cast<std::int64_t>(read.size())));
    float* row = rows.data();
    for (const std::size_t i : read) {
      row = std::copy_n(inputs[i].data(), inputs[i].size(), row);
    }
    const ClassTable table = impl_->classifier.classes_of(rows);
    const auto columns = static_cast<std::size_t>(table.probabilities.shape()[1]);
    for (std::size_t r = 0; r < read.size(); ++r) {
      predictions[read[r]].classes =
          listed_classes(impl_->classifier.model().graph,
                         table.probabilities.values().subspan(r * columns, columns), impl_->options.top);
      if (!table.strangeness.empty()) {
        predictions[read[r]].strangeness = table.strangeness[r];
      }
    }
  }
  return {.status = read.empty() ? 422 : 200,
          .body = predictions_json(impl_->classifier.model(), impl_->name, predictions) + "\n"};
}

Answer Service::explain(const Upload& picture, const std::string& class_name) {
  if (class_name.empty()) {
    return impl_->explain(picture, {});
  }
  try {
    return impl_->explain(picture, {find_class(impl_->classifier.model(), class_name)});
  } catch (const Error& error) {
    return refusal(400, error.what());
  }
}

Answer Service::explain(const Upload& picture, int class_index) {
  const auto classes = static_cast<int>(class_labels(impl_->classifier.model()).size());
  if (class_index < 0 || class_index >= classes) {
    return refusal(400, fmt::format("expected an index from 0 to {}; received {}", classes - 1, class_index));
  }
  return impl_->explain(picture, {class_index});
}

Answer Service::description() const {
  const Model& model = impl_->classifier.model();
  const auto labels = class_labels(model);
  Json classes = Json::array();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    classes.push_back(
        {{"index", i}, {"id", i < model.class_ids.size() ? model.class_ids[i] : ""}, {"name", labels[i]}});
  }
  const Shape& input = model.graph.input_shape();
  return json_answer(200, {{"model", impl_->name},
                           {"network", network_name(model)},
                           {"input_size", {input[0], input[1]}},
                           {"classes", classes},
                           {"parameters", parameter_count(model)},
                           {"precision", to_string(impl_->precision)},
                           {"top", impl_->options.top},
                           {"maximum_pictures", impl_->options.maximum_pictures}});
}

Answer Service::page() { return {.type = "text/html; charset=utf-8", .body = std::string(serve_page())}; }

}  // namespace headstart
