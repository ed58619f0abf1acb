// SHA-256 by libcrypto.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace headstart {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(std::span<const std::uint8_t> bytes);
  void update_text(const std::string& text);  // and its end, so that "a", "bc" is not "ab", "c"
  std::string hex();                          // finishes; call once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::span<const std::uint8_t> bytes);
std::string sha256_of_file(const std::string& path);

}  // namespace headstart
