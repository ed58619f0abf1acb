#include "engine/pytorch_golden.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "headstart/zoo.h"
#include "support/paths.h"

namespace headstart::test {

nlohmann::json read_golden(const std::string& name) {
  std::ifstream file(data_path("torch/" + name));
  return nlohmann::json::parse(file);
}

Graph golden_graph(const nlohmann::json& golden) {
  const int size = golden.at("size").get<int>();
  return build_architecture(architecture(golden.at("network").get<std::string>()),
                            {.height = size,
                             .width = size,
                             .alpha = golden.at("alpha").get<double>(),
                             .classes = golden.at("classes").get<int>()});
}

testing::AssertionResult matches_digest(const Tensor& tensor, const nlohmann::json& digest, double relative) {
  double sum = 0.0;
  double squares = 0.0;
  for (const float value : tensor.values()) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const auto expected_norm = digest.at("norm").get<double>();
  const auto expected_sum = digest.at("sum").get<double>();
  const double root = std::sqrt(static_cast<double>(tensor.size()));
  if (std::abs(std::sqrt(squares) - expected_norm) > relative * expected_norm) {
    return testing::AssertionFailure() << "norm " << std::sqrt(squares) << ", PyTorch's " << expected_norm;
  }
  if (std::abs(sum - expected_sum) > relative * expected_norm * root) {
    return testing::AssertionFailure() << "sum " << sum << ", PyTorch's " << expected_sum;
  }
  const auto samples = digest.at("values").get<std::vector<float>>();
  const std::int64_t stride = std::max<std::int64_t>(1, tensor.size() / 8);
  std::vector<float> actual;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    actual.push_back(tensor[static_cast<std::int64_t>(i) * stride]);
  }
  return all_close(actual, samples, {.atol = relative * expected_norm / root, .rtol = relative});
}

}  // namespace headstart::test
