#include "headstart/versions.h"

#include <fmt/format.h>
#include <oneapi/dnnl/dnnl.hpp>

namespace headstart {

std::string headstart_version() { return HEADSTART_VERSION; }

std::string onednn_version() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("{}.{}.{}", version->major, version->minor, version->patch);
}

}  // namespace headstart
