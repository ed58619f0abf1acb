// The page that a server shows, embedded from web/serve/index.html.
#pragma once

#include <string_view>

namespace headstart {

std::string_view serve_page();

}  // namespace headstart
