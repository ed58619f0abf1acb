#include "divided_data.h"

#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "headstart/train.h"

namespace headstart::app {

DatasetSplits read_divided(const std::string& data, const std::string& model, const std::string& split,
                           Progress& progress, LabelsOfPhoto labels) {
  DatasetSplits splits = read_dataset(data, labels);
  auto divided = as_run_divided(model, splits);
  if (!divided) {
    const auto list = std::filesystem::path(model).parent_path() / "held_out.csv";
    if (!splits.validation && !splits.test && split.empty() && std::filesystem::exists(list)) {
      progress.message(fmt::format(
          "none of these photos is one that the training held out: all {} of them are taken, which is fair "
          "only if it did not see them",
          splits.train.samples.size()));
    }
    return splits;
  }
  if (split.empty() && !splits.test) {
    progress.message(
        fmt::format("the {} of {} photos that the training held out; --split all takes all of them",
                    divided->validation->samples.size(), splits.train.samples.size()));
  }
  return std::move(*divided);
}

}  // namespace headstart::app
