#include "train/hold_out.h"

#include <cstdint>

#include <fmt/format.h>

#include "headstart/check.h"
#include "headstart/error.h"

namespace headstart {

DatasetSplits with_photos_held_out(const Dataset& photos, const TrainOptions& options,
                                   TrainObserver& observer) {
  const SplitFractions fractions{.train = 1.0 - options.validation_fraction,
                                 .validation = options.validation_fraction};
  Dataset grouped = photos;
  const std::int64_t copies = group_identical(grouped);
  DatasetSplits splits = split_dataset(grouped, fractions, options.seed);
  if (copies > 0 && splits.validation) {
    observer.message(fmt::format("{} images have a copy: copies stay in one part", copies));
  } else if (copies > 0) {
    splits = split_dataset(photos, fractions, options.seed);
  }
  if (!splits.validation || splits.train.samples.empty()) {
    throw Error(
        "[train] expected photos of several groups, or several of a class, some to be held out; received too "
        "few; add photos or give a validation folder");
  }
  observer.message(
      fmt::format("no validation folder: {:.0f} % of the images are held out, the same share of every class",
                  100.0 * options.validation_fraction));
  return splits;
}

}  // namespace headstart
