// The loader's order, its treatment of unreadable images, and its threads.
#include <algorithm>
#include <fstream>
#include <new>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "headstart/dataset.h"
#include "headstart/error.h"
#include "support/temporary_folder.h"

namespace headstart {
namespace {

// A flat 24-bit BMP of 3x2 pixels.
void write_flat_picture(const std::string& path, std::uint8_t value) {
  std::string bytes(54 + 2 * 12, '\0');  // headers, then two rows of nine bytes padded to twelve
  bytes[0] = 'B';
  bytes[1] = 'M';
  bytes[10] = 54;  // where the pixels begin
  bytes[14] = 40;  // size of the information header
  bytes[18] = 3;   // width
  bytes[22] = 2;   // height
  bytes[26] = 1;   // planes
  bytes[28] = 24;  // bits a pixel
  std::fill(bytes.begin() + 54, bytes.end(), static_cast<char>(value));
  std::ofstream(path, std::ios::binary) << bytes;
}

// Forty flat pictures whose value is 5 times their number; those in `broken` are text.
class LoaderTest : public testing::Test {
 protected:
  void SetUp() override {
    dataset_.class_names = {"even", "odd"};
    for (int i = 0; i < 40; ++i) {
      const std::string path = folder_ / fmt::format("{}.bmp", i);
      write_flat_picture(path, static_cast<std::uint8_t>(5 * i));
      dataset_.samples.push_back({path, i % 2, ""});
      items_.push_back({i, 100 + i});
    }
  }

  void break_samples(const std::vector<int>& broken) {
    for (const int sample : broken) {
      std::ofstream(dataset_.samples[static_cast<std::size_t>(sample)].path) << "text";
    }
  }

  LoaderOptions options(int workers) const {
    return {.preprocessing = with_mode({.height = 2, .width = 3}, "none"),
            .batch_size = 8,
            .workers = workers,
            .batches_ahead = 2};
  }

