#include "weights/zip_archive.h"

#include <zip.h>

namespace headstart {

bool ZipArchive::is_zip(const SharedBytes& file) {
  return ByteView(file.span(), "zip").has_at(0, "PK\x03\x04");
}

ZipArchive::ZipArchive(SharedBytes file)
    : file_(std::move(file)), archive_(nullptr, zip_discard), budget_(file_.size) {
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

SharedBytes ZipArchive::read(const std::string& name) {
  zip_stat_t stat;
  zip_stat_init(&stat);
  constexpr zip_uint64_t kNeeded = ZIP_STAT_SIZE | ZIP_STAT_INDEX | ZIP_STAT_COMP_METHOD;
  if (zip_stat(archive_.get(), name.c_str(), 0, &stat) != 0 || (stat.valid & kNeeded) != kNeeded) {
    throw Error(fmt::format("[zip] expected the entry {}; it is not there", name.substr(0, 200)));
  }
  if (stat.comp_method != ZIP_CM_STORE) {
    throw Error(fmt::format("[zip] expected the entry {} without compression; received it compressed", name));
  }
  if (stat.size > budget_) {
    throw Error(
        fmt::format("[zip] the entry {} claims {} bytes; the archive has {} left for it; it is damaged", name,
                    stat.size, budget_));
  }
  budget_ -= stat.size;
  SharedBytes content{
      std::shared_ptr<std::uint8_t>(new std::uint8_t[stat.size], std::default_delete<std::uint8_t[]>()),
      stat.size};
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> entry(
      zip_fopen_index(archive_.get(), stat.index, 0), zip_fclose);
  const bool whole =
      entry && zip_fread(entry.get(), content.data.get(), stat.size) == static_cast<zip_int64_t>(stat.size);
  std::uint8_t beyond = 0;  // reading to the end makes libzip compare the checksum
  if (!whole || zip_fread(entry.get(), &beyond, 1) != 0) {
    throw Error(
        fmt::format("[zip] the entry {} cannot be read whole or its checksum is wrong; it is damaged", name));
  }
  return content;
}

}  // namespace headstart
