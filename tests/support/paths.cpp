#include "support/paths.h"

#include <filesystem>

namespace headstart::test {

std::string shared_path(const std::string& relative) {
  return (std::filesystem::path(HEADSTART_SHARED_DIR) / relative).string();
}

bool shared_exists() { return std::filesystem::exists(HEADSTART_SHARED_DIR); }

std::string data_path(const std::string& relative) {
  return (std::filesystem::path(HEADSTART_TEST_DATA) / relative).string();
}

}  // namespace headstart::test
