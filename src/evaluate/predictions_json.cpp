// Predictions as the JSON document that users and scripts rely on.
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "headstart/predict.h"

namespace headstart {
namespace {

using Json = nlohmann::ordered_json;

// The shortest decimal number that is this float again.
Json number(float value) {
  return std::isfinite(value) ? Json(std::stod(fmt::format("{}", value))) : Json(nullptr);
}

Json classes_json(const Model& model, const std::vector<std::string>& labels,
                  const std::vector<RankedClass>& ranking) {
  Json classes = Json::array();
  for (const auto& ranked : ranking) {
    const auto i = static_cast<std::size_t>(ranked.index);
    classes.push_back({{"index", ranked.index},
                       {"id", i < model.class_ids.size() ? model.class_ids[i] : ""},
                       {"name", labels.at(i)},
                       {"probability", number(ranked.probability)}});
  }
  return classes;
}

std::vector<std::string> present_names(const std::vector<std::string>& labels,
                                       const std::vector<RankedClass>& ranking) {
  std::vector<std::string> names;
  for (const auto& ranked : ranking) {
    if (ranked.probability > kPresent) {
      names.push_back(labels.at(static_cast<std::size_t>(ranked.index)));
    }
  }
  return names;
}

}  // namespace

std::string predictions_json(const Model& model, const std::string& name,
                             const std::vector<ImagePrediction>& predictions) {
  const auto labels = class_labels(model);
  Json list = Json::array();
  for (const auto& prediction : predictions) {
    if (prediction.error.empty()) {
      list.push_back(
          {{"image", prediction.path}, {"classes", classes_json(model, labels, prediction.classes)}});
      if (has_independent_classes(model.graph)) {
        list.back()["labels"] = present_names(labels, prediction.classes);
      }
      if (prediction.strangeness) {
        list.back()["unknown"] = is_unknown(*prediction.strangeness);
        list.back()["strangeness"] = number(*prediction.strangeness);
      }
    } else {
      list.push_back({{"image", prediction.path}, {"error", prediction.error}});
    }
  }
  // Bytes that are not UTF-8 (in names of files) are replaced.
  return Json{{"model", name}, {"predictions", list}}.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace headstart
