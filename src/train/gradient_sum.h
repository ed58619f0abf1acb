// Gradients of several batches on their way to one step of the optimizer.
#pragma once

#include <cstddef>

#include "headstart/parameters.h"

namespace headstart {

class GradientSum {
 public:
  // `gradients`: means over `samples`.
  void add(const Parameters& gradients, std::size_t samples);
  int batches() const { return batches_; }
  // The mean over all samples; valid until the next call. The next sum begins at zero.
  Parameters& take_mean();
  void clear() { batches_ = 0; }

 private:
  Parameters sum_;  // of gradient times samples
  int batches_ = 0;
  std::size_t samples_ = 0;
};

}  // namespace headstart
