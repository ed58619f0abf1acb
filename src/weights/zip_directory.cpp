#include "weights/zip_directory.h"

#include <algorithm>

#include "weights/bytes.h"

// Source: APPNOTE.TXT 6.3, PKWARE, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16 and 4.5.3.

namespace headstart {
namespace {

constexpr std::uint32_t kUnknown = 0xFFFFFFFFU;  // the value stands in the zip64 fields

struct Directory {
  std::uint64_t entries = 0, offset = 0;
};

Directory find_directory(const ByteView& archive) {
  constexpr std::uint64_t kEnd = 22, kLongestComment = 0xFFFF, kLocator = 20;
  if (archive.size() < kEnd) {
    throw Error("[zip] expected a zip archive; received a shorter file");
  }
  const auto last = archive.size() - kEnd;
  const auto first = last > kLongestComment ? last - kLongestComment : 0;
  for (auto at = last + 1; at > first; --at) {
    const auto end = at - 1;
    if (!archive.has_at(end, "PK\x05\x06")) {
      continue;
    }
    if (end >= kLocator && archive.has_at(end - kLocator, "PK\x06\x07")) {
      const auto wide = archive.read<std::uint64_t>(end - kLocator + 8);
      if (archive.has_at(wide, "PK\x06\x06")) {
        return {archive.read<std::uint64_t>(wide + 32), archive.read<std::uint64_t>(wide + 48)};
      }
    }
    return {archive.read<std::uint16_t>(end + 10), archive.read<std::uint32_t>(end + 16)};
  }
  throw Error("[zip] expected the end of a zip archive; it is not there; the file is truncated");
}

// The local header's offset from the zip64 field, which holds what the header at `at` leaves open.
std::uint64_t wide_offset(const ByteView& archive, std::uint64_t at, std::uint64_t extra,
                          std::uint64_t extra_size) {
  constexpr std::uint16_t kZip64 = 1;
  for (std::uint64_t field = 0; field + 4 <= extra_size;) {
    const auto size = archive.read<std::uint16_t>(extra + field + 2);
    if (archive.read<std::uint16_t>(extra + field) == kZip64) {
      std::uint64_t before = 0;
      for (const std::uint64_t length : {20, 24}) {
        before += archive.read<std::uint32_t>(at + length) == kUnknown ? 8 : 0;
      }
      return archive.view(extra + field + 4, size).read<std::uint64_t>(before);
    }
    field += 4U + size;
  }
  throw Error("[zip] an entry does not say where it begins; the archive is damaged");
}

}  // namespace

std::map<std::string, std::uint64_t> zip_data_offsets(std::span<const std::uint8_t> bytes) {
  const ByteView archive(bytes, "zip");
  const auto directory = find_directory(archive);
  constexpr std::uint64_t kHeader = 46, kLocalHeader = 30;
  std::map<std::string, std::uint64_t> offsets;
  auto at = directory.offset;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    if (!archive.has_at(at, "PK\x01\x02")) {
      throw Error("[zip] expected another entry in the archive's directory; received other bytes");
    }
    const std::uint64_t name_size = archive.read<std::uint16_t>(at + 28);
    const std::uint64_t extra_size = archive.read<std::uint16_t>(at + 30);
    const std::uint64_t comment_size = archive.read<std::uint16_t>(at + 32);
    std::uint64_t local = archive.read<std::uint32_t>(at + 42);
    if (local == kUnknown) {
      local = wide_offset(archive, at, at + kHeader + name_size, extra_size);
    }
    if (!archive.has_at(local, "PK\x03\x04")) {
      throw Error("[zip] expected an entry's header; received other bytes; the archive is damaged");
    }
    const std::uint64_t local_name = archive.read<std::uint16_t>(local + 26);
    const std::uint64_t local_extra = archive.read<std::uint16_t>(local + 28);
    offsets.emplace(as_text(archive.slice(at + kHeader, name_size)),
                    local + kLocalHeader + local_name + local_extra);
    at += kHeader + name_size + extra_size + comment_size;
  }
  return offsets;
}

}  // namespace headstart
