// Features of classes without photos: those of other photos, moved to where the class lies.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "headstart/tensor.h"
#include "headstart/train.h"

namespace headstart {

// The mean of the rows with each label, of rows scaled to length 1: (classes, features); zeros for a class
// without rows.
Tensor unit_means(const MemoryDataset& features, int classes);

// The row of class `from`, as long as it is, in the direction that differs from the centroid `to` as its own
// does from its class's.
void move_feature(std::span<const float> row, std::span<const float> from, std::span<const float> to,
                  std::span<float> moved);

// Fills each of the classes up to `wanted` rows with rows of the classes from `first_new` on that are moved
// to its centroid; the same for the same seed.
void fill_up(MemoryDataset& features, const std::vector<int>& classes, int first_new, int wanted,
             const Tensor& centroids, std::uint64_t seed);

}  // namespace headstart
