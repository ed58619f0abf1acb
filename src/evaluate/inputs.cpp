// What a command's path means: photos, or a split of a data set.
#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "data/folders.h"
#include "evaluate/joined_splits.h"
#include "headstart/error.h"
#include "headstart/predict.h"

namespace headstart {

JoinedSplits join_splits(const DatasetSplits& data) {
  JoinedSplits joined{.dataset = data.train, .splits = {}};
  const bool divided = data.validation || data.test;
  joined.splits.assign(data.train.samples.size(), divided ? "train" : "");
  const auto append = [&joined](const std::optional<Dataset>& part, const char* name) {
    if (part) {
      Dataset& all = joined.dataset;
      all.samples.insert(all.samples.end(), part->samples.begin(), part->samples.end());
      all.skipped.insert(all.skipped.end(), part->skipped.begin(), part->skipped.end());
      joined.splits.resize(all.samples.size(), name);
    }
  };
  append(data.validation, "validation");
  append(data.test, "test");
  return joined;
}

std::vector<std::string> image_files(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) {
    return {path};
  }
  auto found = find_images(path);
  if (found.images.empty()) {
    throw Error(fmt::format("[predict] expected images in {}; received a folder without any", path));
  }
  return std::move(found.images);
}

Dataset choose_split(const DatasetSplits& splits, const std::string& name) {
  if (name == "all") {
    return join_splits(splits).dataset;
  }
  if (name == "train") {
    return splits.train;
  }
  if (name.empty() && !splits.test && !splits.validation) {
    return splits.train;
  }
  if (splits.test && (name == "test" || name.empty())) {
    return *splits.test;
  }
  if (splits.validation && (name == "validation" || name.empty())) {
    return *splits.validation;
  }
  throw Error(fmt::format("[data] expected a {} split; received data with train{}{}", name,
                          splits.validation ? ", validation" : "", splits.test ? ", test" : ""));
}

}  // namespace headstart
