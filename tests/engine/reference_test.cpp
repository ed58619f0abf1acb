// The reference against finite differences in double precision, every op, inputs and parameters; and against
// numbers worked out by hand where a framework's convention is at stake.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "reference/cases.h"
#include "reference/convolution.h"
#include "reference/interpreter.h"
#include "reference/pooling.h"

namespace headstart::reference {
namespace {

struct Setting {
  Case which;
  BatchNormMode batch_norm = BatchNormMode::frozen;
};

void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.which.name; }

std::vector<Setting> settings() {
  std::vector<Setting> all;
  for (const Case& each : all_cases()) {
    all.push_back({each, BatchNormMode::frozen});
    const auto has_norm = [](const Node& node) {
      return std::holds_alternative<BatchNormalization>(node.op);
    };
    if (std::ranges::any_of(each.graph.nodes(), has_norm)) {
      all.push_back({each, BatchNormMode::training});
    }
  }
  return all;
}

std::string setting_name(const testing::TestParamInfo<Setting>& info) {
  return info.param.which.name + (info.param.batch_norm == BatchNormMode::training ? "_training" : "");
}

// A scalar function of the network's output: its product with fixed random weights.
double weighted_sum(const Array& output, const Array& weights) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < output.size(); ++i) {
    sum += output[i] * weights[i];
  }
  return sum;
}

class FiniteDifferences : public testing::TestWithParam<Setting> {
 protected:
  double loss() const {
    return weighted_sum(
        forward(graph_, parameters_, input_, options_).values[static_cast<std::size_t>(graph_.output())],
        weights_);
  }

  // Compares up to `kSamples` elements of a gradient with the central difference. The step 1e-5 leaves a
  // truncation error near 1e-10 and a rounding error near 1e-11 of the loss's terms.
  void expect_gradient(const std::string& name, Array& value, const Array& gradient) {
    constexpr std::int64_t kSamples = 12;
    constexpr double kStep = 1e-5;
    ASSERT_EQ(value.shape, gradient.shape) << name;
    const std::int64_t stride = std::max<std::int64_t>(1, value.size() / kSamples);
    for (std::int64_t i = 0; i < value.size(); i += stride) {
      const double kept = value[i];
      value[i] = kept + kStep;
      const double above = loss();
      value[i] = kept - kStep;
      const double below = loss();
      value[i] = kept;
      const double difference = (above - below) / (2.0 * kStep);
      EXPECT_NEAR(gradient[i], difference, 1e-7 + 1e-6 * std::abs(difference)) << name << " element " << i;
    }
  }

  Graph graph_ = GetParam().which.graph;
  Options options_{.batch_norm = GetParam().batch_norm};
  ParameterArrays parameters_ = to_arrays(random_parameters(graph_, 3));
  Array input_ = to_array(random_tensor(with_batch(GetParam().which.batch, graph_.input_shape()), 5,
                                        GetParam().which.input_scale));
  Array weights_ = to_array(random_tensor(with_batch(GetParam().which.batch, graph_.output_shape()), 7));
};

