// Which samples and views an epoch has.
#include "train/epoch_order.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

namespace headstart {
namespace {

// Of each sample the views that it is shown in.
std::map<int, std::multiset<int>> views_of(const std::vector<LoaderItem>& items) {
  std::map<int, std::multiset<int>> views;
  for (const auto& item : items) {
    views[item.sample].insert(item.view);
  }
  return views;
}

const std::vector<int> kLabels{0, 1, 1, 1, 1, 1, 1, 1, 1, 1};  // one sample of the first class

TEST(EpochOrder, EverySampleOnceInAViewOfTheEpoch) {
  const auto views = views_of(order_of_epoch(kLabels, {}, 0, 7));
  ASSERT_EQ(views.size(), kLabels.size());
  for (const auto& [sample, seen] : views) {
    EXPECT_EQ(seen, std::multiset<int>{7});
  }
}

TEST(EpochOrder, WhatIsShownAgainIsAnotherView) {
  TrainOptions options;
  options.balanced_sampling = true;
  std::set<int> all;
  for (const int epoch : {1, 2}) {
    const auto seen = views_of(order_of_epoch(kLabels, options, 0, epoch)).at(0);
    EXPECT_EQ(seen.size(), 5U);
    all.insert(seen.begin(), seen.end());
  }
  EXPECT_EQ(all.size(), 10U);
  const auto cached = views_of(order_of_epoch(kLabels, options, 3, 1)).at(0);
  for (const int view : {0, 1, 2}) {
    EXPECT_GE(cached.count(view), 1U) << view;
  }
}

TEST(EpochOrder, RoundsOfAnEpochHaveViewsOfTheirOwn) {
  TrainOptions options;
  options.batch_size = 10;
  options.steps_per_epoch = 3;
  for (const auto& [sample, seen] : views_of(order_of_epoch(kLabels, options, 0, 1))) {
    EXPECT_EQ(std::set<int>(seen.begin(), seen.end()).size(), 3U) << sample;
  }
}

}  // namespace
}  // namespace headstart
