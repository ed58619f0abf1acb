#include "train/class_sizes.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

namespace headstart {

std::string class_sizes_note(const Dataset& train, const TrainOptions& options) {
  constexpr int kTimes = 3;
  if (train.class_names.empty() || is_multi_label(train)) {
    return "";
  }
  std::vector<int> sizes(train.class_names.size());
  for (const auto& sample : train.samples) {
    ++sizes.at(static_cast<std::size_t>(sample.label));
  }
  const auto [least, most] = std::minmax_element(sizes.begin(), sizes.end());
  if (*least == 0 || *most < kTimes * *least) {
    return "";
  }
  const auto name = [&](auto size) {
    return train.class_names[static_cast<std::size_t>(size - sizes.begin())];
  };
  const auto weight = [&](int size) {
    return static_cast<double>(train.samples.size()) / (static_cast<double>(sizes.size()) * size);
  };
  const auto log_share = [&](int size) {
    return std::log(static_cast<double>(size) / static_cast<double>(train.samples.size()));
  };
  const std::string answer =
      options.balanced_sampling ? "every class is drawn as often as the others"
      : options.logit_adjustment > 0.0
          ? fmt::format("training adds {:.2f} to the logit of {}, {:.2f} to that of {}",
                        options.logit_adjustment * log_share(*most), name(most),
                        options.logit_adjustment * log_share(*least), name(least))
      : options.balanced_class_weights ? fmt::format("an image of {} weighs {:.2f}, of {} {:.2f}", name(most),
                                                     weight(*most), name(least), weight(*least))
      : !options.class_weights.empty() ? "the given class weights hold"
                                       : "--logit-adjustment 1 makes up for it";
  return fmt::format("classes of different sizes: {} images of {}, {} of {}; {}", *most, name(most), *least,
                     name(least), answer);
}

}  // namespace headstart
