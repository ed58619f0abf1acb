#include "weights/zip_archive.h"

#include <algorithm>

#include <zip.h>
#include <zlib.h>

#include "core/files.h"
#include "weights/zip_directory.h"

namespace headstart {
namespace {

// Weights hardly shrink; the JSON beside them does.
constexpr std::uint64_t kLargestRatio = 8;

}  // namespace

bool ZipArchive::is_zip(const SharedBytes& file) {
  return ByteView(file.span(), "zip").has_at(0, "PK\x03\x04");
}

ZipArchive::ZipArchive(SharedBytes file)
    : file_(std::move(file)), archive_(nullptr, zip_discard), budget_(kLargestRatio * file_.size) {
  zip_error_t error;
  zip_error_init(&error);
  auto* source = zip_source_buffer_create(file_.data.get(), file_.size, 0, &error);
  if (source != nullptr) {
    archive_.reset(zip_open_from_source(source, ZIP_RDONLY, &error));
    if (!archive_) {
      zip_source_free(source);
    }
  }
  const std::string reason = zip_error_strerror(&error);
  zip_error_fini(&error);
  if (!archive_) {
    throw Error(fmt::format("[zip] expected a zip archive; {}; it is truncated or damaged", reason));
  }
}

bool ZipArchive::contains(const std::string& name) const {
  return zip_name_locate(archive_.get(), name.c_str(), 0) >= 0;
}

std::optional<std::string> ZipArchive::find_suffix(std::string_view suffix) const {
  const auto count = zip_get_num_entries(archive_.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* name = zip_get_name(archive_.get(), static_cast<zip_uint64_t>(i), 0);
    if (name != nullptr && std::string_view(name).ends_with(suffix)) {
      return name;
    }
  }
  return std::nullopt;
}

void ZipArchive::spend(const std::string& name, std::uint64_t size) {
  if (size > budget_) {
    throw Error(
        fmt::format("[zip] the entry {} claims {} bytes; the archive has {} left for it; it is damaged", name,
                    size, budget_));
  }
  budget_ -= size;
}

SharedBytes ZipArchive::read(const std::string& name) {
  zip_stat_t stat;
  zip_stat_init(&stat);
  constexpr zip_uint64_t kNeeded = ZIP_STAT_SIZE | ZIP_STAT_INDEX | ZIP_STAT_COMP_METHOD | ZIP_STAT_CRC;
  if (zip_stat(archive_.get(), name.c_str(), 0, &stat) != 0 || (stat.valid & kNeeded) != kNeeded) {
    throw Error(fmt::format("[zip] expected the entry {}; it is not there", name.substr(0, 200)));
  }
  const bool encrypted =
      (stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE;
  if (encrypted) {
    throw Error(fmt::format("[zip] expected the entry {} without a password; received it encrypted", name));
  }
  spend(name, stat.size);
  return stat.comp_method == ZIP_CM_STORE ? stored(name, stat.size, stat.crc)
                                          : inflated(name, stat.index, stat.size);
}

SharedBytes ZipArchive::stored(const std::string& name, std::uint64_t size, std::uint32_t checksum) {
  if (data_offsets_.empty()) {
    data_offsets_ = zip_data_offsets(file_.span());
  }
  const auto found = data_offsets_.find(name);
  if (found == data_offsets_.end()) {
    throw Error(fmt::format("[zip] the entry {} is not in the archive's directory; it is damaged", name));
  }
  const auto bytes = ByteView(file_.span(), "zip").slice(found->second, size);
  auto sum = crc32(0, nullptr, 0);
  constexpr std::size_t kPiece = std::size_t{1} << 22;
  for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
    const auto piece = bytes.subspan(at, std::min(kPiece, bytes.size() - at));
    sum = crc32_z(sum, piece.data(), piece.size());
    if (file_.mapped) {
      release_pages(piece);
    }
  }
  if (sum != checksum) {
    throw Error(fmt::format("[zip] the checksum of the entry {} is wrong; it is damaged", name));
  }
  return {.data = std::shared_ptr<std::uint8_t>(file_.data, file_.data.get() + found->second),
          .size = size,
          .mapped = file_.mapped};
}

SharedBytes ZipArchive::inflated(const std::string& name, std::uint64_t index, std::uint64_t size) {
  SharedBytes content{
      .data = std::shared_ptr<std::uint8_t>(new std::uint8_t[size], std::default_delete<std::uint8_t[]>()),
      .size = size};
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> entry(zip_fopen_index(archive_.get(), index, 0),
                                                                zip_fclose);
  const bool whole =
      entry && zip_fread(entry.get(), content.data.get(), size) == static_cast<zip_int64_t>(size);
  std::uint8_t beyond = 0;  // reading to the end makes libzip compare the checksum
  if (!whole || zip_fread(entry.get(), &beyond, 1) != 0) {
    throw Error(
        fmt::format("[zip] the entry {} cannot be read whole or its checksum is wrong; it is damaged", name));
  }
  return content;
}

}  // namespace headstart
