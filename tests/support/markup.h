// A strict reading of the small HTML and SVG that the program writes.
#pragma once

#include <string>

namespace headstart::test {

// "" when every element is closed in its order (void elements of HTML need not be), every attribute is quoted
// and every & begins a known entity; else what is wrong.
std::string markup_fault(const std::string& text);

}  // namespace headstart::test
