// Reference batch normalisation over the last axis, with the batch's or the moving statistics, and its
// gradients.
#pragma once

#include "headstart/op.h"
#include "reference/array.h"

namespace headstart::reference {

// Per channel. `variance` is the biased one (divided by n): all frameworks normalise with it.
struct BatchStatistics {
  Array mean, variance;
};

BatchStatistics batch_statistics(const Array& input);

// What a training step leaves in the moving statistics: momentum * moving + (1 - momentum) * batch. The
// variance that enters is the unbiased one, biased * n / max(n - 1, 1), as in PyTorch and in the fused kernel
// of TensorFlow that trained Keras's convolutional networks (Keras 3 takes the biased one).
BatchStatistics updated_moving(const BatchStatistics& moving, const BatchStatistics& batch,
                               std::int64_t elements_a_channel, double momentum);

// (x - mean) / sqrt(variance + epsilon) * gamma + beta; gamma and beta (C) may be null.
Array batch_norm(const Array& input, const BatchStatistics& statistics, const Array* gamma, const Array* beta,
                 double epsilon);

// Batch renormalisation's r and d a channel.
struct RenormCorrections {
  Array r, d;
};
RenormCorrections renorm_corrections(const BatchStatistics& batch, const BatchStatistics& moving,
                                     const BatchNormalization& op);
// ((x - mean) / sqrt(variance + epsilon) * r + d) * gamma + beta with the batch's statistics.
Array batch_renorm(const Array& input, const BatchStatistics& batch, const RenormCorrections& corrections,
                   const Array* gamma, const Array* beta, double epsilon);

struct BatchNormGradients {
  Array input, gamma, beta;
};
// With constant statistics.
BatchNormGradients frozen_batch_norm_backward(const Array& input, const BatchStatistics& statistics,
                                              const Array* gamma, const Array& diff_output, double epsilon);
// With the statistics of this very input: they depend on it.
BatchNormGradients training_batch_norm_backward(const Array& input, const BatchStatistics& statistics,
                                                const Array* gamma, const Array& diff_output, double epsilon);
BatchNormGradients batch_renorm_backward(const Array& input, const BatchStatistics& statistics,
                                         const RenormCorrections& corrections, const Array* gamma,
                                         const Array& diff_output, double epsilon);

}  // namespace headstart::reference
