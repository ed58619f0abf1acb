// Exported files in ONNX Runtime, by npm's onnxruntime-node where it is installed (under $HEADSTART_PEERS, by
// default /tmp/headstart-peers): every op; how strange a picture
// is; a member of every family, or with HEADSTART_EXPORT_ALL=1 every
// network of the zoo; a network on photos, from decoded pixels to the predicted class.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "exported.h"
#include "headstart/head.h"
#include "headstart/image.h"
#include "headstart/open_model.h"
#include "headstart/predict.h"
#include "headstart/progress.h"
#include "support/paths.h"
#include "support/temporary_folder.h"

namespace headstart::test {
namespace {

std::string peers() {
  const char* chosen = std::getenv("HEADSTART_PEERS");
  return chosen != nullptr ? chosen : "/tmp/headstart-peers";
}

class OnnxRuntime : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(peers() + "/node_modules/onnxruntime-node") ||
        std::system("node --version > /dev/null 2>&1") != 0) {
      GTEST_SKIP() << "needs node and npm install --prefix " << peers() << " onnxruntime-node";
    }
  }

  void add(const std::string& name, const std::function<Comparison(const std::string& path)>& exported) {
    auto comparison = exported(folder_ / name + ".onnx");
    std::ofstream(folder_ / name + ".shape") << nlohmann::json(comparison.input.shape());
    std::ofstream(folder_ / name + ".input", std::ios::binary)
        .write(reinterpret_cast<const char*>(comparison.input.data()),
               static_cast<std::streamsize>(comparison.input.values().size_bytes()));
    expected_.insert_or_assign(name, std::move(comparison));
  }

  // Runs and removes what was added; the worst difference.
  double run() {
    const auto command =
        "node " + data_path("../tools/onnx_runtime.mjs") + " " + peers() + " " + folder_ / "";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string said;
    std::array<char, 4096> part{};
    for (std::size_t got = 0; (got = std::fread(part.data(), 1, part.size(), pipe)) > 0;) {
      said.append(part.data(), got);
    }
    EXPECT_EQ(::pclose(pipe), 0);
    double worst = 0.0;
    for (const auto& [name, comparison] : expected_) {
      const double difference = relative_difference(values_of(name + ".output"), comparison.expected);
      EXPECT_LE(difference, kTolerance) << name << "\n" << line_of(said, name);
      worst = std::max(worst, difference);
      if (!comparison.strangeness.empty()) {
        EXPECT_LE(relative_difference(values_of(name + ".strangeness"), comparison.strangeness), kTolerance)
            << name << "\n"
            << line_of(said, name);
      }
      for (const char* extension : {".onnx", ".shape", ".input", ".output", ".strangeness"}) {
        std::filesystem::remove(folder_ / name + extension);
      }
    }
    expected_.clear();
    return worst;
  }

  TemporaryFolder folder_;

 private:
  static std::string line_of(const std::string& said, const std::string& name) {
    const auto at = said.find("\"name\":\"" + name + "\"");
    return at == std::string::npos ? "nothing was said of it" : said.substr(at, said.find('\n', at) - at);
  }

  std::vector<float> values_of(const std::string& name) const {
    std::ifstream file(folder_ / name, std::ios::binary | std::ios::ate);
    std::vector<float> values(file ? static_cast<std::size_t>(file.tellg()) / sizeof(float) : 0);
    file.seekg(0);
    file.read(reinterpret_cast<char*>(values.data()),
              static_cast<std::streamsize>(values.size() * sizeof(float)));
    return values;
  }

  std::map<std::string, Comparison> expected_;
};

TEST_F(OnnxRuntime, ComputesEveryOp) {
  auto cases = reference::all_cases();
  std::ranges::move(padded_poolings(), std::back_inserter(cases));
  for (const auto& each : cases) {
    add(each.name, [&](const std::string& path) { return export_case(each, path); });
  }
  std::printf("worst of the ops: %.1e\n", run());
}

