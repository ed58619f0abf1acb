// How a report looks, in light and in dark, on wide and narrow screens and on paper.
#pragma once

#include <string>

namespace headstart {

std::string page_style();  // CSS

// A figure in the row at the top of a page, as HTML; the texts are HTML already.
std::string tile(const std::string& value, const std::string& name, const std::string& detail);

}  // namespace headstart
