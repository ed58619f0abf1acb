// Reference attention within windows of an image, pixel by pixel, with its gradients.
#pragma once

#include "headstart/op.h"
#include "reference/array.h"

namespace headstart::reference {

Array window_attention(const Array& input, const WindowAttention& op, const Array& table);

struct WindowGradients {
  Array input, table;
};
WindowGradients window_attention_backward(const Array& input, const WindowAttention& op, const Array& table,
                                          const Array& diff_output);

}  // namespace headstart::reference
