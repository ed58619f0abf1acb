// SHA-256 against the examples of FIPS 180-4.
#include "core/sha256.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "headstart/error.h"

namespace headstart {
namespace {

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(Sha256, StandardExamples) {
  EXPECT_EQ(sha256_hex({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(bytes_of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(bytes_of(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesEqualTheWhole) {
  Sha256 hash;
  hash.update(bytes_of("a"));
  hash.update({});
  hash.update(bytes_of("bc"));
  EXPECT_EQ(hash.hex(), sha256_hex(bytes_of("abc")));
}

TEST(Sha256, OfAFile) {
  const auto path = std::filesystem::temp_directory_path() / "headstart_sha256_test";
  std::ofstream(path) << "abc";
  EXPECT_EQ(sha256_of_file(path.string()), sha256_hex(bytes_of("abc")));
  std::filesystem::remove(path);
  EXPECT_THROW(sha256_of_file(path.string()), Error);
}

}  // namespace
}  // namespace headstart
