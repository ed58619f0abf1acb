// The parts of the label page that do not change.
#pragma once

namespace headstart {

extern const char* const kLabelPageStyle;   // CSS, after page_style()
extern const char* const kLabelPageScript;  // JavaScript: decisions by click or key, the list as a download

}  // namespace headstart
