// Real photos and real pre-trained weights: a few of the cats and dogs are enough for a good classifier.
#include <cstdlib>

#include <gtest/gtest.h>

#include "headstart/head.h"
#include "headstart/train.h"
#include "headstart/weights.h"
#include "headstart/zoo.h"
#include "support/paths.h"
#include "support/temporary_folder.h"
#include "tiny.h"

namespace headstart {
namespace {

Model mobilenet_v2_with_head() {
  const Architecture& architecture = headstart::architecture("mobilenet_v2");
  const Graph base = build_architecture(architecture, {.include_top = false});
  const MappedWeights weights =
      map_weights(base, read_weight_file(test::shared_path(
                            "weights/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5")));
  Model model;
  model.graph = attach_head(base, {.classes = 2});
  freeze_base(model.graph, base.name(), "all");
  model.parameters = initialize(model.graph, 0);
  for (const auto& [name, tensor] : weights.parameters) {
    model.parameters.at(base.name() + "/" + name) = tensor;
  }
  model.preprocessing = default_preprocessing(architecture, base);
  return model;
}

TEST(SharedData, HundredPhotosMakeAGoodClassifier) {
  HEADSTART_NEEDS_SHARED();
  const test::TemporaryFolder folder;
  ::setenv("HEADSTART_CACHE", (folder / "cache").c_str(), 1);
  DatasetSplits data = read_dataset(test::shared_path("data/cats_vs_dogs"));
  data.train = test::thinned(data.train, 20);
  data.validation = test::thinned(*data.validation, 20);
  TrainObserver silent;
  const TrainResult result = train(mobilenet_v2_with_head(), data, {}, silent);
  ::unsetenv("HEADSTART_CACHE");
  const EpochRecord& best = result.history.at(static_cast<std::size_t>(result.best_epoch) - 1);
  EXPECT_GE(best.val_accuracy, 0.94);
  EXPECT_EQ(result.frozen.at(0).parameters, 2'257'984);
  EXPECT_TRUE(result.unreadable.empty());
}

}  // namespace
}  // namespace headstart
