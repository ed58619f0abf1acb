#include "program.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "commands.h"
#include "headstart/error.h"
#include "headstart/progress.h"
#include "headstart/text.h"
#include "headstart/versions.h"

namespace headstart::app {
namespace {

constexpr int kFailed = 1, kWrongUsage = 2;

constexpr const char* kPurpose =
    "Trains image classifiers by transfer learning on an ordinary CPU: a folder of photos and a\n"
    "pre-trained network in, a measured classifier out.";

constexpr const char* kExamples =
    "Examples:\n"
    "  headstart train photos/ --base mobilenet_v2 --out run/\n"
    "  headstart predict run/model.safetensors new_photo.jpg\n"
    "  headstart evaluate run/model.safetensors photos/\n"
    "`headstart COMMAND --help` explains a command. Results go to stdout, progress and messages to stderr.";

// Every error is one line, whatever a library put into its message; the library's "[tag] " is for its own
// tests and logs.
void print_error(std::string message) {
  message = without_tag(std::move(message));
  for (auto& c : message) {
    c = c == '\n' || c == '\r' ? ' ' : c;
  }
  fmt::print(stderr, "error: {}\n", message);
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const auto& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  return names;
}

std::vector<std::string> command_names(const CLI::App& program) {
  std::vector<std::string> names;
  for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

// What other tools call an option: the name here, where the command has it.
std::string known_elsewhere(const std::string& name, const std::vector<std::string>& known) {
  const std::map<std::string, std::string> others{{"learningrate", "--lr"},
                                                  {"model", "--base"},
                                                  {"arch", "--base"},
                                                  {"network", "--base"},
                                                  {"imagesize", "--input-size"},
                                                  {"imgsize", "--input-size"},
                                                  {"targetsize", "--input-size"},
                                                  {"inputshape", "--input-size"},
                                                  {"size", "--input-size"},
                                                  {"output", "--out"},
                                                  {"outdir", "--out"},
                                                  {"outputdir", "--out"},
                                                  {"numclasses", "--classes"},
                                                  {"topk", "--top"},
                                                  {"workers", "--threads"},
                                                  {"earlystopping", "--patience"},
                                                  {"dtype", "--precision"},
                                                  {"dropout", "--head"}};
  const auto found = others.find(plain_spelling(name));
  const bool here =
      found != others.end() && std::find(known.begin(), known.end(), found->second) != known.end();
  return here ? fmt::format("; did you mean {}?", found->second) : "";
}

// What the command line holds that nobody asked for: "--epoch; did you mean --epochs?".
std::string unexpected(const CLI::App& program) {
  const auto commands = program.get_subcommands();
  const CLI::App& reader = commands.empty() ? program : *commands.front();
  auto extras = reader.remaining();
  if (extras.empty()) {
    extras = program.remaining();
  }
  const std::string word = extras.empty() ? "" : extras.front();
  const std::string help = fmt::format("; see `headstart{}{} --help`", commands.empty() ? "" : " ",
                                       commands.empty() ? "" : reader.get_name());
  const auto suggestion = [&](const std::string& name, const std::vector<std::string>& known) {
    const std::string elsewhere = known_elsewhere(name, known);
    const std::string near = elsewhere.empty() ? did_you_mean(name, known) : elsewhere;
    return near.empty() ? help : near;
  };
  if (commands.empty() && !word.starts_with('-')) {
    return fmt::format("expected a command; received {}{}", word, suggestion(word, command_names(program)));
  }
  const std::string name = word.substr(0, word.find('='));
  return fmt::format("{} takes no {}{}", reader.get_name(), name, suggestion(name, option_names(reader)));
}

int report_usage(const CLI::App& program, const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    print_error(unexpected(program));
    return kWrongUsage;
  }
  const auto commands = program.get_subcommands();
  print_error(fmt::format("{}; see `headstart{}{} --help`", error.what(), commands.empty() ? "" : " ",
                          commands.empty() ? "" : commands.front()->get_name()));
  return kWrongUsage;
}

// In the order of `headstart --help`.
void add_commands(CLI::App& program, Outcome& outcome) {
  add_train(program, outcome);
  add_add_classes(program, outcome);
  add_predict(program, outcome);
  add_serve(program);
  add_explore(program);
  add_evaluate(program);
  add_calibrate(program);
  add_report(program);
  add_plot(program);
  add_models(program);
  add_summary(program);
  add_features(program, outcome);
  add_explain(program, outcome);
  add_augment(program);
  add_forward(program, outcome);
  add_convert(program, outcome);
  add_export(program);
  add_split(program);
  add_check(program, outcome);
  add_labels(program, outcome);
  add_relabel(program, outcome);
  add_cache(program, outcome);
  add_bench(program);
  add_demo(program);
}

int parse_and_run(CLI::App& program, Outcome& outcome, int argc, char** argv) {
  char help[] = "--help";
  std::vector<char*> words(argv, argv + argc);
  if (argc > 1 && std::string_view(words[1]) == "help") {  // as `headstart help train` is said elsewhere
    words.erase(words.begin() + 1);
    words.push_back(help);
  }
  try {
    program.parse(static_cast<int>(words.size()), words.data());
  } catch (const CLI::Success& success) {  // --help, --version
    return program.exit(success);
  } catch (const CLI::ParseError& error) {
    return report_usage(program, error);
  }
  if (program.get_subcommands().empty()) {
    fmt::print(stderr, "{}", program.help());
    return kWrongUsage;
  }
  return outcome.exit_status;
}

}  // namespace

int run(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the size limit is an error message, not the end
  install_stop_handler();
  CLI::App program(kPurpose, "headstart");
  program.set_version_flag("--version", "headstart " + headstart_version());
  program.footer(kExamples);
  program.get_formatter()->column_width(34);
  Outcome outcome;
  add_commands(program, outcome);
  int status = kFailed;
  try {
    status = parse_and_run(program, outcome, argc, argv);
  } catch (const std::bad_alloc&) {
    print_error("out of memory; a smaller --batch-size or --input-size needs less");
  } catch (const std::exception& error) {
    print_error(error.what());
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    print_error("cannot write to standard output");
    return kFailed;
  }
  return status;
}

}  // namespace headstart::app
