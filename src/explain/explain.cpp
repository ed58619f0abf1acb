// From pictures to maps of evidence: the part of a network below a layer runs as in prediction, batch by
// batch on all cores; the part above it forwards and backwards.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "explain/evidence_program.h"
#include "explain/explained_rows.h"
#include "explain/occlusion.h"
#include "explain/rollout.h"
#include "headstart/error.h"
#include "headstart/explain.h"
#include "headstart/extract.h"
#include "headstart/image.h"
#include "headstart/text.h"
#include "image/picture_file.h"

namespace headstart {
namespace {

constexpr std::size_t kBatch = 8;
// As in predict: finding out which precision is faster takes longer than so many pictures.
constexpr std::size_t kFewPictures = 64;

// Collects what pictures need, and hands out finished explanations.
class Explaining {
 public:
  Explaining(const Model& model, const ExplainOptions& options, std::size_t pictures,
             const ExplanationSink& sink)
      : model_(model), options_(options), sink_(sink), features_(node_for_strangeness(model, options)) {
    if (options.method == ExplainMethod::rollout) {
      outputs_ = attention_inputs(model.graph);
      outputs_.push_back(model.graph.output());
    } else {
      const auto batch = static_cast<int>(std::clamp<std::size_t>(pictures, 1, kBatch));
      program_ = std::make_unique<EvidenceProgram>(model, *layer_of(model, options), batch);
      outputs_ = program_->boundary();
    }
    explained_from_ = outputs_.size();
    place_ = static_cast<std::size_t>(std::find(outputs_.begin(), outputs_.end(), features_.value_or(-1)) -
                                      outputs_.begin());
    if (features_ && place_ == outputs_.size()) {
      outputs_.push_back(*features_);
    }
  }

  // The nodes whose values a picture is added with.
  const std::vector<NodeId>& outputs() const { return outputs_; }

  void add(std::size_t picture, std::span<const float* const> values) {
    if (!program_) {
      return roll_out(picture, values);
    }
    pictures_.push_back(picture);
    auto& row = rows_.emplace_back();
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const auto size = static_cast<std::size_t>(element_count(model_.graph.node(outputs_[i]).shape));
      row.emplace_back(values[i], values[i] + size);
    }
    if (pictures_.size() == static_cast<std::size_t>(program_->batch())) {
      flush();
    }
  }

  void flush() {
    if (pictures_.empty()) {
      return;
    }
    std::vector<std::vector<const float*>> rows;
    for (const auto& row : rows_) {
      auto& pointers = rows.emplace_back();
      for (const auto& values : row) {
        pointers.push_back(values.data());
      }
    }
    auto explanations = explain_rows(model_, *program_, rows, options_);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      finish(pictures_[row], rows[row], std::move(explanations[row]));
    }
    pictures_.clear();
    rows_.clear();
  }

 private:
  void roll_out(std::size_t picture, std::span<const float* const> values) {
    const auto units = model_.graph.output_shape()[0];
    const float* logits = values[explained_from_ - 1];
    const Tensor output({1, units}, std::span(logits, static_cast<std::size_t>(units)));
    Explanation explanation = begun_explanation(class_probabilities(model_, output), 0, options_);
    const HeatMap map = attention_rollout(model_.graph, values.first(explained_from_ - 1));
    for (auto& each : explanation.classes) {
      each.map = map;
    }
    finish(picture, values, std::move(explanation));
  }

  void finish(std::size_t picture, std::span<const float* const> values, Explanation explanation) {
    if (features_) {
      const auto size = element_count(model_.graph.node(*features_).shape);
      add_strangeness(model_, {values[place_], static_cast<std::size_t>(size)}, explanation);
    }
    sink_(picture, std::move(explanation));
  }

  const Model& model_;
  const ExplainOptions& options_;
  const ExplanationSink& sink_;
  std::optional<NodeId> features_;  // that say how strange a picture is
  std::vector<NodeId> outputs_;
  std::size_t explained_from_ = 0;  // the first outputs
  std::size_t place_ = 0;           // of the features among the outputs
  std::unique_ptr<EvidenceProgram> program_;
  std::vector<std::size_t> pictures_;
  std::vector<std::vector<std::vector<float>>> rows_;
};

void check(const Model& model, const ExplainOptions& options) {
  require_classifier(model);
  const auto columns = static_cast<int>(class_labels(model).size());
  for (const int index : options.classes) {
    if (index < 0 || index >= columns) {
      throw Error(fmt::format("[explain] expected a class from 0 to {}; received {}", columns - 1, index));
    }
  }
}

Precision precision_of(const ExplainOptions& options, std::size_t pictures) {
  const bool few = pictures < kFewPictures && options.precision == Precision::automatic;
  return few ? Precision::f32 : options.precision;
}

Tensor first_row(const Tensor& input, std::int64_t row) {
  Shape shape = input.shape();
  const auto size = static_cast<std::size_t>(input.size() / shape[0]);
  shape[0] = 1;
  return {shape, input.values().subspan(static_cast<std::size_t>(row) * size, size)};
}

