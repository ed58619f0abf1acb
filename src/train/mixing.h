// MixUp (Zhang et al., 2018) and CutMix (Yun et al., 2019) on what enters the trainable part: pictures when
// nothing is frozen, else the boundary's features (Manifold Mixup, Verma et al., 2019).
#pragma once

#include <cstdint>
#include <vector>

#include "core/random.h"
#include "headstart/tensor.h"
#include "train/boundary_source.h"

namespace headstart {

struct MixingOptions {
  double mixup = 0.0;   // alpha of the Beta distribution that the share comes from; 0: off
  double cutmix = 0.0;  // the same; with both, every batch takes one of them by chance
  std::uint64_t seed = 0;
};

// A batch in which sample i is mixed with sample i + 1, the last with the first.
struct MixedBatch {
  std::vector<const float*> tensors;
  std::vector<int> partners;  // their labels
  float share = 1.0F;         // of the sample itself
};

class Mixer {
 public:
  // `shapes`: of one sample of every boundary tensor. Throws Error for an alpha out of [0, 4] and for CutMix
  // without an image.
  Mixer(const MixingOptions& options, std::vector<Shape> shapes);

  bool on() const { return options_.mixup > 0.0 || options_.cutmix > 0.0; }
  // Depends on the batch, the seed and the step alone. Valid until the next call.
  const MixedBatch& mix(const BoundaryBatch& batch, std::int64_t step);

 private:
  void blend(const BoundaryBatch& batch, float share);
  float paste(const BoundaryBatch& batch, float share, Random& random);

  MixingOptions options_;
  std::vector<Shape> shapes_;
  std::vector<Tensor> storage_;
  MixedBatch mixed_;
};

}  // namespace headstart
