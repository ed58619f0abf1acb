// Which libraries a result was made with.
#pragma once

#include <string>

namespace headstart {

std::string onednn_version();  // of the library in use: "2.6.3"

}  // namespace headstart