// Features of every shape: pooled, an image before a Flatten, tokens.
TEST_F(OnnxRuntime, TellsHowStrangeAPictureIs) {
  const auto strange = [&](const std::string& name, Model model, const std::vector<double>& limits,
                           const ExportOptions& options) {
    accept_at_random(model, limits);
    add(name, [&](const std::string& path) { return export_probabilities(model, path, options); });
  };
  const auto base = [](const char* name, int size) {
    const Architecture& row = architecture(name);
    Model model;
    model.graph = build_architecture(row, {.height = size, .width = size, .include_top = false});
    model.preprocessing = default_preprocessing(row, model.graph);
    model.parameters = reference::random_parameters(model.graph, 11);
    return model;
  };
  const Model mobile = base("mobilenet_v2", 64);
  strange("pooled", with_head(mobile, {.head = "gap,dropout:0.3,dense", .classes = 3}, 1), {0.5, 1, 2}, {});
  strange("logits", with_head(mobile, {.head = "gap,dense", .classes = 3}, 1), {0.5, 1, 2},
          {.logits = true, .layout = ImageLayout::channels_last});
  strange("one_unit", with_head(mobile, {.head = "gap,dense", .classes = 2}, 1), {0.5, 2}, {});
  strange("flat", with_head(mobile, {.head = "flatten,dense", .classes = 4}, 1), {1, 1, 1, 1},
          {.preprocessing = false});
  strange("hidden", with_head(mobile, {.head = "flatten,dense:16:relu,dense:softmax", .classes = 4}, 1),
          {1, 2, 1, 1}, {});
  run();
}

class OnnxRuntimeNetworks : public OnnxRuntime, public testing::WithParamInterface<Architecture> {};

TEST_P(OnnxRuntimeNetworks, ComputeTheSame) {
  const Model model = random_network(GetParam());
  add(GetParam().name, [&](const std::string& path) { return export_network(model, path); });
  std::printf("%-24s %-6s %dx%d %.1e\n", GetParam().name.c_str(),
              GetParam().flavour == Flavour::torch ? "torch" : "keras", model.preprocessing.height,
              model.preprocessing.width, run());
}

std::vector<Architecture> wanted_networks() {
  return std::getenv("HEADSTART_EXPORT_ALL") != nullptr ? architectures() : family_members();
}
INSTANTIATE_TEST_SUITE_P(Export, OnnxRuntimeNetworks, testing::ValuesIn(wanted_networks()), network_name);

// Of the photos that `predict` sees, fitted to the network's size as bytes, so that decoding and resizing are
// the same.
Tensor fitted_pixels(const std::vector<std::string>& photos, const Preprocessing& p) {
  Tensor pixels({static_cast<std::int64_t>(photos.size()), p.height, p.width, 3});
  float* to = pixels.data();
  for (const auto& photo : photos) {
    const Image fitted = fit_image(read_image(photo, decode_options_for(p)), p);
    to = std::copy(fitted.pixels.begin(), fitted.pixels.end(), to);
  }
  return pixels;
}

TEST_F(OnnxRuntime, SaysOfPhotosWhatPredictSays) {
  HEADSTART_NEEDS_SHARED();
  Progress progress;
  ModelRequest request{.model = "mobilenet", .weights = shared_path("weights/mobilenet_v1_0.25_224.h5")};
  request.architecture.alpha = 0.25;
  Model model = open_model(request, progress);
  model.temperature = 1.3;
  const auto photos = image_files(shared_path("data/photos"));
  const auto predictions = classify(model, photos, 1000, {.precision = Precision::f32}, progress);
  Tensor expected({static_cast<std::int64_t>(photos.size()), 1000});
  for (std::size_t i = 0; i < photos.size(); ++i) {
    for (const auto& each : predictions[i].classes) {
      expected[static_cast<std::int64_t>(i) * 1000 + each.index] = each.probability;
    }
  }
  add("photos", [&](const std::string& path) {
    export_onnx(model, path);
    return Comparison{channels_first(fitted_pixels(photos, model.preprocessing)), expected};
  });
  std::printf("%zu photos: %.1e\n", photos.size(), run());
}

}  // namespace
}  // namespace headstart::test
