// Reference matrix product of a dense layer and its gradients.
#pragma once

#include "reference/array.h"

namespace headstart::reference {

// input (N, ..., I) applied to the last axis, kernel (I, O), bias (O) or null -> (N, ..., O).
Array dense(const Array& input, const Array& kernel, const Array* bias);

struct DenseGradients {
  Array input, kernel, bias;
};
DenseGradients dense_backward(const Array& input, const Array& kernel, const Array& diff_output);

}  // namespace headstart::reference
