// Reference normalisations that use no statistics of a batch: rows, and channels with given constants; and
// their gradients.
#pragma once

#include "headstart/op.h"
#include "reference/array.h"

namespace headstart::reference {

// Every row of the last axis: (x - mean) / sqrt(biased variance + epsilon) * gamma + beta; gamma and beta (C)
// may be null.
Array layer_norm(const Array& input, const Array* gamma, const Array* beta, double epsilon);
struct LayerNormGradients {
  Array input, gamma, beta;
};
LayerNormGradients layer_norm_backward(const Array& input, const Array* gamma, const Array& diff_output,
                                       double epsilon);

// input * factor, one factor (C) a channel.
Array scale(const Array& input, const Array& factor);
struct ScaleGradients {
  Array input, factor;
};
ScaleGradients scale_backward(const Array& input, const Array& factor, const Array& diff_output);

// Each sample's (H, W, C / groups) as one row of a layer norm; gamma and beta (C) may be null.
Array group_norm(const Array& input, int groups, const Array* gamma, const Array* beta, double epsilon);
LayerNormGradients group_norm_backward(const Array& input, int groups, const Array* gamma,
                                       const Array& diff_output, double epsilon);

Array local_response_norm(const Array& input, const LocalResponseNormalization& op);
Array local_response_norm_backward(const Array& input, const LocalResponseNormalization& op,
                                   const Array& diff_output);

// Keras's Normalization: (x - mean) / max(sqrt(variance), 1e-7).
Array standardize(const Array& input, const Array& mean, const Array& variance);
Array standardize_backward(const Array& variance, const Array& diff_output);

}  // namespace headstart::reference
