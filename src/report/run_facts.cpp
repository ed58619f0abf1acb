#include "report/run_facts.h"

#include <array>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "headstart/optimizer.h"
#include "headstart/summary.h"
#include "headstart/text.h"
#include "headstart/zoo.h"
#include "image/resize_sentence.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

std::string shell_quoted(const std::string& text) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=+@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) {
    return text;
  }
  std::string quoted;
  for (const char c : text) {
    quoted += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return fmt::format("'{}'", quoted);
}

std::string optimizer_text(const StageOptions& stage) {
  const OptimizerOptions optimizer = resolve(stage.optimizer);
  std::string text =
      fmt::format("{}, learning rate {:g}", to_string(optimizer.kind), optimizer.learning_rate);
  if (optimizer.weight_decay > 0.0) {
    text += fmt::format(", weight decay {:g}", optimizer.weight_decay);
  }
  return fmt::format("{}, schedule {}", text, to_string(resolve(stage.schedule, stage.optimizer.kind)));
}

// What is not there by default.
std::string extras_text(const TrainOptions& train) {
  std::vector<std::string> extras;
  const auto add = [&](const char* name, double value) {
    if (value != 0.0) {
      extras.push_back(fmt::format("{} {:g}", name, value));
    }
  };
  add("label smoothing", train.label_smoothing);
  add("mixup", train.mixup);
  add("cutmix", train.cutmix);
  add("moving average of the parameters", train.average_decay);
  if (train.balanced_class_weights) {
    extras.emplace_back("classes weighted by their number of photos");
  }
  if (train.balanced_sampling) {
    extras.emplace_back("every class drawn as often as the others");
  }
  add("logits adjusted by", train.logit_adjustment);
  return fmt::format("{}", fmt::join(extras, ", "));
}

// "ImageNet, as Keras publishes them (FILE)", the file's name, or that there are none.
std::string weights_of(const RunConfig& config, const Model& model) {
  const std::string weights = value_of(model.provenance, "weights", "none");
  if (weights == "none") {
    return "none: it began with random values";
  }
  const std::string file = fs::path(weights).filename().string();
  const bool published = is_zoo_name(value_of(config.train.command, "base", "")) &&
                         value_of(config.train.command, "weights", "imagenet") == "imagenet";
  const bool torch = value_of(model.provenance, "flavour", "keras") == "torch";
  return published ? fmt::format("ImageNet, as {} publishes them ({})", torch ? "torchvision" : "Keras", file)
                   : file;
}

std::string arithmetic(const Preprocessing& p) {
  const auto first = [](const std::array<float, 3>& values, int channels) {
    return fmt::format("{:.6g}", fmt::join(values.begin(), values.begin() + channels, ", "));
  };
  return fmt::format("Then (value * {:.6g} - mean) / std for {}, with mean {} and std {}.", p.scale,
                     p.channels == 1 ? "the luma"
                     : p.bgr         ? "B, G, R"
                                     : "R, G, B",
                     first(p.mean, p.channels), first(p.std, p.channels));
}

void add_photo_counts(const DatasetSplits& splits, RunReport& report) {
  auto& photos = report.subject.photos;
  photos.reserve(splits.train.class_names.size());
  for (const auto& name : splits.train.class_names) {
    photos.push_back({.name = name});
  }
  const auto count = [&](const Dataset& part, std::int64_t PhotoCount::*number) {
    for (const Sample& sample : part.samples) {
      for (const int one : classes_of(part, sample)) {
        ++(photos.at(static_cast<std::size_t>(one)).*number);
      }
    }
  };
  count(splits.train, &PhotoCount::train);
  count(splits.validation.value_or(Dataset{}), &PhotoCount::validation);
  count(splits.test.value_or(Dataset{}), &PhotoCount::test);
}

}  // namespace

std::string value_of(const std::map<std::string, std::string>& values, const std::string& key,
                     const std::string& otherwise) {
  const auto found = values.find(key);
  return found == values.end() ? otherwise : found->second;
}

std::string command_line(const RunConfig& config, const std::string& run) {
  std::string line = "headstart " + config.subcommand;
  if (config.adds_classes()) {
    line += fmt::format(" {}", shell_quoted(value_of(config.train.command, "model", "MODEL")));
  }
  line += fmt::format(" {}", shell_quoted(value_of(config.train.command, "data", "DATA")));
  for (const auto& [key, value] : config.train.command) {
    if (key != "data" && key != "model") {
      line += value == "true" ? " --" + key : fmt::format(" --{} {}", key, shell_quoted(value));
    }
  }
  return fmt::format("{} --out NEW\n# or\nheadstart {} --config {} --out NEW", line, config.subcommand,
                     shell_quoted((fs::path(run) / "config.json").string()));
}

