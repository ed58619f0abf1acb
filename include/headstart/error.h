// The one exception type of the library.
#pragma once

#include <stdexcept>
#include <string>

namespace headstart {

// Thrown by the first place that knows what is wrong. The message is one line that says what was expected,
// what was received and what to do, without a trailing period: "[conv] ...; received ...; ...".
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

}  // namespace headstart
