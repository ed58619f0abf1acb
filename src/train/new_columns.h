// The last layer with its old columns standing still beside new ones, as a network of its own on features.
#pragma once

#include <cstdint>

#include "headstart/model.h"
#include "headstart/train.h"
#include "train/last_dense.h"

namespace headstart {

// features -> dropout -> (old columns, new columns) -> activation, of an enlarged classifier. The new columns
// are imprinted: from the middle of the old classes' centroids towards that of each new class, as long as the
// old columns are on average. `centroids`: (classes, features), of features of length 1.
Model new_columns_on(const Model& enlarged, const LastDense& last, std::int64_t old_classes,
                     const Tensor& centroids);

// Into the enlarged classifier's last layer.
void take_new_columns(Model& enlarged, const LastDense& last, std::int64_t old_classes, const Model& trained);

}  // namespace headstart
