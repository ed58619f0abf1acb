// What is asked of a table with a column a class.
#pragma once

#include "headstart/tensor.h"

namespace headstart {

// Throws Error unless the shape is (N, classes) with at least one class.
void require_class_table(const Tensor& table);

}  // namespace headstart
