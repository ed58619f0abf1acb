// How a report looks, in light and in dark, on wide and narrow screens and on paper.
#pragma once

#include <string>

namespace headstart {

std::string page_style();  // CSS

}  // namespace headstart
