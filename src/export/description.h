// What a user of an exported file needs to know, as one JSON document.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "headstart/export.h"
#include "headstart/model.h"

namespace headstart {

// Its members become the file's metadata_props. `summary` says the input and the output.
nlohmann::ordered_json describe_export(const Model& model, const ExportOptions& options,
                                       const ExportSummary& summary);

// In a sentence: how a picture becomes the input, and what comes out.
std::string describe_input(const Model& model, const ExportOptions& options);
std::string describe_output(const Model& model, const ExportOptions& options);
std::string describe_strangeness();

// A text for text, JSON for everything else; bytes that are not UTF-8 are replaced.
std::string as_metadata(const nlohmann::ordered_json& value);

}  // namespace headstart
