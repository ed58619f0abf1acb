// Downloads against a local server: cache, checksum, resumption, and what the user is told.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "core/sha256.h"
#include "headstart/weights.h"
#include "headstart/zoo.h"
#include "support/temporary_folder.h"
#include "weights/http_server.h"
#include "weights/weight_bytes.h"

namespace headstart::test {
namespace {

namespace fs = std::filesystem;

std::string content_of(std::size_t size) {
  std::string content(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    content[i] = static_cast<char>(i * 31 + i / 251);
  }
  return content;
}

std::string sha256_of(const std::string& content) {
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(content.data()), content.size()});
}

class RecordingProgress : public Progress {
 public:
  void begin(const std::string& /*what*/, std::int64_t total) override { total_ = total; }
  void advance(std::int64_t done) override { done_ = done; }
  std::int64_t total_ = 0, done_ = 0;
};

// Does something when the first bytes arrive.
class InterruptingProgress : public Progress {
 public:
  explicit InterruptingProgress(std::function<void()> interruption)
      : interruption_(std::move(interruption)) {}
  void begin(const std::string& /*what*/, std::int64_t /*total*/) override { interruption_(); }

 private:
  std::function<void()> interruption_;
};

class Download : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto* name :
         {"KERAS_HOME", "TORCH_HOME", "HF_HOME", "http_proxy", "HTTP_PROXY", "all_proxy"}) {
      ::unsetenv(name);
    }
    ::setenv("HOME", folder_.path().c_str(), 1);
    ::setenv("HEADSTART_CACHE", (folder_ / "cache").c_str(), 1);
  }

  fs::path cached() const { return folder_ / "cache/weights/weights.bin"; }
  WeightSource source() const { return {server_.url(), "weights.bin", sha256_of(content_)}; }
  void put(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  std::string text_of(const fs::path& path) const {
    const auto bytes = load(path.string());
    return {bytes.begin(), bytes.end()};
  }

  const std::string content_ = content_of(300'000);
  HttpServer server_{content_};
  TemporaryFolder folder_;
  RecordingProgress progress_;
};

TEST_F(Download, FetchesOnceAndThenUsesTheCache) {
  EXPECT_EQ(find_cached_weights(source()), std::nullopt);
  EXPECT_EQ(fetch_weights(source(), progress_), cached().string());
  EXPECT_EQ(text_of(cached()), content_);
  EXPECT_EQ(progress_.total_, 300'000);
  EXPECT_EQ(progress_.done_, 300'000);
  EXPECT_EQ(fetch_weights(source(), progress_), cached().string());
  EXPECT_EQ(server_.requests().size(), 1U);
  EXPECT_FALSE(fs::exists(cached().string() + ".part"));
}

TEST_F(Download, ResumesWhereTheConnectionBroke) {
  server_.behave({.cut_after = 100'000});
  EXPECT_TRUE(
      says(message_of([&] { fetch_weights(source(), progress_); }), "put it at " + cached().string()));
  EXPECT_EQ(fs::file_size(cached().string() + ".part"), 100'000U);
  EXPECT_FALSE(fs::exists(cached()));
  server_.behave({});
  EXPECT_EQ(fetch_weights(source(), progress_), cached().string());
  EXPECT_EQ(text_of(cached()), content_);
  EXPECT_TRUE(says(server_.requests().back(), "Range: bytes=100000-"));
}

TEST_F(Download, BeginsAgainWhereTheServerHasNoRanges) {
  put(cached().string() + ".part", content_.substr(0, 1000));
  server_.behave({.ranges = false});
  EXPECT_EQ(text_of(fetch_weights(source(), progress_)), content_);
}

TEST_F(Download, BeginsAgainWhenThePartIsTooLong) {
  put(cached().string() + ".part", content_ + "more");
  EXPECT_EQ(text_of(fetch_weights(source(), progress_)), content_);
}

TEST_F(Download, TwoAtATimeFetchOnce) {
  std::thread other;
  std::string found_by_other;
  InterruptingProgress progress([&] {
    other = std::thread([&] { found_by_other = fetch_weights(source(), progress_); });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  });
  EXPECT_EQ(fetch_weights(source(), progress), cached().string());
  other.join();
  EXPECT_EQ(found_by_other, cached().string());
  EXPECT_EQ(text_of(cached()), content_);
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(Download, AnotherLengthThanTheServersIsNotKept) {
  const WeightSource unchecked{server_.url(), "weights.bin", ""};
  InterruptingProgress progress([&] { std::ofstream(cached().string() + ".part", std::ios::app) << "more"; });
  EXPECT_TRUE(says(message_of([&] { fetch_weights(unchecked, progress); }), "expected 300000 bytes"));
  EXPECT_FALSE(fs::exists(cached()));
  EXPECT_FALSE(fs::exists(cached().string() + ".part"));
}

TEST_F(Download, DiscardsAWrongFile) {
  auto wrong = source();
  wrong.checksum[0] = wrong.checksum[0] == '0' ? '1' : '0';
  EXPECT_TRUE(says(message_of([&] { fetch_weights(wrong, progress_); }), "expected the checksum"));
  EXPECT_FALSE(fs::exists(cached()));
  EXPECT_FALSE(fs::exists(cached().string() + ".part"));
}

TEST_F(Download, ADamagedPartIsNotKept) {
  put(cached().string() + ".part", "damaged");
  EXPECT_EQ(text_of(fetch_weights(source(), progress_)), content_);
  EXPECT_EQ(server_.requests().size(), 2U);
}

TEST_F(Download, TellsWhichFileToPutWhere) {
  server_.behave({.status = 404});
  EXPECT_TRUE(
      says(message_of([&] { fetch_weights(source(), progress_); }), "put it at " + cached().string()));
  const WeightSource nowhere{"http://127.0.0.1:1/weights.bin", "weights.bin", ""};
  EXPECT_TRUE(says(message_of([&] { fetch_weights(nowhere, progress_); }), "put it at " + cached().string()));
  EXPECT_FALSE(fs::exists(cached().string() + ".part"));
}

TEST_F(Download, LocalFilesAreNotUrls) {
  put(folder_ / "secret", "secret");
  const WeightSource local{"file://" + (folder_ / "secret"), "weights.bin", ""};
  EXPECT_THROW(fetch_weights(local, progress_), Error);
}

TEST_F(Download, LooksInTheCachesOfOthers) {
  for (const auto* place : {".keras/models", ".cache/torch/hub/checkpoints",
                            ".cache/huggingface/hub/models--timm--net/snapshots/0123abcd"}) {
    const auto path = folder_.path() / place / "weights.bin";
    put(path, content_.substr(1));  // a damaged one is passed over
    EXPECT_EQ(find_cached_weights(source()), std::nullopt) << place;
    put(path, content_);
    EXPECT_EQ(fetch_weights(source(), progress_), path.string());
    fs::remove(path);
  }
  EXPECT_TRUE(server_.requests().empty());
}

// Keras keeps NASNet-mobile.h5 as nasnet_mobile.h5.
TEST_F(Download, FindsAFileUnderItsPublishedNameToo) {
  const WeightSource kept{"http://localhost/Published.bin", "weights.bin", sha256_of(content_)};
  const auto path = folder_ / ".keras/models/Published.bin";
  put(path, content_);
  EXPECT_EQ(find_cached_weights(kept), path);
}

TEST_F(Download, ChecksMd5AndBeginningsOfSha256) {
  put(cached(), "hello\n");
  const auto found = [](const std::string& checksum) {
    return find_cached_weights({"", "weights.bin", checksum}).has_value();
  };
  EXPECT_TRUE(found("b1946ac92492d2347c6235b4d2611184"));
  EXPECT_FALSE(found("b1946ac92492d2347c6235b4d2611185"));
  EXPECT_TRUE(found("5891b5b5"));
  EXPECT_FALSE(found("5891b5b6"));
  EXPECT_TRUE(found(""));
}

TEST(OfficialWeights, AreThoseThatKerasAndTorchvisionPublish) {
  const auto vgg = official_weights("vgg16", 1.0, 150, false);
  ASSERT_TRUE(vgg);
  EXPECT_EQ(vgg->url,
            "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
            "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5");
  EXPECT_EQ(vgg->checksum, "6d6bbae143d832006294945121d1f1fc");
  EXPECT_EQ(official_weights("mobilenet", 0.25, 128, true)->file_name, "mobilenet_2_5_128_tf.h5");
  EXPECT_EQ(official_weights("mobilenet", 0.75, 150, false)->file_name, "mobilenet_7_5_224_tf_no_top.h5");
  EXPECT_EQ(official_weights("mobilenet", 0.3, 224, true), std::nullopt);
  EXPECT_EQ(official_weights("mobilenet_v2", 1.4, 96, false)->file_name,
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.4_224_no_top.h5");
  EXPECT_EQ(official_weights("mobilenet_v2", 0.5, 96, true)->file_name,
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.5_96.h5");
  EXPECT_EQ(official_weights("mobilenet_v3_large", 0.75, 224, false)->file_name,
            "weights_mobilenet_v3_large_224_0.75_float_no_top_v2.h5");
  EXPECT_EQ(official_weights("efficientnet_b0", 1.0, 224, true)->url,
            "https://storage.googleapis.com/keras-applications/efficientnetb0.h5");
  EXPECT_EQ(official_weights("efficientnet_v2_s", 1.0, 384, false)->url,
            "https://storage.googleapis.com/tensorflow/keras-applications/efficientnet_v2/"
            "efficientnetv2-s_notop.h5");
  const auto nasnet = official_weights("nasnet_mobile", 1.0, 224, false);
  EXPECT_TRUE(nasnet->url.ends_with("/nasnet/NASNet-mobile-no-top.h5")) << nasnet->url;
  EXPECT_EQ(nasnet->file_name, "nasnet_mobile_no_top.h5");  // as Keras keeps it
  EXPECT_EQ(official_weights("squeezenet1_1", 1.0, 224, true)->checksum, "b8a52dc0");
  EXPECT_EQ(official_weights("lenet5", 1.0, 32, true), std::nullopt);
}

TEST(OfficialWeights, HaveWellFormedChecksumsAndUniqueNames) {
  std::map<std::string, std::string> urls;
  for (const auto& network : architectures()) {
    for (const bool top : {true, false}) {
      if (const auto found = official_weights(network.name, 1.0, network.input_size, top)) {
        const auto size = found->checksum.size();
        EXPECT_TRUE(size == 0 || size == 8 || size == 10 || size == 32 || size == 64) << network.name;
        EXPECT_EQ(found->checksum.find_first_not_of("0123456789abcdef"), std::string::npos) << network.name;
        const auto [entry, fresh] = urls.emplace(found->file_name, found->url);
        EXPECT_TRUE(fresh || entry->second == found->url) << network.name;
      }
    }
  }
  EXPECT_GE(urls.size(), 30U);
}

}  // namespace
}  // namespace headstart::test