TEST_P(FiniteDifferences, Agree) {
  const Trace trace = forward(graph_, parameters_, input_, options_);
  options_.renorm_corrections = trace.renorm_corrections;
  const Gradients gradients = backward(graph_, parameters_, trace, weights_, options_);
  expect_gradient("input", input_, gradients.values[0]);
  for (const auto& [name, gradient] : gradients.parameters) {
    expect_gradient(name, parameters_.at(name), gradient);
  }
  for (NodeId id = 0; id < static_cast<NodeId>(graph_.nodes().size()); ++id) {
    for (const ParameterSpec& spec : parameter_specs(graph_, id)) {
      EXPECT_EQ(spec.trainable, gradients.parameters.contains(graph_.node(id).name + "/" + spec.name))
          << spec.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Reference, FiniteDifferences, testing::ValuesIn(settings()), setting_name);

Array image(std::int64_t height, std::int64_t width, std::vector<double> values) {
  Array array({1, height, width, 1});
  array.values = std::move(values);
  return array;
}

Array ones_kernel(std::int64_t extent) {
  Array kernel({extent, extent, 1, 1});
  std::ranges::fill(kernel.values, 1.0);
  return kernel;
}

// TensorFlow pads an even image at stride 2 below and to the right only.
TEST(ReferenceConvolution, SamePaddingGoesBelowAndRight) {
  const Array input = image(4, 4, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
  const auto geometry = convolution_geometry(Padding::same(), {3, 3}, {2, 2}, {1, 1}, 1, input);
  EXPECT_EQ(convolution(input, ones_kernel(3), nullptr, geometry).values,
            (std::vector<double>{54, 45, 72, 54}));
}

TEST(ReferencePooling, AverageLeavesPaddingOut) {
  const Array input = image(2, 2, {1, 2, 3, 6});
  const auto geometry = [&](PoolingKind kind) {
    return pooling_geometry(kind, Padding::same(), {2, 2}, {1, 1}, input);
  };
  EXPECT_EQ(pooling(input, geometry(PoolingKind::average)).values, (std::vector<double>{3, 4, 4.5, 6}));
  EXPECT_EQ(pooling(input, geometry(PoolingKind::average_counting_padding)).values,
            (std::vector<double>{3, 2, 2.25, 1.5}));
}

TEST(ReferencePooling, PaddingNeverWinsAMaximum) {
  const Array input = image(2, 2, {-4, -3, -2, -1});
  const auto geometry = pooling_geometry(PoolingKind::maximum, Padding::symmetric(1), {2, 2}, {2, 2}, input);
  EXPECT_EQ(pooling(input, geometry).values, (std::vector<double>{-4, -3, -2, -1}));
}

// Values 1, 2, 3, 6: mean 3, biased variance 3.5, unbiased 14 / 3.
TEST(ReferenceBatchNorm, MovingVarianceTakesTheUnbiasedOne) {
  const Array input = image(2, 2, {1, 2, 3, 6});
  const BatchStatistics batch = batch_statistics(input);
  EXPECT_DOUBLE_EQ(batch.mean[0], 3.0);
  EXPECT_DOUBLE_EQ(batch.variance[0], 3.5);
  Array one({1});
  one[0] = 1.0;
  const BatchStatistics after = updated_moving({.mean = Array({1}), .variance = one}, batch, 4, 0.9);
  EXPECT_DOUBLE_EQ(after.mean[0], 0.1 * 3.0);
  EXPECT_DOUBLE_EQ(after.variance[0], 0.9 + 0.1 * 14.0 / 3.0);
}

TEST(ReferenceInterpreter, LogitsGraphDropsTheLastActivationOnly) {
  for (const Case& each : composed_cases()) {
    const Graph logits = logits_graph(each.graph);
    ASSERT_EQ(logits.nodes().size(), each.graph.nodes().size());
    EXPECT_EQ(output_activation(logits), OutputActivation::none) << each.name;
  }
}

TEST(ReferenceInterpreter, DropoutMaskScalesForwardAndBackward) {
  Graph graph("masked");
  graph.add("input", Input{{3}}, std::vector<NodeId>{});
  const NodeId id = graph.add("dropout", Dropout{.rate = 0.5F}, 0);
  Array input({1, 3});
  input.values = {1, 2, 3};
  Array mask({1, 3});
  mask.values = {2, 0, 2};
  const Options options{.dropout_masks = {{id, mask}}};
  const Trace trace = forward(graph, {}, input, options);
  EXPECT_EQ(trace.values[1].values, (std::vector<double>{2, 0, 6}));
  EXPECT_EQ(backward(graph, {}, trace, input, options).values[0].values, (std::vector<double>{2, 0, 6}));
}

}  // namespace
}  // namespace headstart::reference
