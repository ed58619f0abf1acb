// Models for other runtimes to compute, with what Headstart computes itself.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "headstart/export.h"
#include "headstart/zoo.h"
#include "reference/cases.h"

namespace headstart::test {

// Of the greatest output: sums are in another order, and some exponentials approximations.
inline constexpr double kTolerance = 1e-4;

// What a runtime is to compute: `expected` of `input`, both in the layout of the exported file.
struct Comparison {
  Tensor input, expected;
  Tensor strangeness{};  // (N, 1), the second output; empty without
};

// (N, H, W, C) to (N, C, H, W); other tensors as they are.
Tensor channels_first(Tensor tensor);

// Writes a case as `path`, its raw output where that is no activated vector of classes.
Comparison export_case(const reference::Case& which, const std::string& path);

// Zeros around an image whose maximum or mean is taken next: not the same as the pooling's own padding.
std::vector<reference::Case> padded_poolings();

// A network of the zoo at its smallest size, with random parameters and statistics and without its last
// activation, which would hide differences of the logits.
Model random_network(const Architecture& row);
// From random pixels to logits, the preprocessing in the file.
Comparison export_network(const Model& model, const std::string& path, int batch = 2);

// A classifier from random pixels to what class_probabilities says, in the layout that is asked for.
Comparison export_probabilities(const Model& model, const std::string& path,
                                const ExportOptions& options = {}, int batch = 3);

// Gives a classifier an acceptance with these limits, a class each, and the rest at random.
void accept_at_random(Model& model, const std::vector<double>& limits);

// The greatest difference, as a share of the greatest expected value; infinite for another number of values
// or a NaN.
double relative_difference(std::span<const float> actual, const Tensor& expected);

// One member of every family of the zoo.
std::vector<Architecture> family_members();
std::string network_name(const testing::TestParamInfo<Architecture>& info);

}  // namespace headstart::test
