// The record file: found again, damaged, torn, full, evicted.
#include "train/feature_cache.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <numeric>
#include <thread>

#include <gtest/gtest.h>

#include "headstart/error.h"
#include "support/temporary_folder.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFloats = 21;  // not a multiple of a cache line

std::vector<float> record(float first) {
  std::vector<float> values(kFloats);
  std::iota(values.begin(), values.end(), first);
  return values;
}

bool holds(const FeatureCache& cache, const std::string& identity, float first) {
  const float* found = cache.find(identity);
  const auto expected = record(first);
  return found != nullptr && std::equal(expected.begin(), expected.end(), found);
}

void fill(FeatureCache& cache, const std::vector<std::string>& identities, float first) {
  std::vector<float> records;
  for (std::size_t i = 0; i < identities.size(); ++i) {
    const auto one = record(first + static_cast<float>(i));
    records.insert(records.end(), one.begin(), one.end());
  }
  cache.begin_append();
  cache.append(identities, records.data());
  cache.end_append();
}

TEST(FeatureCache, FindsWhatWasAppended) {
  const test::TemporaryFolder folder;
  {
    FeatureCache cache(folder.path() / "key", kFloats);
    EXPECT_EQ(cache.find("a"), nullptr);
    fill(cache, {"a", "b"}, 1.0F);
    EXPECT_TRUE(holds(cache, "a", 1.0F));
  }
  FeatureCache cache(folder.path() / "key", kFloats);
  EXPECT_TRUE(holds(cache, "b", 2.0F));
  fill(cache, {"c"}, 7.0F);
  EXPECT_TRUE(holds(cache, "a", 1.0F));
  EXPECT_TRUE(holds(cache, "c", 7.0F));
  EXPECT_EQ(cache.find("d"), nullptr);
}

TEST(FeatureCache, WaitsForWhoRemovesItsFolder) {
  const test::TemporaryFolder folder;
  const fs::path key = folder.path() / "key";
  std::atomic<bool> done = false;
  std::thread remover([&] {
    while (!done) {
      remove_unused(key);
    }
  });
  for (int i = 0; i < 10; ++i) {
    EXPECT_NO_THROW({
      FeatureCache cache(key, kFloats);
      fill(cache, {"a"}, 1.0F);
      EXPECT_TRUE(holds(cache, "a", 1.0F));
    });
  }
  done = true;
  remover.join();
  EXPECT_FALSE(remove_unused(folder.path() / "none/key"));
}

TEST(FeatureCache, RemembersUnreadableImages) {
  const test::TemporaryFolder folder;
  {
    FeatureCache cache(folder.path(), kFloats);
    cache.begin_append();
    cache.append_unreadable("broken", "truncated\nJPEG");
    cache.end_append();
  }
  const FeatureCache cache(folder.path(), kFloats);
  ASSERT_NE(cache.find_unreadable("broken"), nullptr);
  EXPECT_EQ(*cache.find_unreadable("broken"), "truncated JPEG");
  EXPECT_EQ(cache.find_unreadable("a"), nullptr);
}

// A kill can leave both files cut anywhere.
TEST(FeatureCache, GoesOnAfterAnyTruncation) {
  const test::TemporaryFolder folder;
  const fs::path whole = folder.path() / "whole";
  {
    FeatureCache cache(whole, kFloats);
    fill(cache, {"a", "b", "c"}, 1.0F);
  }
  const auto index_size = fs::file_size(whole / "index.txt");
  const auto records_size = fs::file_size(whole / "records.bin");
  for (std::uintmax_t cut = 0; cut <= index_size; cut += 3) {
    const fs::path torn = folder.path() / ("index" + std::to_string(cut));
    fs::copy(whole, torn);
    fs::resize_file(torn / "index.txt", cut);
    FeatureCache cache(torn, kFloats);
    fill(cache, {"d"}, 9.0F);
    EXPECT_TRUE(holds(cache, "d", 9.0F)) << cut;
    const float* a = cache.find("a");
    EXPECT_TRUE(a == nullptr || holds(cache, "a", 1.0F)) << cut;
  }
  for (std::uintmax_t cut = 0; cut <= records_size; cut += 50) {
    const fs::path torn = folder.path() / ("records" + std::to_string(cut));
    fs::copy(whole, torn);
    fs::resize_file(torn / "records.bin", cut);
    FeatureCache cache(torn, kFloats);
    fill(cache, {"d"}, 9.0F);
    EXPECT_TRUE(holds(cache, "d", 9.0F)) << cut;
    EXPECT_EQ(cache.find("a") != nullptr, cut >= 128) << cut;
    EXPECT_TRUE(cache.find("c") == nullptr || holds(cache, "c", 3.0F)) << cut;
  }
}

TEST(FeatureCache, NoticesFlippedBits) {
  const test::TemporaryFolder folder;
  {
    FeatureCache cache(folder.path(), kFloats);
    fill(cache, {"a", "b"}, 1.0F);
  }
  std::fstream file(folder / "records.bin", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(12);
  file.put('\x55');
  file.close();
  FeatureCache cache(folder.path(), kFloats);
  EXPECT_EQ(cache.find("a"), nullptr);
  EXPECT_TRUE(holds(cache, "b", 2.0F));
  fill(cache, {"a"}, 5.0F);  // the later line counts
  EXPECT_TRUE(holds(cache, "a", 5.0F));
}

TEST(FeatureCache, BeginsAnewWhenTheIndexIsNonsense) {
  for (const std::string text :
       {"nonsense\n", "headstart-features 1 22\n", "headstart-features 1 21\na b c\n",
        "headstart-features 1 21\na -1 ff\n", "headstart-features 1 21\n\n"}) {
    const test::TemporaryFolder folder;
    std::ofstream(folder / "index.txt") << text;
    FeatureCache cache(folder.path(), kFloats);
    EXPECT_EQ(cache.find("a"), nullptr);
    fill(cache, {"a"}, 3.0F);
    EXPECT_TRUE(holds(cache, "a", 3.0F));
  }
}

TEST(FeatureCache, MakesRoomByRemovingTheOldest) {
  const test::TemporaryFolder folder;
  const auto now = fs::file_time_type::clock::now();
  for (const std::string name : {"old", "used", "new"}) {
    FeatureCache cache(folder.path() / name, 1024);
    cache.begin_append();
    const std::vector<float> values(1024);
    cache.append(std::vector<std::string>{"a"}, values.data());
    cache.end_append();
  }
  FeatureCache used(folder.path() / "used", 1024);
  fs::last_write_time(folder.path() / "used", now - std::chrono::hours(3));
  fs::last_write_time(folder.path() / "old", now - std::chrono::hours(2));
  EXPECT_TRUE(make_room(folder.path(), folder.path() / "next", 4096, 14000));
  EXPECT_FALSE(fs::exists(folder.path() / "old"));
  EXPECT_TRUE(fs::exists(folder.path() / "used"));
  EXPECT_TRUE(fs::exists(folder.path() / "new"));
  EXPECT_FALSE(make_room(folder.path(), folder.path() / "next", 20000, 14000));
  EXPECT_TRUE(fs::exists(folder.path() / "used"));
}

}  // namespace
}  // namespace headstart