std::string last_name(const std::string& path) {
  const fs::path normal = fs::path(path).lexically_normal();
  return (normal.has_filename() ? normal : normal.parent_path()).filename().string();
}

std::string base_of(const RunConfig& config, const Model& model) {
  return value_of(config.train.command, "base", value_of(model.provenance, "architecture", "a network"));
}

void add_run(const RunConfig& config, const Model& model, RunReport& report) {
  const auto& history = report.curves.history;
  const auto& shape = model.graph.input_shape();
  report.facts = {{"data", value_of(config.train.command, "data", "tensors in memory")},
                  {"classes", fmt::format("{}", fmt::join(model.class_names, ", "))},
                  {"base", base_of(config, model)},
                  {"weights", weights_of(config, model)},
                  {"head", value_of(model.provenance, "head", "its own")},
                  {"input", fmt::format("{} pixels, preprocessing \"{}\"", fmt::join(shape, " x "),
                                        model.preprocessing.mode)},
                  {"epochs", fmt::format("{}, the best was {} (val_accuracy {}, val_loss {})", history.size(),
                                         value_of(model.provenance, "best_epoch", "?"),
                                         value_of(model.provenance, "val_accuracy", "?"),
                                         value_of(model.provenance, "val_loss", "?"))},
                  {"optimizer", optimizer_text(config.train.head)},
                  {"batch size", std::to_string(config.train.batch_size)},
                  {"augmentation", config.train.augmentation == Augmentation{}
                                       ? "none"
                                       : value_of(config.train.command, "augment", "single options")},
                  {"seed", std::to_string(config.train.seed)}};
  if (const TrainOptions& train = config.train; !train.fine_tune_from.empty()) {
    report.facts.push_back(
        {"fine-tuned", fmt::format("from {} on: {}", train.fine_tune_from, optimizer_text(train.fine_tune))});
  }
  if (const auto extras = extras_text(config.train); !extras.empty()) {
    report.facts.push_back({"also", extras});
  }
  report.subject = {
      .classes = model.class_names,
      .network = value_of(model.provenance, "architecture", model.graph.name()),
      .preprocessing = resize_sentence(model.preprocessing) + " " + arithmetic(model.preprocessing),
      .pretrained = value_of(model.provenance, "weights", "none") != "none"};
  if (model.acceptance) {
    report.subject.accepted_share = model.acceptance->share;
  }
  if (config.adds_classes()) {
    report.facts.insert(
        report.facts.begin() + 2,
        {"classes added", fmt::format("{}, to {}", value_of(model.provenance, "classes_added", "?"),
                                      value_of(config.train.command, "model", "a model in memory"))});
  }
}

void add_data_facts(const DatasetSplits& splits, RunReport& report) {
  const auto size = [](const std::optional<Dataset>& part) {
    return with_thousands(static_cast<long long>(part ? part->samples.size() : 0));
  };
  report.facts.insert(
      report.facts.begin() + 1,
      {"images", fmt::format("{} for training, {} for validation, {} for testing", size(splits.train),
                             size(splits.validation), size(splits.test))});
  add_photo_counts(splits, report);
}

void add_frozen(const RunConfig& config, const Model& model, const std::vector<FrozenReport>& stages,
                RunReport& report) {
  const Summary summary = summarize(model.graph);
  report.frozen = {{"parameters", with_thousands(summary.parameters)}};
  if (config.adds_classes()) {
    report.frozen.push_back({"trained", "the outputs of the added classes alone"});
    return;
  }
  report.frozen.push_back({"trained in the last stage", with_thousands(summary.trainable_parameters)});
  report.frozen.push_back({"not trained in it", with_thousands(summary.non_trainable_parameters)});
  for (const auto& stage : stages) {
    report.frozen.push_back(
        {"frozen in stage " + stage.stage,
         fmt::format("{} parameters stood still, hash {} ({:.12}...)", with_thousands(stage.parameters),
                     stage.sha256_before == stage.sha256_after ? "unchanged" : "changed",
                     stage.sha256_after)});
  }
}

void add_seconds(const std::optional<SecondsByPhase>& seconds, RunReport& report) {
  const auto text = [](double value) { return fmt::format("{:.1f} s", value); };
  if (seconds) {
    report.seconds = {{"features of the frozen part", text(seconds->features)},
                      {"training steps", text(seconds->training)},
                      {"validation", text(seconds->validation)},
                      {"saving", text(seconds->saving)}};
  }
  double sum = 0;
  for (const auto& record : report.curves.history) {
    sum += record.seconds;
  }
  report.seconds.push_back({"all epochs", text(sum)});
}

}  // namespace headstart
