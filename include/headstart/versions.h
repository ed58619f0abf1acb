// What a result was made with.
#pragma once

#include <string>

namespace headstart {

std::string headstart_version();  // "0.1.0"
std::string onednn_version();     // of the library in use: "2.6.3"

}  // namespace headstart
