// What an error says.
#pragma once

#include <string>

#include "headstart/error.h"

namespace headstart::test {

// The message of the Error that `call` throws, or "no error".
std::string message_of(const auto& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace headstart::test
