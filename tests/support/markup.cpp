#include "support/markup.h"

#include <array>
#include <regex>
#include <vector>

namespace headstart::test {
namespace {

bool is_void(const std::string& name) {
  for (const auto* one : {"meta", "link", "img", "br", "hr", "!DOCTYPE"}) {
    if (name == one) {
      return true;
    }
  }
  return false;
}

std::string entity_fault(const std::string& text) {
  static const std::regex entity("^&(amp|lt|gt|quot|nbsp|ndash|#39);");
  for (auto at = text.find('&'); at != std::string::npos; at = text.find('&', at + 1)) {
    if (!std::regex_search(text.substr(at, 8), entity)) {
      return "a bare & in: " + text.substr(at, 40);
    }
  }
  return "";
}

// `inner` is what stands between < and >.
std::string tag_fault(const std::string& inner, std::vector<std::string>& open) {
  const std::string name = inner.substr(0, inner.find_first_of(" /\n", 1));
  if (inner.front() == '/') {
    if (open.empty() || open.back() != inner.substr(1)) {
      return "</" + inner.substr(1) + "> closes " + (open.empty() ? "nothing" : open.back());
    }
    open.pop_back();
    return "";
  }
  if (name == "!DOCTYPE") {
    return "";
  }
  std::string rest = inner.substr(name.size());
  while (true) {
    rest.erase(0, std::min(rest.find_first_not_of(" \n"), rest.size()));
    if (rest.empty() || rest == "/") {
      break;
    }
    const auto equals = rest.find("=\"");
    const auto end = equals == std::string::npos ? equals : rest.find('"', equals + 2);
    if (end == std::string::npos || rest.find_first_of(" \n<'") < equals) {
      return "an attribute without quotes in <" + inner.substr(0, 80);
    }
    if (const auto fault = entity_fault(rest.substr(0, end)); !fault.empty()) {
      return fault;
    }
    rest.erase(0, end + 1);
  }
  if (inner.back() != '/' && !is_void(name)) {
    open.push_back(name);
  }
  return "";
}

// Where the tag that begins before `at` ends, beyond > within quotes.
std::size_t tag_end(const std::string& text, std::size_t at) {
  bool quoted = false;
  for (; at < text.size(); ++at) {
    if (text[at] == '"') {
      quoted = !quoted;
    } else if (text[at] == '>' && !quoted) {
      return at;
    }
  }
  return std::string::npos;
}

}  // namespace

std::string markup_fault(const std::string& text) {
  std::vector<std::string> open;
  for (std::size_t at = 0; at < text.size();) {
    const auto begin = text.find('<', at);
    const bool is_style = !open.empty() && open.back() == "style";
    if (const auto fault = is_style ? std::string() : entity_fault(text.substr(at, begin - at));
        !fault.empty()) {
      return fault;
    }
    if (begin == std::string::npos) {
      break;
    }
    const auto end = tag_end(text, begin + 1);
    if (end == std::string::npos || end == begin + 1) {
      return "a tag without an end: " + text.substr(begin, 40);
    }
    if (const auto fault = tag_fault(text.substr(begin + 1, end - begin - 1), open); !fault.empty()) {
      return fault;
    }
    at = end + 1;
  }
  return open.empty() ? "" : "<" + open.back() + "> is never closed";
}

}  // namespace headstart::test
