// Where tests find real data and committed golden files.
#pragma once

#include <string>

namespace headstart::test {

// ../shared/<relative>: real photos and weights that are not part of the repository.
std::string shared_path(const std::string& relative);
bool shared_exists();

// tests/data/<relative>: small committed files.
std::string data_path(const std::string& relative);

}  // namespace headstart::test

// First line of a test that needs ../shared.
#define HEADSTART_NEEDS_SHARED()                                             \
  if (!headstart::test::shared_exists()) {                                   \
    GTEST_SKIP() << "needs the shared folder beside the checkout, not here"; \
  }                                                                          \
  static_assert(true)
