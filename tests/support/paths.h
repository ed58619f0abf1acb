// Where tests find real data and committed golden files.
#pragma once

#include <filesystem>
#include <string>

namespace headstart::test {

// ../shared/<relative>: real photos and weights that are not part of the repository.
inline std::string shared_path(const std::string& relative) {
  return (std::filesystem::path(HEADSTART_SHARED_DIR) / relative).string();
}
inline bool shared_exists() { return std::filesystem::exists(HEADSTART_SHARED_DIR); }

// tests/data/<relative>: small committed files.
inline std::string data_path(const std::string& relative) {
  return (std::filesystem::path(HEADSTART_TEST_DATA) / relative).string();
}

}  // namespace headstart::test

// First line of a test that needs ../shared.
#define HEADSTART_NEEDS_SHARED()                                             \
  if (!headstart::test::shared_exists()) {                                   \
    GTEST_SKIP() << "needs the shared folder beside the checkout, not here"; \
  }                                                                          \
  static_assert(true)
