// A layer that leaves its activation to others.
#pragma once

#include <variant>

#include "headstart/op.h"

namespace headstart {

// The same layer without the activation that it ends in, if it has one.
inline Op without_activation(Op op) {
  std::visit(
      [](auto& layer) {
        if constexpr (requires { layer.activation; }) {
          layer.activation = {};
        }
      },
      op);
  return op;
}

}  // namespace headstart
