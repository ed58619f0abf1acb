#include "reference/pooling.h"

namespace headstart::reference {

namespace {

Shape output_shape(const Array& input, const PoolingGeometry& g) {
  return {input.shape[0],
          (input.shape[1] + g.vertical.before + g.vertical.after - g.pool.height) / g.strides.height + 1,
          (input.shape[2] + g.horizontal.before + g.horizontal.after - g.pool.width) / g.strides.width + 1,
          input.shape[3]};
}

// Calls visit(output index, input indices of the window that lie inside the image).
template <typename Visit>
void for_each_window(const Shape& in, const Shape& out, const PoolingGeometry& g, Visit visit) {
  for (std::int64_t n = 0; n < out[0]; ++n) {
    for (std::int64_t oh = 0; oh < out[1]; ++oh) {
      for (std::int64_t ow = 0; ow < out[2]; ++ow) {
        for (std::int64_t c = 0; c < out[3]; ++c) {
          std::vector<std::int64_t> window;
          for (std::int64_t kh = 0; kh < g.pool.height; ++kh) {
            for (std::int64_t kw = 0; kw < g.pool.width; ++kw) {
              const std::int64_t ih = oh * g.strides.height - g.vertical.before + kh;
              const std::int64_t iw = ow * g.strides.width - g.horizontal.before + kw;
              if (ih >= 0 && ih < in[1] && iw >= 0 && iw < in[2]) {
                window.push_back(((n * in[1] + ih) * in[2] + iw) * in[3] + c);
              }
            }
          }
          visit(((n * out[1] + oh) * out[2] + ow) * out[3] + c, window);
        }
      }
    }
  }
}

std::int64_t index_of_maximum(const Array& input, const std::vector<std::int64_t>& window) {
  std::int64_t best = window.front();
  for (const std::int64_t i : window) {
    if (input[i] > input[best]) {
      best = i;
    }
  }
  return best;
}

double divisor(const std::vector<std::int64_t>& window, const PoolingGeometry& g) {
  const bool whole = g.kind == PoolingKind::average_counting_padding;
  return whole ? static_cast<double>(g.pool.height) * g.pool.width : static_cast<double>(window.size());
}

}  // namespace

PoolingGeometry pooling_geometry(PoolingKind kind, const Padding& padding, Size2 pool, Size2 strides,
                                 const Array& input) {
  return {.kind = kind,
          .pool = pool,
          .strides = strides,
          .vertical = resolve_padding(padding, true, input.shape[1], pool.height, strides.height, 1),
          .horizontal = resolve_padding(padding, false, input.shape[2], pool.width, strides.width, 1)};
}

PoolingGeometry global_pooling_geometry(PoolingKind kind, const Array& input) {
  return {.kind = kind,
          .pool = {.height = static_cast<int>(input.shape[1]), .width = static_cast<int>(input.shape[2])}};
}

Array pooling(const Array& input, const PoolingGeometry& geometry) {
  Array output(output_shape(input, geometry));
  for_each_window(input.shape, output.shape, geometry,
                  [&](std::int64_t o, const std::vector<std::int64_t>& window) {
                    if (geometry.kind == PoolingKind::maximum) {
                      output[o] = input[index_of_maximum(input, window)];
                      return;
                    }
                    double sum = 0.0;
                    for (const std::int64_t i : window) {
                      sum += input[i];
                    }
                    output[o] = sum / divisor(window, geometry);
                  });
  return output;
}

Array pooling_backward(const Array& input, const Array& diff_output, const PoolingGeometry& geometry) {
  Array diff_input(input.shape);
  for_each_window(input.shape, diff_output.shape, geometry,
                  [&](std::int64_t o, const std::vector<std::int64_t>& window) {
                    if (geometry.kind == PoolingKind::maximum) {
                      diff_input[index_of_maximum(input, window)] += diff_output[o];
                      return;
                    }
                    for (const std::int64_t i : window) {
                      diff_input[i] += diff_output[o] / divisor(window, geometry);
                    }
                  });
  return diff_input;
}

}  // namespace headstart::reference
