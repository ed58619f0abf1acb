#include "train/known_photos.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "headstart/acceptance.h"
#include "train/stage_source.h"

namespace headstart {
namespace {

constexpr std::size_t kMostImages = 4096;  // of a split; the covariance does not change with more

// A row of features, the label and the most probable class of each image that could be read.
struct Seen {
  Tensor features;
  std::vector<int> labels, predicted;
};

int predicted_class(const float* logits, std::int64_t units) {
  return units == 1 ? static_cast<int>(logits[0] > 0.0F)
                    : static_cast<int>(std::max_element(logits, logits + units) - logits);
}

// The network from the boundary on, in evaluation mode: values of the source of the features, and logits.
class HeadProgram {
 public:
  HeadProgram(const Model& model, const Partition& cut, const FeatureSource& source, int batch)
      : source_(source),
        units_(element_count(model.graph.output_shape())),
        size_(element_count(model.graph.node(source.node).shape)),
        values_({batch, size_}),
        logits_({batch, units_}),
        place_(static_cast<std::size_t>(std::find(cut.boundary.begin(), cut.boundary.end(), source.node) -
                                        cut.boundary.begin())),
        on_boundary_(place_ < cut.boundary.size()),
        program_(model.graph, model.parameters,
                 on_boundary_ ? std::vector<NodeId>{model.graph.output()}
                              : std::vector<NodeId>{model.graph.output(), source.node},
                 {.batch = batch, .logits = true, .sources = cut.boundary}) {}

  void append(const BoundaryBatch& batch, std::vector<float>& features, Seen& seen) {
    std::vector<float*> outputs{logits_.data()};
    if (!on_boundary_) {
      outputs.push_back(values_.data());
    }
    program_.run(batch.tensors, outputs);
    const auto rows = static_cast<std::int64_t>(batch.labels.size());
    const float* values = on_boundary_ ? batch.tensors[place_] : values_.data();
    const Tensor unit =
        unit_features({values, static_cast<std::size_t>(rows * size_)}, rows, source_.channels);
    features.insert(features.end(), unit.values().begin(), unit.values().end());
    seen.labels.insert(seen.labels.end(), batch.labels.begin(), batch.labels.end());
    for (std::int64_t row = 0; row < rows; ++row) {
      seen.predicted.push_back(predicted_class(logits_.data() + row * units_, units_));
    }
  }

 private:
  FeatureSource source_;
  std::int64_t units_, size_;
  Tensor values_, logits_;
  std::size_t place_;  // of the source of the features on the boundary
  bool on_boundary_;
  FrozenProgram program_;
};

Seen look_at(HeadProgram& program, BoundarySource& source, std::int64_t channels, Progress& progress) {
  const std::size_t all = source.labels().size();
  std::vector<LoaderItem> items(std::min(all, kMostImages));
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].sample = static_cast<int>(i * all / items.size());
  }
  progress.begin("known photos", static_cast<std::int64_t>(items.size()));
  source.begin(std::move(items));
  Seen seen;
  std::vector<float> features;
  while (const BoundaryBatch* batch = source.next()) {
    program.append(*batch, features, seen);
    progress.advance(static_cast<std::int64_t>(seen.labels.size()));
    if (stop_requested()) {
      break;
    }
  }
  progress.end();
  seen.features = Tensor({static_cast<std::int64_t>(seen.labels.size()), channels}, features);
  return seen;
}

// Why there will be none, or empty.
std::string obstacle(const Session& session, const Partition& cut,
                     const std::optional<FeatureSource>& source) {
  const Graph& graph = session.model.graph;
  if (graph.output_shape().size() != 1 || !source) {
    return "the network does not end in one layer with weights that reads features";
  }
  if (session.loss == Loss::binary_crossentropy && graph.output_shape()[0] > 1) {
    return "several independent sigmoids say \"none of these\" themselves";
  }
  const bool on_boundary =
      std::find(cut.boundary.begin(), cut.boundary.end(), source->node) != cut.boundary.end();
  if (cut.frozen.at(static_cast<std::size_t>(source->node)) && !on_boundary) {
    return "the layer before the last is frozen together with the last";
  }
  return "";
}

}  // namespace

bool fit_known_photos(Session& session, BatchNormMode batch_norm) {
  Model& model = session.model;
  const Partition cut = partition(model.graph, batch_norm);
  const auto source = feature_source(model.graph);
  const auto leave = [&](const std::string& why) {
    session.observer.message("no photo will be called unknown: " + why);
    return true;
  };
  if (const auto why = obstacle(session, cut, source); !why.empty()) {
    return leave(why);
  }
  // Views that are in the cache serve as well; new ones would be no closer to the photos to come.
  const bool frozen_part = cut.boundary != std::vector<NodeId>{0};
  const TrainOptions& options = session.options;
  const bool views = options.cache == CacheMode::automatic && frozen_part && options.cached_views > 0;
  const auto training = make_stage_source(session, session.train_split, cut,
                                          {.purpose = "features of the training images",
                                           .augmentation = views ? options.augmentation : Augmentation{},
                                           .views = views ? options.cached_views : 1,
                                           .has_frozen = frozen_part});
  const auto validation =
      make_stage_source(session, session.validation_split, cut,
                        {.purpose = "features of the validation images", .has_frozen = frozen_part});
  HeadProgram program(model, cut, *source, session.options.batch_size);
  const Seen known = look_at(program, *training, source->channels, session.observer.progress());
  const Seen held_out = look_at(program, *validation, source->channels, session.observer.progress());
  if (stop_requested()) {
    return false;
  }
  if (known.labels.size() < 2 || held_out.labels.size() < static_cast<std::size_t>(kFewestForLimits)) {
    return leave(
        fmt::format("{} validation images are too few to say what is too far from the known, {} are needed",
                    held_out.labels.size(), kFewestForLimits));
  }
  if (!is_finite(known.features) || !is_finite(held_out.features)) {
    return leave("there are features that are no finite numbers");
  }
  const auto classes = std::max<std::int64_t>(2, model.graph.output_shape()[0]);
  Acceptance acceptance = fit_acceptance(known.features, known.labels, static_cast<int>(classes));
  acceptance.node = model.graph.node(source->node).name;
  const auto far = distances(acceptance, held_out.features);
  fit_limits(acceptance, far, held_out.predicted, session.options.accepted_share);
  const auto strange = strangeness(acceptance, far, held_out.predicted);
  const auto accepted =
      static_cast<std::ptrdiff_t>(strange.size()) - std::count_if(strange.begin(), strange.end(), is_unknown);
  session.observer.message(fmt::format(
      "unknown photos: told by their distance from the training photos; {} of {} validation photos "
      "are accepted",
      accepted, strange.size()));
  model.acceptance = std::move(acceptance);
  if (strange.size() == validation->labels().size()) {
    session.result.validation_strangeness = strange;
  }
  return true;
}

}  // namespace headstart
