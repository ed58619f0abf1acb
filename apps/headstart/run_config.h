// The options of a run as text: into config.json, and back from it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace headstart::app {

// Option names without dashes and their values, of what was given on the command line or by apply_config;
// without those that say where or how a run happens but not what it does (--out, --config, --resume, --quiet,
// --threads).
std::map<std::string, std::string> given_options(const CLI::App& command);

// Gives every option of config.json's "command" that was not given yet. Throws Error for a file that is none,
// for unknown names.
void apply_config(CLI::App& command, const std::string& path);

// Throws CLI::RequiredError for the first that was not given.
void require_options(const CLI::App& command, const std::vector<std::string>& names);

}  // namespace headstart::app
