#include "divided_data.h"

#include <utility>

#include <fmt/format.h>

#include "headstart/train.h"

namespace headstart::app {

DatasetSplits read_divided(const std::string& data, const std::string& model, const std::string& split,
                           Progress& progress) {
  DatasetSplits splits = read_dataset(data);
  auto divided = as_run_divided(model, splits);
  if (!divided) {
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
