// Reference pooling, windowed and global, and its gradients.
#pragma once

#include "headstart/graph.h"
#include "reference/array.h"

namespace headstart::reference {

enum class PoolingKind { maximum, average, average_counting_padding };

struct PoolingGeometry {
  PoolingKind kind = PoolingKind::maximum;
  Size2 pool{};
  Size2 strides{};
  AxisPadding vertical{}, horizontal{};
};

PoolingGeometry pooling_geometry(PoolingKind kind, const Padding& padding, Size2 pool, Size2 strides,
                                 const Array& input);
// One window over the whole image.
PoolingGeometry global_pooling_geometry(PoolingKind kind, const Array& input);

// (N, H, W, C) -> (N, OH, OW, C). Padding never wins a maximum; an average divides by the elements inside the
// image, or by the whole window for average_counting_padding.
Array pooling(const Array& input, const PoolingGeometry& geometry);
// Gradient of the input. A maximum's gradient goes to the first of equal elements, in row order.
Array pooling_backward(const Array& input, const Array& diff_output, const PoolingGeometry& geometry);

}  // namespace headstart::reference
