#include "core/md5.h"

#include <array>
#include <cstdint>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>

#include "core/files.h"
#include "headstart/error.h"

namespace headstart {

std::string md5_of_file(const std::string& path) {
  const MappedFile file(path);
  std::array<std::uint8_t, 16> digest{};
  if (EVP_Digest(file.bytes().data(), file.size(), digest.data(), nullptr, EVP_md5(), nullptr) != 1) {
    throw Error("[md5] libcrypto refused to hash");
  }
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

}  // namespace headstart
