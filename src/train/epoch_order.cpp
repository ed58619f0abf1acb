#include "train/epoch_order.h"

#include <cstdint>
#include <map>
#include <numeric>

#include "core/random.h"

namespace headstart {
namespace {

// Every sample once; or as many, every class in turn, those of small classes more often than others.
std::vector<int> order_of_round(const std::vector<int>& labels, bool balance, Random& random) {
  std::vector<int> order(labels.size());
  std::iota(order.begin(), order.end(), 0);
  shuffle(order, random);
  if (!balance) {
    return order;
  }
  std::map<int, std::vector<int>> of_class;
  for (const int sample : order) {
    of_class[labels[static_cast<std::size_t>(sample)]].push_back(sample);
  }
  std::vector<int> balanced;
  for (std::size_t turn = 0; balanced.size() < order.size(); ++turn) {
    for (const auto& [label, samples] : of_class) {
      balanced.push_back(samples[turn % samples.size()]);
    }
  }
  balanced.resize(order.size());
  shuffle(balanced, random);
  return balanced;
}

// The view of a sample that the epoch has shown `times` times before: another one each time.
int view_of(int sample, int views, int epoch, int times) {
  constexpr int kEpochs = 1 << 20,
                kTimes = 1 << 10;  // of new views: no two of as many epochs and times are one
  return views == 0 ? epoch % kEpochs + times % kTimes * kEpochs : (epoch + times + sample) % views;
}

}  // namespace

std::vector<LoaderItem> order_of_epoch(const std::vector<int>& labels, const TrainOptions& options, int views,
                                       int epoch) {
  const std::size_t wanted =
      options.steps_per_epoch == 0
          ? labels.size()
          : static_cast<std::size_t>(options.steps_per_epoch) * static_cast<std::size_t>(options.batch_size);
  std::vector<LoaderItem> items;
  std::vector<int> times(labels.size(), 0);
  for (std::uint32_t round = 0; items.size() < wanted; ++round) {
    Random random(options.seed, RandomPurpose::shuffle, static_cast<std::uint64_t>(epoch), round);
    const std::vector<int> order = order_of_round(labels, options.balanced_sampling, random);
    for (std::size_t i = 0; i < labels.size() && items.size() < wanted; ++i) {
      const int before = times[static_cast<std::size_t>(order[i])]++;
      items.push_back({.sample = order[i], .view = view_of(order[i], views, epoch, before)});
    }
  }
  return items;
}

}  // namespace headstart
