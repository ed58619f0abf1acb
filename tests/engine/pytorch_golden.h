// Reading what tests/tools/make_golden.py and make_torchvision_golden.py stored.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "headstart/graph.h"
#include "headstart/tensor.h"
#include "support/tolerance.h"

namespace headstart::test {

nlohmann::json read_golden(const std::string& name);

// One of a file's cases, as a parameter of a test.
struct GoldenCase {
  nlohmann::json stored;
};
void PrintTo(const GoldenCase& golden, std::ostream* out);
std::vector<GoldenCase> golden_cases(const std::string& name);

// The zoo's network of a stored case; without its top where the output of the base is stored, or where the
// case has another.
Graph golden_graph(const nlohmann::json& golden);

// A tensor against its stored sum, norm and elements. The norm may differ by `relative` of itself or by
// `floor`, elements and the sum by what such a difference makes when it is spread over all elements.
testing::AssertionResult matches_digest(const Tensor& tensor, const nlohmann::json& digest, double relative,
                                        double floor = 0.0);

// The largest norm among digests.
double largest_norm(const nlohmann::json& digests);

}  // namespace headstart::test
