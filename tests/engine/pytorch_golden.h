// Reading what tools/make_golden.py stored.
#pragma once

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "headstart/graph.h"
#include "headstart/tensor.h"
#include "support/tolerance.h"

namespace headstart::test {

nlohmann::json read_golden(const std::string& name);

// The zoo's network of a stored case.
Graph golden_graph(const nlohmann::json& golden);

// A tensor against its stored sum, norm and elements, each within `relative` of what rounding can do to it:
// elements and norm against the norm a typical element has, the sum against the norm times the square root of
// the count.
testing::AssertionResult matches_digest(const Tensor& tensor, const nlohmann::json& digest, double relative);

}  // namespace headstart::test
