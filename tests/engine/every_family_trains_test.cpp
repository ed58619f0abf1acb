// A member of every family of the zoo, at its smallest input size on sixteen pictures of Fashion-MNIST: a few
// steps of plain gradient descent make the loss fall, in f32 and in bf16, and no step of its programs is one
// of oneDNN's reference implementations.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/program_support.h"
#include "headstart/engine.h"
#include "headstart/idx.h"
#include "headstart/model.h"
#include "headstart/zoo.h"

namespace headstart {
namespace {

// Names of a family begin with `stem`. Of several members of the same code one is enough.
struct Family {
  std::string_view stem;
  Flavour flavour;
  const char* member;
};
constexpr Family kFamilies[] = {
    {"cnn_28", Flavour::keras, "cnn_28"},
    {"cnn_150", Flavour::keras, "cnn_150_dropout"},
    {"lenet", Flavour::keras, "lenet5"},
    {"vgg", Flavour::keras, "vgg16"},
    {"mobilenet", Flavour::keras, "mobilenet"},
    {"mobilenet_v2", Flavour::keras, "mobilenet_v2"},
    {"mobilenet_v3", Flavour::keras, "mobilenet_v3_small"},
    {"resnet", Flavour::keras, "resnet50"},
    {"inception_v3", Flavour::keras, "inception_v3"},
    {"inception_resnet_v2", Flavour::keras, "inception_resnet_v2"},
    {"xception", Flavour::keras, "xception"},
    {"densenet", Flavour::keras, "densenet121"},
    {"efficientnet_b", Flavour::keras, "efficientnet_b0"},
    {"efficientnet_v2", Flavour::keras, "efficientnet_v2_b0"},
    {"convnext", Flavour::keras, "convnext_tiny"},
    {"nasnet", Flavour::keras, "nasnet_mobile"},
    {"squeezenet", Flavour::keras, "squeezenet"},
    {"squeezenet", Flavour::torch, "squeezenet1_1"},
    {"alexnet", Flavour::torch, "alexnet"},
    {"vgg", Flavour::torch, "vgg11_bn"},
    {"googlenet", Flavour::torch, "googlenet"},
    {"inception_v2", Flavour::torch, "inception_v2"},
    {"inception_v3", Flavour::torch, "inception_v3"},
    {"inception_v4", Flavour::torch, "inception_v4"},
    {"resnet", Flavour::torch, "resnet18"},
    {"resnext", Flavour::torch, "resnext50_32x4d"},
    {"wide_resnet", Flavour::torch, "resnet50"},
    {"densenet", Flavour::torch, "densenet121"},
    {"mobilenet_v2", Flavour::torch, "mobilenet_v2"},
    {"mobilenet_v3", Flavour::torch, "mobilenet_v3_small"},
    {"efficientnet_b", Flavour::torch, "efficientnet_b0"},
    {"efficientnet_v2", Flavour::torch, "efficientnet_v2_s"},
    {"mnasnet", Flavour::torch, "mnasnet0_5"},
    {"shufflenet_v2", Flavour::torch, "shufflenet_v2_x0_5"},
    {"convnext", Flavour::torch, "convnext_tiny"},
    {"vit", Flavour::torch, "vit_tiny_patch16_224"},
    {"swin", Flavour::torch, "swin_t"},
};

void PrintTo(const Family& family, std::ostream* out) { *out << family.member; }

TEST(EveryFamily, HasAMemberBelow) {
  for (const Architecture& row : architectures()) {
    const bool known = std::ranges::any_of(kFamilies, [&](const Family& family) {
      return family.flavour == row.flavour && row.name.starts_with(family.stem);
    });
    EXPECT_TRUE(known) << row.name << ": add its family to kFamilies";
  }
}

constexpr int kShown = 16;
constexpr int kClasses = 10;
constexpr const char* kPictures = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";
constexpr const char* kLabels = "/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz";

class EveryFamilyTrains : public testing::TestWithParam<Family> {
 protected:
  const Architecture& row_ = architecture(GetParam().member, GetParam().flavour);
  Graph graph_ = smallest();

  // With its own top, but where that asks for a large input.
  Graph smallest() const {
    const bool own_top =
        row_.flavour == Flavour::keras || !(row_.name == "alexnet" || row_.name.starts_with("vgg"));
    const int size = row_.minimum_size;
    Graph graph = build_architecture(
        row_, {.height = size, .width = size, .include_top = own_top, .classes = kClasses});
    if (!own_top) {
      const NodeId pooled = graph.add("pooled", GlobalAveragePooling2D{}, graph.output());
      graph.add("head", Dense{.units = kClasses}, pooled);
    }
    return graph;
  }

  // The nearest pixel of the first pictures, as bytes for networks that scale them themselves.
  Tensor pictures() const {
    const IdxImages file = read_idx_images(kPictures);
    const Shape& shape = graph_.input_shape();
    Tensor batch({kShown, shape[0], shape[1], shape[2]});
    const bool bytes = row_.preprocessing == "none";
    float* to = batch.data();
    for (std::int64_t i = 0; i < kShown; ++i) {
      for (std::int64_t y = 0; y < shape[0]; ++y) {
        for (std::int64_t x = 0; x < shape[1]; ++x) {
          const std::int64_t row = i * file.height + y * file.height / shape[0];
          const auto pixel = row * file.width + x * file.width / shape[1];
          const float value = file.pixels[static_cast<std::size_t>(pixel)];
          to = std::fill_n(to, shape[2], bytes ? value : value / 127.5F - 1.0F);
        }
      }
    }
    return batch;
  }

