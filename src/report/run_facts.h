// The facts of a report that need no photos.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "headstart/dataset.h"
#include "headstart/model.h"
#include "headstart/train.h"
#include "report/run_report.h"

namespace headstart {

std::string value_of(const std::map<std::string, std::string>& values, const std::string& key,
                     const std::string& otherwise);
// What repeats the run, and the same from config.json.
std::string command_line(const RunConfig& config, const std::string& run);

// Of a folder or file.
std::string last_name(const std::string& path);

// The network under the head, as it was asked for.
std::string base_of(const RunConfig& config, const Model& model);

void add_run(const RunConfig& config, const Model& model, RunReport& report);
void add_data_facts(const DatasetSplits& splits, RunReport& report);
void add_frozen(const RunConfig& config, const Model& model, const std::vector<FrozenReport>& stages,
                RunReport& report);
void add_seconds(const std::optional<SecondsByPhase>& seconds, RunReport& report);

}  // namespace headstart
