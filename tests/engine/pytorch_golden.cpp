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

void PrintTo(const GoldenCase& golden, std::ostream* out) { *out << golden.stored.at("network"); }

std::vector<GoldenCase> golden_cases(const std::string& name) {
  std::vector<GoldenCase> all;
  const nlohmann::json file = read_golden(name);
  for (const nlohmann::json& stored : file.at("cases")) {
    all.push_back({stored});
  }
  return all;
}

Graph golden_graph(const nlohmann::json& golden) {
  const int size = golden.at("size").get<int>();
  const bool torch = golden.value("flavour", "keras") == "torch";
  const bool headless = golden.contains("base") || golden.value("pooled", false);
  return build_architecture(
      architecture(golden.at("network").get<std::string>(), torch ? Flavour::torch : Flavour::keras),
      {.height = size,
       .width = size,
       .alpha = golden.value("alpha", 1.0),
       .include_top = !headless,
       .classes = golden.at("classes").get<int>()});
}

testing::AssertionResult matches_digest(const Tensor& tensor, const nlohmann::json& digest, double relative,
                                        double floor) {
  double sum = 0.0;
  double squares = 0.0;
  for (const float value : tensor.values()) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const auto expected_norm = digest.at("norm").get<double>();
  const auto expected_sum = digest.at("sum").get<double>();
  const double allowed = std::max(floor, relative * expected_norm);
  const double root = std::sqrt(static_cast<double>(tensor.size()));
  if (!(std::abs(std::sqrt(squares) - expected_norm) <= allowed)) {
    return testing::AssertionFailure() << "norm " << std::sqrt(squares) << ", PyTorch's " << expected_norm;
  }
  if (!(std::abs(sum - expected_sum) <= allowed * root)) {
    return testing::AssertionFailure()
           << "sum " << sum << ", PyTorch's " << expected_sum << ", allowed " << allowed * root;
  }
  const auto samples = digest.at("values").get<std::vector<float>>();
  const std::int64_t stride = std::max<std::int64_t>(1, tensor.size() / 8);
  std::vector<float> actual;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    actual.push_back(tensor[static_cast<std::int64_t>(i) * stride]);
  }
  // Four times the spread difference: one element may carry more than its share.
  return all_close(actual, samples, {.atol = 4.0 * allowed / root, .rtol = relative});
}

double largest_norm(const nlohmann::json& digests) {
  double largest = 0.0;
  for (const auto& [name, digest] : digests.items()) {
    largest = std::max(largest, digest.at("norm").get<double>());
  }
  return largest;
}

}  // namespace headstart::test
