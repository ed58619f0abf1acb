#include "headstart/idx.h"

#include <array>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zlib.h>

#include "headstart/error.h"

namespace headstart {
namespace {

constexpr std::uint64_t kMaximumBytes = std::uint64_t{1} << 31U;

[[noreturn]] void reject(const std::string& path, const std::string& what) {
  throw Error(fmt::format("[idx] {}: {}", path, what));
}

// The unpacked bytes. gzread passes files that are not gzip through as they are.
std::vector<std::uint8_t> read_unpacked(const std::string& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) {
    reject(path, "cannot be opened");
  }
  std::vector<std::uint8_t> bytes;
  std::array<std::uint8_t, 1U << 16U> piece{};
  while (true) {
    const int count = gzread(file.get(), piece.data(), piece.size());
    if (count < 0 || bytes.size() > kMaximumBytes) {
      reject(path, count < 0 ? "is damaged" : "unpacks to more than 2 GB");
    }
    if (count == 0) {
      break;
    }
    bytes.insert(bytes.end(), piece.begin(), piece.begin() + count);
  }
  int error = Z_OK;
  gzerror(file.get(), &error);
  if (error != Z_OK) {
    reject(path, "is truncated");
  }
  return bytes;
}

// Checks magic, rank and size; returns the extents. Numbers are big-endian; type 8 is unsigned bytes.
std::vector<std::uint64_t> read_header(const std::vector<std::uint8_t>& bytes, std::uint8_t rank,
                                       const std::string& path) {
  const std::size_t header = 4 + std::size_t{4} * rank;
  if (bytes.size() < header || bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 8 || bytes[3] != rank) {
    reject(path, fmt::format("expected an IDX file of unsigned bytes with {} dimensions", rank));
  }
  std::vector<std::uint64_t> extents;
  std::uint64_t size = 1;
  for (std::size_t i = 4; i < header; i += 4) {
    extents.push_back(std::uint64_t{bytes[i]} << 24U | std::uint64_t{bytes[i + 1]} << 16U |
                      std::uint64_t{bytes[i + 2]} << 8U | bytes[i + 3]);
    // Beyond the limit it cannot fit the file: stopping there keeps the product from overflowing.
    size = size > kMaximumBytes ? size : size * extents.back();
  }
  if (size != bytes.size() - header) {
    reject(path, fmt::format("expected {} bytes by its header; received {}", fmt::join(extents, " x "),
                             bytes.size() - header));
  }
  return extents;
}

}  // namespace

IdxImages read_idx_images(const std::string& path) {
  auto bytes = read_unpacked(path);
  const auto extents = read_header(bytes, 3, path);
  IdxImages images{.count = static_cast<int>(extents[0]),
                   .height = static_cast<int>(extents[1]),
                   .width = static_cast<int>(extents[2]),
                   .pixels = {}};
  images.pixels.assign(bytes.begin() + 16, bytes.end());
  return images;
}

std::vector<int> read_idx_labels(const std::string& path) {
  const auto bytes = read_unpacked(path);
  read_header(bytes, 1, path);
  return {bytes.begin() + 8, bytes.end()};
}

}  // namespace headstart
