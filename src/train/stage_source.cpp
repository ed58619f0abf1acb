#include "train/stage_source.h"

#include <optional>
#include <utility>
#include <vector>

#include "train/features.h"

namespace headstart {

std::unique_ptr<BoundarySource> make_stage_source(Session& session, const Split& split, const Partition& cut,
                                                  const StageSourceOptions& options) {
  const TrainOptions& training = session.options;
  const Graph& graph = session.model.graph;
  const Parameters& parameters = session.model.parameters;
  const bool augmented = options.augmentation != Augmentation{};
  const BoundaryTableOptions features{
      .boundary = cut.boundary,
      .precision = options.has_frozen ? resolve(training.precision) : Precision::f32,
      .ranges = &session.model.ranges,
      .preprocessing = session.model.preprocessing,
      .threads = training.threads,
      .strict = training.strict,
      .augmentation = options.augmentation,
      .seed = training.seed,
      .views = augmented ? options.views : 1,
      .purpose = options.purpose};
  if (split.memory != nullptr) {
    return make_table_source(
        features_in_memory(*split.memory, graph, parameters, features, session.observer.progress()),
        training.batch_size);
  }
  if (training.cache == CacheMode::automatic && !(augmented && options.views == 0)) {
    auto table = cached_features(*split.files, graph, parameters, features, session.observer.progress());
    if (table) {
      note_unreadable(table->unreadable, session.result.unreadable);
      return make_table_source(std::move(*table), training.batch_size, split.files);
    }
    session.observer.message(
        "the features do not fit into the cache's limit: the frozen part is run at every step");
  }
  return make_live_source(*split.files, graph, parameters,
                          {.loader = {.preprocessing = features.preprocessing,
                                      .workers = training.threads,
                                      .strict = training.strict,
                                      .augment = augment_function(options.augmentation, training.seed)},
                           .program = {.boundary = cut.boundary,
                                       .batch = training.batch_size,
                                       .precision = features.precision,
                                       .ranges = features.ranges}},
                          session.result.unreadable);
}

}  // namespace headstart
