// The program of the page, embedded at build time from web/explore/dist (cmake/EmbedText.cmake).
#pragma once

#include <string_view>

namespace headstart {

std::string_view explore_script();

}  // namespace headstart
