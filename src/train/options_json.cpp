// TrainOptions and Augmentation as JSON, both ways, from one list of fields.
#include "train/options_json.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "headstart/error.h"
#include "headstart/text.h"
#include "headstart/train.h"

namespace headstart {
namespace {

using nlohmann::json;

void visit_fields(auto& archive, OptimizerOptions& o) {
  archive("kind", o.kind);
  archive("learning_rate", o.learning_rate);
  archive("momentum", o.momentum);
  archive("nesterov", o.nesterov);
  archive("rho", o.rho);
  archive("beta_1", o.beta_1);
  archive("beta_2", o.beta_2);
  archive("epsilon", o.epsilon);
  archive("decay", o.decay);
  archive("weight_decay", o.weight_decay);
  archive("clip_norm", o.clip_norm);
}

void visit_fields(auto& archive, StageOptions& s) {
  archive("epochs", s.epochs);
  archive("optimizer", s.optimizer);
  archive("schedule", s.schedule);
  archive("batch_norm", s.batch_norm);
  archive("head_learning_rate", s.head_learning_rate);
  archive("layer_decay", s.layer_decay);
}

void visit_fields(auto& archive, Augmentation& a) {
  archive("rotation", a.rotation);
  archive("width_shift", a.width_shift);
  archive("height_shift", a.height_shift);
  archive("shear", a.shear);
  archive("zoom", a.zoom);
  archive("fill_mode", a.fill_mode);
  archive("fill_value", a.fill_value);
  archive("channel_shift", a.channel_shift);
  archive("brightness", a.brightness);
  archive("horizontal_flip", a.horizontal_flip);
  archive("vertical_flip", a.vertical_flip);
  archive("crop_area", a.crop_area);
  archive("crop_aspect", a.crop_aspect);
  archive("scale", a.scale);
  archive("skew", a.skew);
  archive("contrast", a.contrast);
  archive("saturation", a.saturation);
  archive("hue", a.hue);
  archive("tint", a.tint);
  archive("blur", a.blur);
  archive("erase", a.erase);
  archive("policy", a.policy);
  archive("rand_operations", a.rand_operations);
  archive("rand_magnitude", a.rand_magnitude);
}

void visit_fields(auto& archive, TrainOptions& t) {
  archive("head", t.head);
  archive("fine_tune_from", t.fine_tune_from);
  archive("fine_tune", t.fine_tune);
  archive("loss", t.loss);
  archive("batch_size", t.batch_size);
  archive("accumulate", t.accumulate);
  archive("steps_per_epoch", t.steps_per_epoch);
  archive("validation_steps", t.validation_steps);
  archive("seed", t.seed);
  archive("precision", t.precision);
  archive("cache", t.cache);
  archive("augmentation", t.augmentation);
  archive("cached_views", t.cached_views);
  archive("label_smoothing", t.label_smoothing);
  archive("mixup", t.mixup);
  archive("cutmix", t.cutmix);
  archive("monitor", t.monitor);
  archive("patience", t.patience);
  archive("average_decay", t.average_decay);
  archive("balanced_class_weights", t.balanced_class_weights);
  archive("class_weights", t.class_weights);
  archive("balanced_sampling", t.balanced_sampling);
  archive("logit_adjustment", t.logit_adjustment);
  archive("validation_fraction", t.validation_fraction);
  archive("accepted_share", t.accepted_share);
  archive("strict", t.strict);
}

// By value.
std::vector<std::string> words_of(AugmentPolicy) { return {"none", "rand-augment", "trivial-augment"}; }
std::vector<std::string> words_of(BatchNormMode) { return {"frozen", "training"}; }
std::vector<std::string> words_of(CacheMode) { return {"auto", "off"}; }
std::vector<std::string> words_of(Monitor) { return {"val_accuracy", "val_loss"}; }

template <typename Field>
concept HasWords = requires(Field field) {
  words_of(field);
};
template <typename Field>
concept HasFields = requires(json& archive, Field& field) {
  visit_fields(archive, field);
};

json json_of(const std::optional<Loss>& loss) { return loss ? to_string(*loss) : ""; }
json json_of(const AugmentRange& range) { return {range.low, range.high}; }
template <typename Field>
json json_of(const Field& field);

struct FieldWriter {
  json object = json::object();
  void operator()(const char* key, const auto& field) { object[key] = json_of(field); }
};

template <typename Field>
json json_of(const Field& field) {
  if constexpr (HasFields<Field>) {
    Field copy = field;
    FieldWriter writer;
    visit_fields(writer, copy);
    return writer.object;
  } else if constexpr (HasWords<Field>) {
    return words_of(field).at(static_cast<std::size_t>(field));
  } else if constexpr (requires { to_string(field); }) {
    return to_string(field);
  } else {
    return field;
  }
}

void parse_field(const std::string& text, OptimizerKind& kind) { kind = optimizer_from(text); }
void parse_field(const std::string& text, Schedule& schedule) { schedule = schedule_from(text); }
void parse_field(const std::string& text, Precision& precision) { precision = precision_from(text); }
void parse_field(const std::string& text, FillMode& mode) { mode = fill_mode_from(text); }
void parse_field(const std::string& text, std::optional<Loss>& loss) {
  loss = text.empty() ? std::nullopt : std::optional(loss_from(text));
}

void read_field(const char*, const json& value, AugmentRange& range) {
  range = {value.at(0).get<float>(), value.at(1).get<float>()};
}
template <typename Field>
void read_field(const char* key, const json& value, Field& field);

// What the library would turn into another value without a word: 2.5 into 2, true into 1, 1e12 into what is
// left of it.
void require_type(const json& given, const json& known, const char* key) {
  const bool fits = known.is_number_float()      ? given.is_number()
                    : known.is_number_unsigned() ? given.is_number_unsigned()
                    : known.is_number()          ? given.is_number_integer() && given == given.get<int>()
                                                 : given.type() == known.type();
  if (!fits) {
    throw Error(fmt::format("[config] expected for \"{}\" something like {}; received {}", key, known.dump(),
                            given.dump()));
  }
}

// Takes what is there out of the object, so that what remains is unknown; what is left out keeps its default.
struct FieldReader {
  json object;
  std::vector<std::string> known{};
  void operator()(const char* key, auto& field) {
    known.emplace_back(key);
    if (object.contains(key)) {
      require_type(object.at(key), json_of(field), key);
      read_field(key, object.at(key), field);
      object.erase(key);
    }
  }
};

template <typename Field>
void read_field(const char* key, const json& value, Field& field) {
  if constexpr (HasFields<Field>) {
    if (!value.is_object()) {
      throw Error(fmt::format("[config] expected {} as a JSON object; received another value", key));
    }
    FieldReader reader{.object = value};
    visit_fields(reader, field);
    if (!reader.object.empty()) {
      const std::string unknown = reader.object.begin().key();
      throw Error(
          fmt::format("[config] {} has no \"{}\"{}", key, unknown, did_you_mean(unknown, reader.known)));
    }
  } else if constexpr (HasWords<Field>) {
    const auto word = value.get<std::string>();
    const auto words = words_of(field);
    const auto found = std::find(words.begin(), words.end(), word);
    if (found == words.end()) {
      throw Error(fmt::format("[config] {} is {}; received {}", key, fmt::join(words, " or "), word));
    }
    field = static_cast<Field>(found - words.begin());
  } else if constexpr (requires { parse_field(std::string(), field); }) {
    parse_field(value.get<std::string>(), field);
  } else {
    value.get_to(field);
  }
}

}  // namespace

std::string to_json(const Augmentation& augmentation) { return json_of(augmentation).dump(); }

std::string to_json(const TrainOptions& options) { return json_of(options).dump(2); }

TrainOptions train_options_from_json(const std::string& text) {
  try {
    TrainOptions options;
    read_field("the training options", json::parse(text), options);
    check_augmentation(options.augmentation);
    return options;
  } catch (const json::exception& error) {
    throw Error(
        fmt::format("[config] expected training options as JSON; received something else: {}", error.what()));
  }
}

}  // namespace headstart
