// What other languages call: the same answers as the library's, and no error that gets out.
#include "headstart/c_api.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "headstart/image.h"
#include "headstart/model.h"
#include "headstart/predict.h"
#include "headstart/zoo.h"
#include "support/formula.h"
#include "support/temporary_folder.h"

namespace headstart {
namespace {

Model trained_model(const std::string& name = "mobilenet",
                    const ArchitectureOptions& options = {.height = 32, .width = 32, .classes = 3}) {
  Model model;
  const auto& which = architecture(name);
  model.graph = build_architecture(which, options);
  model.parameters = test::formula_parameters(model.graph);
  model.preprocessing = default_preprocessing(which, model.graph);
  model.class_names = {"red", "green", "bl\xC3\xBC"};
  return model;
}

Image picture(int key) {
  Image image{.width = 48, .height = 40, .pixels = {}};
  for (int i = 0; i < image.width * image.height * 3; ++i) {
    image.pixels.push_back(static_cast<std::uint8_t>((i * (key + 3) + i / 97 * key * 11) % 256));
  }
  return image;
}

class CApiTest : public testing::Test {
 protected:
  CApiTest() {
    save_model(trained_model(), path);
    classifier = headstart_open(path.c_str(), 1);
  }
  ~CApiTest() override { headstart_close(classifier); }
  CApiTest(const CApiTest&) = delete;
  CApiTest& operator=(const CApiTest&) = delete;

  std::vector<float> expected(const Image& image) const {
    const Model model = trained_model();
    Predictor predictor(model, {model.graph.output()}, Precision::f32, 1);
    const Tensor output =
        predictor.run(preprocess(image, model.preprocessing).reshaped({1, 32, 32, 3})).front();
    const Tensor probabilities = class_probabilities(model, output);
    return {probabilities.values().begin(), probabilities.values().end()};
  }

