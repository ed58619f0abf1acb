#include "core/sha256.h"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>

#include "core/files.h"
#include "headstart/error.h"

namespace headstart {
namespace {

void check(int result) {
  if (result != 1) {
    throw Error("[sha256] libcrypto refused to hash");
  }
}

}  // namespace

struct Sha256::State {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  check(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr));
}

Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::uint8_t> bytes) {
  check(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()));
}

void Sha256::update_text(const std::string& text) {
  update({reinterpret_cast<const std::uint8_t*>(text.c_str()), text.size() + 1});
}

std::string Sha256::hex() {
  std::array<std::uint8_t, 32> digest{};
  check(EVP_DigestFinal_ex(state_->context.get(), digest.data(), nullptr));
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

std::string sha256_hex(std::span<const std::uint8_t> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

std::string sha256_of_file(const std::string& path) { return sha256_hex(MappedFile(path).bytes()); }

}  // namespace headstart