  // The network may begin with layers that nothing trains: padding, a rescaling.
  std::vector<Tensor> boundary_values(const std::vector<NodeId>& boundary, const Parameters& parameters,
                                      const Tensor& input) const {
    if (boundary == std::vector<NodeId>{0}) {
      return {input};
    }
    FrozenProgram program(graph_, parameters, boundary, {.batch = kShown});
    return test::run_frozen(program, graph_, std::span(&input, 1), boundary);
  }
};

// Mean cross-entropy of softmax(logits) and its gradient.
double cross_entropy(const Tensor& logits, std::span<const int> labels, Tensor& gradient) {
  double loss = 0.0;
  const std::int64_t classes = logits.shape()[1];
  for (std::int64_t i = 0; i < kShown; ++i) {
    const auto row =
        logits.values().subspan(static_cast<std::size_t>(i * classes), static_cast<std::size_t>(classes));
    const auto largest = static_cast<double>(*std::ranges::max_element(row));
    double sum = 0.0;
    for (const float value : row) {
      sum += std::exp(static_cast<double>(value) - largest);
    }
    for (std::int64_t c = 0; c < classes; ++c) {
      const double log_probability =
          static_cast<double>(row[static_cast<std::size_t>(c)]) - largest - std::log(sum);
      const bool is_label = c == labels[static_cast<std::size_t>(i)];
      loss -= is_label ? log_probability / kShown : 0.0;
      gradient[i * classes + c] =
          static_cast<float>((std::exp(log_probability) - (is_label ? 1.0 : 0.0)) / kShown);
    }
  }
  return loss;
}

// Steps of the length that would take a tenth of the loss if it were linear, within reason.
void descend(Parameters& parameters, const Parameters& gradients, double loss) {
  double squares = 0.0;
  for (const auto& [name, gradient] : gradients) {
    for (const float value : gradient.values()) {
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
  }
  const auto rate = static_cast<float>(std::min(0.05, 0.1 * loss / squares));
  for (const auto& [name, gradient] : gradients) {
    Tensor& parameter = parameters.at(name);
    for (std::int64_t i = 0; i < gradient.size(); ++i) {
      parameter[i] -= rate * gradient[i];
    }
  }
}

void expect_no_reference(const std::vector<StepReport>& steps, const char* program) {
  for (const StepReport& step : steps) {
    EXPECT_EQ(step.implementation.find("ref"), std::string::npos)
        << program << ": " << step.node << ", " << step.kind << ": " << step.implementation;
  }
}

TEST_P(EveryFamilyTrains, TheLossFallsWithoutReferenceImplementations) {
  if (!std::filesystem::exists(kPictures)) {
    GTEST_SKIP() << "needs Debian's dataset-fashion-mnist";
  }
  const Tensor input = pictures();
  const std::vector<int> labels = read_idx_labels(kLabels);
  double exact_start = 0.0;
  for (const Precision precision : test::floating_precisions()) {
    SCOPED_TRACE(to_string(precision));
    Parameters parameters = initialize(graph_, 1);
    TrainingProgram program(graph_, parameters, {.batch = kShown, .precision = precision});
    Tensor gradient({kShown, kClasses});
    const std::vector<Tensor> boundary = boundary_values(program.boundary(), parameters, input);
    std::vector<const float*> sources;
    for (const Tensor& value : boundary) {
      sources.push_back(value.data());
    }
    std::vector<double> losses;
    // bf16 begins up to half above the exact loss, and needs more of them.
    const int steps = precision == Precision::f32 ? 6 : 12;
    for (int step = 0; step < steps; ++step) {
      // One step number: the same dropout mask, so that it is one function that falls.
      const Tensor& logits = program.forward(sources, 0);
      losses.push_back(cross_entropy(logits, labels, gradient));
      program.backward(gradient.data());
      descend(parameters, program.gradients(), losses.back());
    }
    if (precision == Precision::f32) {
      exact_start = losses.front();
      EXPECT_LT(losses.back(), exact_start);
    } else {
      // The loss of the deepest networks is noisy: their last batch norms see sixteen values.
      EXPECT_LT(*std::min_element(losses.begin() + 1, losses.end()), exact_start);
    }
    RecordProperty("losses_" + to_string(precision),
                   std::to_string(losses.front()) + " to " + std::to_string(losses.back()));
    expect_no_reference(program.report(0), "training");
    FrozenProgram frozen(graph_, parameters, {graph_.output()}, {.batch = kShown, .precision = precision});
    expect_no_reference(frozen.report(0), "frozen");
  }
}

std::string family_name(const testing::TestParamInfo<Family>& info) {
  return std::string(info.param.flavour == Flavour::torch ? "torch_" : "") + info.param.member;
}

INSTANTIATE_TEST_SUITE_P(Zoo, EveryFamilyTrains, testing::ValuesIn(kFamilies), family_name);

}  // namespace
}  // namespace headstart
