#include "weights/weight_layout.h"

#include <algorithm>
#include <variant>
#include <vector>

#include "headstart/error.h"

namespace headstart {
namespace {

// destination (a, b, c, d) = source[index(a, b, c, d)].
template <typename Index>
Tensor permuted(const Shape& shape, const Tensor& source, Index index) {
  Tensor result(shape);
  float* to = result.data();
  for (std::int64_t a = 0; a < shape[0]; ++a) {
    for (std::int64_t b = 0; b < shape[1]; ++b) {
      for (std::int64_t c = 0; c < shape[2]; ++c) {
        for (std::int64_t d = 0; d < shape[3]; ++d) {
          *to++ = source[index(a, b, c, d)];
        }
      }
    }
  }
  return result;
}

// (outputs, columns) -> (columns, outputs) of `shape`, where column c goes to row `row_of(c)`. A few outputs
// at a time: the source is read once from front to back, and the destination is written in whole cache lines.
template <typename RowOf>
Tensor transposed(const Tensor& source, const Shape& shape, std::int64_t outputs, const Consumed& consumed,
                  RowOf row_of) {
  constexpr std::int64_t kTogether = 32;
  Tensor result(shape);
  const auto columns = outputs == 0 ? 0 : source.size() / outputs;
  std::vector<std::int64_t> rows(static_cast<std::size_t>(columns));
  for (std::int64_t column = 0; column < columns; ++column) {
    rows[static_cast<std::size_t>(column)] = row_of(column);
  }
  for (std::int64_t first = 0; first < outputs; first += kTogether) {
    const auto count = std::min(kTogether, outputs - first);
    const float* from = source.data() + first * columns;
    for (std::int64_t column = 0; column < columns; ++column) {
      float* to = result.data() + rows[static_cast<std::size_t>(column)] * outputs + first;
      for (std::int64_t i = 0; i < count; ++i) {
        to[i] = from[i * columns + column];
      }
    }
    consumed({from, static_cast<std::size_t>(count * columns)});
  }
  return result;
}

// Column (in, y, x) of a kernel (out, in, kh, kw) is row (y, x, in) of one of `shape` (kh, kw, in, out).
Tensor from_oihw(const Tensor& source, const Shape& shape, const Consumed& consumed) {
  const auto pixels = shape[0] * shape[1];
  return transposed(source, shape, shape[3], consumed, [pixels, inputs = shape[2]](std::int64_t column) {
    return column % pixels * inputs + column / pixels;
  });
}

Tensor from_depthwise(const Tensor& source, const Shape& shape, const Consumed& consumed) {
  return transposed(source, shape, shape[2] * shape[3], consumed, [](std::int64_t pixel) { return pixel; });
}

Tensor rotated(const Tensor& source) {
  const auto& shape = source.shape();
  const auto height = shape[0];
  const auto width = shape[1];
  const auto inner = shape[2] * shape[3];
  return permuted(shape, source, [=, outputs = shape[3]](auto y, auto x, auto in, auto out) {
    return ((height - 1 - y) * width + (width - 1 - x)) * inner + in * outputs + out;
  });
}

// Where row `row` of a dense kernel over H, W, C stands when the inputs were flattened as C, H, W.
std::int64_t channels_first_row(std::int64_t row, const Shape& flattened) {
  const auto channels = flattened[2];
  const auto pixels = flattened[0] * flattened[1];
  return row % channels * pixels + row / channels;
}

// `flattened`: column (c, y, x) is row (y, x, c); empty where both are in one order.
Tensor from_dense(const Tensor& source, const Shape& shape, const Shape& flattened,
                  const Consumed& consumed) {
  const auto pixels = flattened.empty() ? 1 : flattened[0] * flattened[1];
  const auto channels = flattened.empty() ? 1 : flattened[2];
  return transposed(source, shape, shape[1], consumed, [&](std::int64_t column) {
    return flattened.empty() ? column : column % pixels * channels + column / pixels;
  });
}

Tensor with_rows_reordered(const Tensor& source, const Shape& shape, const Shape& flattened) {
  Tensor result(shape);
  const auto outputs = shape[1];
  for (std::int64_t in = 0; in < shape[0]; ++in) {
    const float* row = source.data() + channels_first_row(in, flattened) * outputs;
    std::copy_n(row, outputs, result.data() + in * outputs);
  }
  return result;
}

}  // namespace

std::string describe(Transform transform) {
  switch (transform) {
    case Transform::none:
    case Transform::channels:
    case Transform::tokens:
      return "";
    case Transform::rotate:
      return "rotated";
    case Transform::oihw:
    case Transform::depthwise:
    case Transform::dense:
      return "transposed";
    case Transform::oihw_rotate:
      return "transposed, rotated";
    case Transform::dense_channels_first:
      return "transposed, flatten order";
    case Transform::rows_channels_first:
      return "flatten order";
  }
  throw Error("[weights] expected a transform; received none of them");
}

std::optional<Shape> transformed_shape(Transform transform, const Shape& shape, std::int64_t multiplier) {
  switch (transform) {
    case Transform::none:
    case Transform::rotate:
    case Transform::rows_channels_first:
      return shape;
    case Transform::oihw:
    case Transform::oihw_rotate:
      return shape.size() == 4 ? std::optional(Shape{shape[2], shape[3], shape[1], shape[0]}) : std::nullopt;
    case Transform::depthwise:
      return shape.size() == 4 && shape[1] == 1 && shape[0] % multiplier == 0
                 ? std::optional(Shape{shape[2], shape[3], shape[0] / multiplier, multiplier})
                 : std::nullopt;
    case Transform::dense:
    case Transform::dense_channels_first:
      return shape.size() == 2 ? std::optional(Shape{shape[1], shape[0]}) : std::nullopt;
    case Transform::channels:
      return shape.size() == 3 && shape[1] == 1 && shape[2] == 1 ? Shape{shape[0]} : shape;
    case Transform::tokens: {
      const auto begin =
          std::find_if(shape.begin(), shape.end(), [](std::int64_t extent) { return extent != 1; });
      return Shape(begin, shape.end());
    }
  }
  throw Error("[weights] expected a transform; received none of them");
}

Tensor apply(Transform transform, Tensor tensor, const Shape& expected, const Shape& flattened,
             const Consumed& consumed) {
  switch (transform) {
    case Transform::none:
      return tensor;
    case Transform::rotate:
      return rotated(tensor);
    case Transform::oihw:
      return from_oihw(tensor, expected, consumed);
    case Transform::oihw_rotate:
      return rotated(from_oihw(tensor, expected, consumed));
    case Transform::depthwise:
      return from_depthwise(tensor, expected, consumed);
    case Transform::dense:
      return from_dense(tensor, expected, {}, consumed);
    case Transform::dense_channels_first:
      return from_dense(tensor, expected, flattened, consumed);
    case Transform::rows_channels_first:
      return with_rows_reordered(tensor, expected, flattened);
    case Transform::channels:
    case Transform::tokens: {
      auto shape = transformed_shape(transform, tensor.shape(), 1).value();
      return std::move(tensor).reshaped(std::move(shape));
    }
  }
  throw Error("[weights] expected a transform; received none of them");
}

Transform torch_transform(const Op& op, const std::string& parameter, bool flatten_order) {
  if (std::holds_alternative<ClassToken>(op) || std::holds_alternative<PositionEmbedding>(op)) {
    return Transform::tokens;
  }
  if (std::holds_alternative<Scale>(op)) {
    return Transform::channels;
  }
  if (parameter == "depthwise_kernel" ||
      (parameter == "kernel" && std::holds_alternative<DepthwiseConv2D>(op))) {
    return Transform::depthwise;
  }
  if (parameter == "kernel" && std::holds_alternative<Dense>(op)) {
    return flatten_order ? Transform::dense_channels_first : Transform::dense;
  }
  return parameter == "kernel" || parameter == "pointwise_kernel" ? Transform::oihw : Transform::none;
}

Transform exported_transform(const Graph& graph, NodeId id, const std::string& parameter) {
  const auto& node = graph.node(id);
  const auto transform = torch_transform(node.op, parameter, false);
  if (transform == Transform::none) {
    return Transform::channels;
  }
  const bool rows = graph.node(node.inputs.front()).shape.size() > 1;
  return transform == Transform::dense && rows ? Transform::none : transform;
}

Tensor invert(Transform transform, const Tensor& tensor, const Shape& flattened) {
  const auto& shape = tensor.shape();
  switch (transform) {
    case Transform::none:
      return tensor;
    case Transform::oihw:
      return permuted({shape[3], shape[2], shape[0], shape[1]}, tensor,
                      [&](auto out, auto in, auto y, auto x) {
                        return ((y * shape[1] + x) * shape[2] + in) * shape[3] + out;
                      });
    case Transform::depthwise:
      return permuted(
          {shape[2] * shape[3], 1, shape[0], shape[1]}, tensor,
          [&](auto out, auto, auto y, auto x) { return (y * shape[1] + x) * shape[2] * shape[3] + out; });
    case Transform::dense:
    case Transform::dense_channels_first: {
      Tensor result({shape[1], shape[0]});
      for (std::int64_t in = 0; in < shape[0]; ++in) {
        const auto column = transform == Transform::dense ? in : channels_first_row(in, flattened);
        for (std::int64_t out = 0; out < shape[1]; ++out) {
          result[out * shape[0] + column] = tensor[in * shape[1] + out];
        }
      }
      return result;
    }
    case Transform::channels:
      return Tensor(tensor).reshaped({shape[0], 1, 1});
    case Transform::tokens:
      return Tensor(tensor).reshaped(shape.size() == 1 ? Shape{1, 1, shape[0]}
                                                       : Shape{1, shape[0], shape[1]});
    case Transform::rotate:
    case Transform::oihw_rotate:
    case Transform::rows_channels_first:
      break;
  }
  throw Error("[weights] expected a transform of PyTorch's layouts; received one of Theano's");
}

Shape flattened_shape(const Graph& graph, NodeId dense) {
  NodeId id = dense;
  do {
    const auto& inputs = graph.node(id).inputs;
    if (inputs.size() != 1) {
      return {};
    }
    id = inputs.front();
  } while (std::holds_alternative<Dropout>(graph.node(id).op) ||
           std::holds_alternative<ActivationLayer>(graph.node(id).op));
  if (!std::holds_alternative<Flatten>(graph.node(id).op)) {
    return {};
  }
  const auto& shape = graph.node(graph.node(id).inputs.front()).shape;
  const bool matters = shape.size() == 3 && shape[0] * shape[1] > 1 && shape[2] > 1;
  return matters ? shape : Shape{};
}

}  // namespace headstart
