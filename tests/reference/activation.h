// Reference activations and their gradients.
#pragma once

#include "headstart/op.h"
#include "reference/array.h"

namespace headstart::reference {

// Elementwise; softmax over the last axis.
Array activate(const Array& input, const Activation& activation);
// Gradient of the activation's input from the input and the gradient of the output. At a kink the derivative
// is 0.
Array activate_backward(const Array& input, const Array& diff_output, const Activation& activation);

}  // namespace headstart::reference