  test::TemporaryFolder folder_;
  Dataset dataset_;
  std::vector<LoaderItem> items_;
};

std::vector<Batch> all_batches(Loader& loader) {
  std::vector<Batch> batches;
  while (auto batch = loader.next()) {
    batches.push_back(std::move(*batch));
  }
  return batches;
}

std::vector<int> samples_of(const std::vector<Batch>& batches) {
  std::vector<int> samples;
  for (const auto& batch : batches) {
    samples.insert(samples.end(), batch.samples.begin(), batch.samples.end());
  }
  return samples;
}

void expect_consistent(const std::vector<Batch>& batches) {
  for (const auto& batch : batches) {
    ASSERT_EQ(batch.images.shape(), (Shape{static_cast<std::int64_t>(batch.samples.size()), 2, 3, 3}));
    for (std::size_t i = 0; i < batch.samples.size(); ++i) {
      EXPECT_EQ(batch.labels[i], batch.samples[i] % 2);
      EXPECT_EQ(batch.views[i], 100 + batch.samples[i]);
      for (std::size_t k = 0; k < 18; ++k) {
        EXPECT_EQ(batch.images.values()[i * 18 + k], static_cast<float>(5 * batch.samples[i]));
      }
    }
  }
}

TEST_F(LoaderTest, OrderIsThatOfTheItemsForAnyNumberOfWorkers) {
  std::reverse(items_.begin(), items_.end());
  for (const int workers : {1, 2, 4, 0}) {
    Loader loader(dataset_, items_, options(workers));
    const auto batches = all_batches(loader);
    ASSERT_EQ(batches.size(), 5U);
    expect_consistent(batches);
    const auto samples = samples_of(batches);
    for (int i = 0; i < 40; ++i) {
      EXPECT_EQ(samples[static_cast<std::size_t>(i)], 39 - i);
    }
    EXPECT_FALSE(loader.next());
  }
}

TEST_F(LoaderTest, UnreadableImagesAreMadeUpForByTheFollowing) {
  break_samples({0, 3, 4, 7, 8, 39});
  for (const int workers : {1, 2, 4}) {
    Loader loader(dataset_, items_, options(workers));
    const auto batches = all_batches(loader);
    expect_consistent(batches);
    ASSERT_EQ(batches.size(), 5U);
    EXPECT_EQ(batches[0].samples, (std::vector{1, 2, 5, 6, 9, 10, 11, 12}));
    EXPECT_EQ(batches[4].samples, (std::vector{37, 38}));
    ASSERT_EQ(loader.unreadable().size(), 6U);
    EXPECT_EQ(loader.unreadable()[1].sample, 3);
    EXPECT_NE(loader.unreadable()[1].message.find("expected"), std::string::npos);
    EXPECT_EQ(loader.unreadable()[1].message.find("3.bmp"), std::string::npos);  // its user names the file
    EXPECT_EQ(loader.unreadable()[5].sample, 39);
  }
}

TEST_F(LoaderTest, ReportsTheUnreadableOfTheBatchesHandedOut) {
  break_samples({3, 20});
  Loader loader(dataset_, items_, options(2));
  loader.next();
  ASSERT_EQ(loader.unreadable().size(), 1U);
  EXPECT_EQ(loader.unreadable()[0].sample, 3);
}

TEST_F(LoaderTest, NothingReadableEndsAtOnceAndReportsEachSampleOnce) {
  std::vector<int> all(40);
  for (int i = 0; i < 40; ++i) {
    all[static_cast<std::size_t>(i)] = i;
  }
  break_samples(all);
  items_.insert(items_.end(), items_.begin(), items_.end());
  Loader loader(dataset_, items_, options(3));
  EXPECT_FALSE(loader.next());
  EXPECT_FALSE(loader.next());
  EXPECT_EQ(loader.unreadable().size(), 40U);
}

TEST_F(LoaderTest, NoItemsGiveNoBatch) {
  Loader loader(dataset_, {}, options(2));
  EXPECT_FALSE(loader.next());
}

TEST_F(LoaderTest, StrictThrowsInItsTurn) {
  break_samples({11, 13});
  for (const int workers : {1, 4}) {
    auto strict = options(workers);
    strict.strict = true;
    Loader loader(dataset_, items_, strict);
    EXPECT_EQ(loader.next()->samples.size(), 8U);
    try {
      loader.next();
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("11.bmp"), std::string::npos) << error.what();
    }
  }
}

TEST_F(LoaderTest, AugmentsByItem) {
  auto augmented = options(4);
  augmented.augment = [](const Image& image, const LoaderItem& item) {
    Image result = image;
    for (auto& value : result.pixels) {
      value = static_cast<std::uint8_t>(value + item.view);
    }
    return result;
  };
  Loader loader(dataset_, items_, augmented);
  const auto batches = all_batches(loader);
  EXPECT_EQ(batches[2].images[0], static_cast<float>((5 * 16 + 116) % 256));
}

TEST_F(LoaderTest, APictureWithoutMemoryIsUnreadable) {
  auto choice = options(2);
  choice.augment = [](const Image& image, const LoaderItem& item) -> Image {
    return item.sample == 3 ? throw std::bad_alloc() : image;
  };
  Loader loader(dataset_, items_, choice);
  std::size_t images = 0;
  for (const Batch& batch : all_batches(loader)) {
    images += batch.samples.size();
  }
  EXPECT_EQ(images, items_.size() - 1);
  ASSERT_EQ(loader.unreadable().size(), 1U);
  EXPECT_NE(loader.unreadable()[0].message.find("memory"), std::string::npos);
  choice.strict = true;
  Loader strict(dataset_, items_, choice);
  EXPECT_THROW(all_batches(strict), Error);
}

TEST_F(LoaderTest, AnErrorInAugmentationReachesTheConsumer) {
  auto failing = options(2);
  failing.augment = [](const Image& image, const LoaderItem& item) {
    return item.sample == 9 ? throw std::runtime_error("no view") : image;
  };
  Loader loader(dataset_, items_, failing);
  EXPECT_TRUE(loader.next());
  EXPECT_THROW(loader.next(), std::runtime_error);
}

TEST_F(LoaderTest, KeptPicturesAreNotReadAgain) {
  auto keeping = options(2);
  keeping.kept = std::make_shared<KeptImages>(10 * 3 * 2 * 3);  // bytes: ten pictures
  Loader first(dataset_, items_, keeping);
  while (first.next()) {
  }
  std::vector<int> kept, others;
  for (int sample = 0; sample < 40; ++sample) {
    (keeping.kept->find(sample) ? kept : others).push_back(sample);
  }
  ASSERT_EQ(kept.size(), 10U);
  break_samples(kept);
  break_samples({others.front()});
  Loader second(dataset_, items_, keeping);
  std::size_t seen = 0;
  while (const auto batch = second.next()) {
    seen += batch->samples.size();
  }
  EXPECT_EQ(seen, 39U);
  ASSERT_EQ(second.unreadable().size(), 1U);
  EXPECT_EQ(second.unreadable()[0].sample, others.front());
}

TEST_F(LoaderTest, CanBeLeftAtAnyMoment) {
  for (int taken = 0; taken < 4; ++taken) {
    for (int workers = 1; workers < 5; ++workers) {
      Loader loader(dataset_, items_, options(workers));
      for (int i = 0; i < taken; ++i) {
        loader.next();
      }
    }
  }
}

TEST_F(LoaderTest, BatchesOutliveTheLoader) {
  std::vector<Batch> batches;
  {
    Loader loader(dataset_, items_, options(2));
    Loader moved(std::move(loader));
    batches = all_batches(moved);
  }
  expect_consistent(batches);
}

TEST_F(LoaderTest, WrongOptionsAreRefused) {
  EXPECT_THROW(Loader(dataset_, {{40, 0}}, options(1)), Error);
  auto wrong = options(1);
  wrong.batch_size = 0;
  EXPECT_THROW(Loader(dataset_, items_, wrong), Error);
}

}  // namespace
}  // namespace headstart
