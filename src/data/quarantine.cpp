// The list of files that are better left out.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "core/files.h"
#include "data/csv.h"
#include "headstart/check.h"

namespace headstart {
namespace {

// The measurement keeps its picture: test before validation before train.
int rank(const std::string& split) { return split == "test" ? 0 : split == "validation" ? 1 : 2; }

std::size_t kept(const DuplicateGroup& group, const DatasetCheck& check) {
  return *std::min_element(group.images.begin(), group.images.end(), [&](std::size_t a, std::size_t b) {
    return rank(check.images[a].split) < rank(check.images[b].split);
  });
}

}  // namespace

std::vector<Quarantined> quarantine(const DatasetCheck& check) {
  std::vector<Quarantined> list;
  for (const auto& finding : check.findings) {
    if (finding.problem == ImageProblem::unreadable) {
      list.push_back({check.images[finding.image].path, "unreadable: " + finding.detail});
    }
  }
  for (const auto& group : check.duplicates) {
    const std::size_t original = kept(group, check);
    for (const auto image : group.images) {
      if (group.across_classes) {
        list.push_back({check.images[image].path,
                        fmt::format("the same picture has other labels: {}",
                                    check.images[image == original ? group.images.back() : original].path)});
      } else if (image != original) {
        list.push_back({check.images[image].path, "duplicate of " + check.images[original].path});
      }
    }
  }
  return list;
}

void write_quarantine(const std::vector<Quarantined>& list, const std::string& path) {
  write_file_atomically(path, [&](std::ostream& out) {
    out << "path,reason\n";
    for (const auto& entry : list) {
      fmt::print(out, "{},{}\n", csv_field(entry.path), csv_field(entry.reason));
    }
  });
}

}  // namespace headstart