Explanation occluded(const Model& model, Predictor& predictor, const Tensor& input,
                     const ExplainOptions& options, Progress& progress) {
  const auto outputs = predictor.run(input);
  const Tensor whole = class_probabilities_of_logits(model, outputs.front());
  Explanation explanation = begun_explanation(whole, 0, options);
  if (outputs.size() > 1) {
    add_strangeness(model, outputs[1].values(), explanation);
  }
  std::vector<int> classes;
  classes.reserve(explanation.classes.size());
  for (const auto& each : explanation.classes) {
    classes.push_back(each.ranked.index);
  }
  auto maps = occlusion_maps(model, predictor, input, whole, classes, options.square, progress);
  for (std::size_t i = 0; i < maps.size(); ++i) {
    explanation.classes[i].map = std::move(maps[i]);
  }
  return explanation;
}

// For all pictures: it is compiled once.
Predictor whole_network(const Model& model, const ExplainOptions& options) {
  return Predictor(model, nodes_for_classes(model, {.accept_all = options.accept_all}),
                   precision_of(options, 1), kSquaresAtOnce, true);
}

void occlude_files(const Model& model, const std::vector<std::string>& paths, const ExplainOptions& options,
                   Progress& progress, const ExplanationSink& sink) {
  Predictor predictor = whole_network(model, options);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    throw_if_stopped();
    Explanation explanation;
    try {
      Tensor input =
          preprocess(decode_image(read_picture_file(paths[i]), decode_options_for(model.preprocessing)),
                     model.preprocessing);
      Shape batched = input.shape();
      batched.insert(batched.begin(), 1);
      explanation = occluded(model, predictor, std::move(input).reshaped(batched), options, progress);
    } catch (const Error& error) {
      explanation.error = without_tag(error.what());
    }
    explanation.path = paths[i];
    sink(i, std::move(explanation));
  }
}

}  // namespace

std::optional<NodeId> layer_of(const Model& model, const ExplainOptions& options) {
  if (options.method == ExplainMethod::occlusion || options.method == ExplainMethod::rollout) {
    return std::nullopt;
  }
  return options.layer.empty() ? evidence_layer(model.graph) : model.graph.require(options.layer);
}

void explain_files(const Model& model, const std::vector<std::string>& paths, const ExplainOptions& options,
                   Progress& progress, const ExplanationSink& sink) {
  check(model, options);
  if (options.method == ExplainMethod::occlusion) {
    return occlude_files(model, paths, options, progress, sink);
  }
  const ExplanationSink named = [&](std::size_t picture, Explanation explanation) {
    explanation.path = paths[picture];
    sink(picture, std::move(explanation));
  };
  Explaining explaining(model, options, paths.size(), named);
  Dataset dataset;
  std::vector<LoaderItem> items;
  for (const auto& path : paths) {
    items.push_back({.sample = static_cast<int>(items.size()), .view = 0});
    dataset.samples.push_back({.path = path, .label = -1, .group = ""});
  }
  const ExtractOptions extraction{.outputs = explaining.outputs(),
                                  .preprocessing = model.preprocessing,
                                  .precision = precision_of(options, paths.size()),
                                  .ranges = &model.ranges,
                                  .threads = options.threads};
  progress.begin("explaining", static_cast<std::int64_t>(paths.size()));
  const auto unreadable =
      extract(dataset, items, model.graph, model.parameters, extraction, progress,
              [&](std::size_t item, std::span<const float* const> values) { explaining.add(item, values); });
  explaining.flush();
  progress.end();
  throw_if_stopped();
  for (const auto& each : unreadable) {
    Explanation explanation;
    explanation.error = each.message;
    named(static_cast<std::size_t>(each.sample), std::move(explanation));
  }
}

std::vector<Explanation> explain_tensor(const Model& model, const Tensor& input,
                                        const ExplainOptions& options) {
  check(model, options);
  const auto count = static_cast<std::size_t>(input.shape().at(0));
  std::vector<Explanation> explanations(count);
  if (options.method == ExplainMethod::occlusion) {
    Progress silent;
    Predictor predictor = whole_network(model, options);
    for (std::size_t i = 0; i < count; ++i) {
      explanations[i] =
          occluded(model, predictor, first_row(input, static_cast<std::int64_t>(i)), options, silent);
    }
    return explanations;
  }
  const ExplanationSink keep = [&](std::size_t picture, Explanation explanation) {
    explanations[picture] = std::move(explanation);
  };
  Explaining explaining(model, options, count, keep);
  Predictor below(model, explaining.outputs(), precision_of(options, count), static_cast<int>(kBatch));
  const auto outputs = below.run(input);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<const float*> values;
    values.reserve(outputs.size());
    for (const auto& output : outputs) {
      values.push_back(output.data() + static_cast<std::int64_t>(i) * (output.size() / output.shape()[0]));
    }
    explaining.add(i, values);
  }
  explaining.flush();
  return explanations;
}

}  // namespace headstart
