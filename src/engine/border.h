// Where oneDNN's exceptions become ours.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

#include "headstart/error.h"

namespace headstart {

template <typename Work>
auto at_border(const char* what, Work work) {
  try {
    return work();
  } catch (const dnnl::error& error) {
    throw Error(std::string("[engine] ") + what + " failed: " + error.what());
  }
}

}  // namespace headstart
