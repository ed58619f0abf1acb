// What a command's path means: photos, or a split of a data set.
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "data/folders.h"
#include "headstart/error.h"
#include "headstart/predict.h"

namespace headstart {
namespace {

Dataset joined(const DatasetSplits& splits) {
  Dataset all = splits.train;
  for (const auto* split : {&splits.validation, &splits.test}) {
    if (*split) {
      all.samples.insert(all.samples.end(), (*split)->samples.begin(), (*split)->samples.end());
      all.skipped.insert(all.skipped.end(), (*split)->skipped.begin(), (*split)->skipped.end());
    }
  }
  return all;
}

}  // namespace

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
    return joined(splits);
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
