// TrainOptions as JSON, both ways, from one list of fields.
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "headstart/error.h"
#include "headstart/text.h"
#include "headstart/train.h"
#include "train/augmentation_json.h"

namespace headstart {
namespace {

using nlohmann::json;

constexpr const char* kTrainingMode = "training";
constexpr const char* kFrozenMode = "frozen";

json optimizer_json(const OptimizerOptions& o) {
  return {{"kind", to_string(o.kind)},
          {"learning_rate", o.learning_rate},
          {"momentum", o.momentum},
          {"nesterov", o.nesterov},
          {"rho", o.rho},
          {"beta_1", o.beta_1},
          {"beta_2", o.beta_2},
          {"epsilon", o.epsilon},
          {"decay", o.decay},
          {"weight_decay", o.weight_decay},
          {"clip_norm", o.clip_norm}};
}

OptimizerOptions optimizer_of(const json& j) {
  return {.kind = optimizer_from(j.at("kind").get<std::string>()),
          .learning_rate = j.at("learning_rate").get<double>(),
          .momentum = j.at("momentum").get<double>(),
          .nesterov = j.at("nesterov").get<bool>(),
          .rho = j.at("rho").get<double>(),
          .beta_1 = j.at("beta_1").get<double>(),
          .beta_2 = j.at("beta_2").get<double>(),
          .epsilon = j.at("epsilon").get<double>(),
          .decay = j.at("decay").get<double>(),
          .weight_decay = j.at("weight_decay").get<double>(),
          .clip_norm = j.at("clip_norm").get<double>()};
}

json stage_json(const StageOptions& stage) {
  return {{"epochs", stage.epochs},
          {"optimizer", optimizer_json(stage.optimizer)},
          {"schedule", to_string(stage.schedule)},
          {"batch_norm", stage.batch_norm == BatchNormMode::training ? kTrainingMode : kFrozenMode},
          {"head_learning_rate", stage.head_learning_rate},
          {"layer_decay", stage.layer_decay}};
}

StageOptions stage_of(const json& j) {
  const auto mode = j.at("batch_norm").get<std::string>();
  if (mode != kTrainingMode && mode != kFrozenMode) {
    throw Error(
        fmt::format("[config] batch_norm is {} or {}; received {}", kTrainingMode, kFrozenMode, mode));
  }
  return {.epochs = j.at("epochs").get<int>(),
          .optimizer = optimizer_of(j.at("optimizer")),
          .schedule = schedule_from(j.at("schedule").get<std::string>()),
          .batch_norm = mode == kTrainingMode ? BatchNormMode::training : BatchNormMode::frozen,
          .head_learning_rate = j.at("head_learning_rate").get<double>(),
          .layer_decay = j.at("layer_decay").get<double>()};
}

json to_json_value(const TrainOptions& options) {
  return {{"head", stage_json(options.head)},
          {"fine_tune_from", options.fine_tune_from},
          {"fine_tune", stage_json(options.fine_tune)},
          {"loss", options.loss ? to_string(*options.loss) : ""},
          {"batch_size", options.batch_size},
          {"accumulate", options.accumulate},
          {"steps_per_epoch", options.steps_per_epoch},
          {"validation_steps", options.validation_steps},
          {"seed", options.seed},
          {"precision", to_string(options.precision)},
          {"cache", options.cache == CacheMode::automatic ? "auto" : "off"},
          {"augmentation", json::parse(augmentation_to_json(options.augmentation))},
          {"cached_views", options.cached_views},
          {"label_smoothing", options.label_smoothing},
          {"mixup", options.mixup},
          {"cutmix", options.cutmix},
          {"monitor", options.monitor == Monitor::val_accuracy ? "val_accuracy" : "val_loss"},
          {"patience", options.patience},
          {"average_decay", options.average_decay},
          {"balanced_class_weights", options.balanced_class_weights},
          {"class_weights", options.class_weights},
          {"balanced_sampling", options.balanced_sampling},
          {"logit_adjustment", options.logit_adjustment},
          {"validation_fraction", options.validation_fraction},
          {"accepted_share", options.accepted_share},
          {"strict", options.strict}};
}

bool is_one_of(const json& j, const char* key, const char* yes, const char* no) {
  const auto word = j.at(key).get<std::string>();
  if (word != yes && word != no) {
    throw Error(fmt::format("[config] {} is {} or {}; received {}", key, yes, no, word));
  }
  return word == yes;
}

// What the library would turn into another value without a word: 2.5 into 2, true into 1, 1e12 into what is
// left of it.
void require_type(const json& given, const json& known, const std::string& key) {
  const bool fits = known.is_number_float()      ? given.is_number()
                    : known.is_number_unsigned() ? given.is_number_unsigned()
                    : known.is_number()          ? given.is_number_integer() && given == given.get<int>()
                                                 : given.type() == known.type();
  if (!fits) {
    throw Error(fmt::format("[config] expected for \"{}\" something like {}; received {}", key, known.dump(),
                            given.dump()));
  }
}

void refuse_unfit(const json& given, const json& known, const std::string& where) {
  std::vector<std::string> names;
  for (const auto& [key, value] : known.items()) {
    names.push_back(key);
  }
  for (const auto& [key, value] : given.items()) {
    if (!known.contains(key)) {
      throw Error(fmt::format("[config] {} has no \"{}\"{}", where, key, did_you_mean(key, names)));
    }
    require_type(value, known.at(key), key);
    if (value.is_object()) {
      refuse_unfit(value, known.at(key), key);
    }
  }
}

}  // namespace

std::string to_json(const TrainOptions& options) { return to_json_value(options).dump(2); }

TrainOptions train_options_from_json(const std::string& text) {
  try {
    // What is left out keeps its default.
    json j = to_json_value({});
    const json given = json::parse(text);
    refuse_unfit(given, j, "the training options");
    j.merge_patch(given);
    TrainOptions options;
    options.head = stage_of(j.at("head"));
    options.fine_tune_from = j.at("fine_tune_from").get<std::string>();
    options.fine_tune = stage_of(j.at("fine_tune"));
    if (const auto loss = j.at("loss").get<std::string>(); !loss.empty()) {
      options.loss = loss_from(loss);
    }
    options.batch_size = j.at("batch_size").get<int>();
    options.accumulate = j.at("accumulate").get<int>();
    options.steps_per_epoch = j.at("steps_per_epoch").get<int>();
    options.validation_steps = j.at("validation_steps").get<int>();
    options.seed = j.at("seed").get<std::uint64_t>();
    options.precision = precision_from(j.at("precision").get<std::string>());
    options.cache = is_one_of(j, "cache", "auto", "off") ? CacheMode::automatic : CacheMode::off;
    options.monitor =
        is_one_of(j, "monitor", "val_accuracy", "val_loss") ? Monitor::val_accuracy : Monitor::val_loss;
    options.augmentation = augmentation_from_json(j.at("augmentation").dump());
    options.cached_views = j.at("cached_views").get<int>();
    options.label_smoothing = j.at("label_smoothing").get<double>();
    options.mixup = j.at("mixup").get<double>();
    options.cutmix = j.at("cutmix").get<double>();
    options.patience = j.at("patience").get<int>();
    options.average_decay = j.at("average_decay").get<double>();
    options.balanced_class_weights = j.at("balanced_class_weights").get<bool>();
    options.class_weights = j.at("class_weights").get<std::vector<float>>();
    options.balanced_sampling = j.at("balanced_sampling").get<bool>();
    options.logit_adjustment = j.at("logit_adjustment").get<double>();
    options.validation_fraction = j.at("validation_fraction").get<double>();
    options.accepted_share = j.at("accepted_share").get<double>();
    options.strict = j.at("strict").get<bool>();
    return options;
  } catch (const json::exception& error) {
    throw Error(
        fmt::format("[config] expected training options as JSON; received something else: {}", error.what()));
  }
}

}  // namespace headstart
