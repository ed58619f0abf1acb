// A few rows of an outer product at a time: a block of columns of all of them stays in registers while the
// factors' rows go by.
#include "headstart/outer_product.h"

#include "core/lanes.h"
#include "core/panels.h"

namespace headstart {

OuterProductRows::OuterProductRows(const OuterProduct& product) : product_(product) {
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    pack_panels<L>(product_.diff, product_.rows, product_.outputs, product_.outputs, 1, panels_);
  });
}

void OuterProductRows::compute(std::int64_t first, std::int64_t count, float* result) const {
  float columns[WideProduct::kMostRows * kProductRows];
  take_columns(product_.source, product_.rows, product_.inputs, first, count, columns);
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    multiply_rows<L>(columns, panels_.data(), product_.rows, product_.outputs, count, result);
  });
}

}  // namespace headstart