  test::TemporaryFolder folder;
  std::string path = (folder.path() / "model.safetensors").string();
  headstart_classifier* classifier = nullptr;
};

TEST_F(CApiTest, NamesTheClasses) {
  ASSERT_NE(classifier, nullptr) << headstart_error();
  ASSERT_EQ(headstart_class_count(classifier), 3);
  EXPECT_STREQ(headstart_class_name(classifier, 0), "red");
  EXPECT_STREQ(headstart_class_name(classifier, 2), "bl\xC3\xBC");
  EXPECT_EQ(headstart_class_name(classifier, 3), nullptr);
  EXPECT_EQ(headstart_class_name(classifier, -1), nullptr);
}

TEST_F(CApiTest, ClassifiesFilesAndPixelsAsTheLibraryDoes) {
  for (int key = 0; key < 3; ++key) {
    const Image image = picture(key);
    const auto png = encode_png(image);
    const auto probabilities = expected(image);
    std::vector<float> of_file(3), of_pixels(3);
    headstart_answer answer{.best = -1, .probability = 0.0F, .is_unknown = -1};
    ASSERT_EQ(headstart_classify(classifier, png.data(), png.size(), of_file.data(), &answer), 0)
        << headstart_error();
    ASSERT_EQ(headstart_classify_pixels(classifier, image.pixels.data(), image.width, image.height,
                                        of_pixels.data(), nullptr),
              0);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(of_file[i], probabilities[i], 1e-6F);
      EXPECT_EQ(of_pixels[i], of_file[i]);
    }
    EXPECT_EQ(answer.best, std::max_element(of_file.begin(), of_file.end()) - of_file.begin());
    EXPECT_EQ(answer.probability, of_file[static_cast<std::size_t>(answer.best)]);
    EXPECT_EQ(answer.is_unknown, 0);
  }
}

TEST_F(CApiTest, MakesColourGrayWhereTheNetworkReadsGray) {
  const std::string gray_path = (folder.path() / "gray.safetensors").string();
  Model model = trained_model("cnn_28", {.classes = 10});
  model.class_names.clear();
  save_model(model, gray_path);
  headstart_classifier* gray = headstart_open(gray_path.c_str(), 1);
  ASSERT_NE(gray, nullptr) << headstart_error();
  EXPECT_STREQ(headstart_class_name(gray, 9), "9");
  const Image image = picture(2);
  const auto png = encode_png(image);
  std::vector<float> of_file(10), of_pixels(10);
  EXPECT_EQ(headstart_classify(gray, png.data(), png.size(), of_file.data(), nullptr), 0)
      << headstart_error();
  EXPECT_EQ(headstart_classify_pixels(gray, image.pixels.data(), image.width, image.height, of_pixels.data(),
                                      nullptr),
            0)
      << headstart_error();
  EXPECT_EQ(of_file, of_pixels);
  headstart_close(gray);
}

TEST_F(CApiTest, AnswersManyThreads) {
  const auto png = encode_png(picture(1));
  std::vector<float> alone(3);
  ASSERT_EQ(headstart_classify(classifier, png.data(), png.size(), alone.data(), nullptr), 0);
  std::vector<std::vector<float>> results(8, std::vector<float>(3));
  std::vector<std::thread> threads;
  threads.reserve(results.size());
  for (auto& result : results) {
    threads.emplace_back(
        [&] { headstart_classify(classifier, png.data(), png.size(), result.data(), nullptr); });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  for (const auto& result : results) {
    EXPECT_EQ(result, alone);
  }
}

TEST_F(CApiTest, AForkedChildOpensItsOwn) {
  const auto png = encode_png(picture(1));
  ASSERT_EQ(headstart_classify(classifier, png.data(), png.size(), nullptr, nullptr), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    const Image image = picture(1);
    const bool refused = headstart_classify(classifier, png.data(), png.size(), nullptr, nullptr) == -1 &&
                         std::string(headstart_error()).find("open it after fork()") != std::string::npos &&
                         headstart_classify_pixels(classifier, image.pixels.data(), image.width, image.height,
                                                   nullptr, nullptr) == -1;
    headstart_close(classifier);
    headstart_classifier* own = headstart_open(path.c_str(), 1);
    const bool works =
        own != nullptr && headstart_classify(own, png.data(), png.size(), nullptr, nullptr) == 0;
    headstart_close(own);
    ::_exit(refused && works ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(CApiTest, SaysWhatIsWrong) {
  const std::string text = "this is no picture";
  headstart_answer answer{};
  EXPECT_EQ(headstart_classify(classifier, text.data(), text.size(), nullptr, &answer), -1);
  EXPECT_NE(std::string(headstart_error()).find("a JPEG, PNG, WebP, BMP, GIF or TIFF was expected"),
            std::string::npos)
      << headstart_error();
  EXPECT_EQ(headstart_classify(classifier, nullptr, 3, nullptr, &answer), -1);
  EXPECT_EQ(headstart_classify(nullptr, text.data(), text.size(), nullptr, &answer), -1);
  const unsigned char pixel[3] = {};
  EXPECT_EQ(headstart_classify_pixels(classifier, pixel, 0, 1, nullptr, &answer), -1);
  EXPECT_EQ(headstart_classify_pixels(classifier, pixel, 2'000'000'000, 2'000'000'000, nullptr, &answer), -1);
  EXPECT_NE(std::string(headstart_error()).find("64,000,000 pixels"), std::string::npos) << headstart_error();
}

TEST(CApi, OpensNothingButModels) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(headstart_open(nullptr, 0), nullptr);
  EXPECT_EQ(headstart_open((folder.path() / "missing.safetensors").c_str(), 0), nullptr);
  EXPECT_NE(std::string(headstart_error()).find("missing.safetensors"), std::string::npos)
      << headstart_error();
  const auto path = folder.path() / "broken.safetensors";
  std::ofstream(path) << "no model";
  EXPECT_EQ(headstart_open(path.c_str(), 0), nullptr);
  EXPECT_EQ(headstart_open(path.c_str(), -1), nullptr);
  headstart_close(nullptr);
  EXPECT_EQ(headstart_class_count(nullptr), 0);
}

}  // namespace
}  // namespace headstart
