// `headstart serve`: a model behind HTTP, with a page.
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "checks.h"
#include "commands.h"
#include "headstart/progress.h"
#include "headstart/serve.h"
#include "http_server.h"
#include "model_options.h"
#include "predict_options.h"

namespace headstart::app {
namespace {

struct ServeCommand {
  ModelRequest request{};
  PredictOptions predict{};
  HttpOptions http{};
  int top = 5;
  int megabytes = 32;
};

void serve(ServeCommand options) {
  const auto progress = make_console_progress();
  Model model = open_model(options.request, *progress);
  options.http.maximum_bytes = static_cast<std::size_t>(options.megabytes) << 20U;
  Service service(std::move(model), options.request.model,
                  {.top = options.top,
                   .precision = options.predict.precision,
                   .threads = options.predict.threads,
                   .maximum_pictures = options.http.maximum_pictures});
  serve_http(service, options.http, [&](const std::string& address) {
    fmt::print(stderr, "serving {} at {} (Ctrl-C ends it)\n", options.request.model, address);
  });
  fmt::print(stderr, "ended\n");
}

}  // namespace

void add_serve(CLI::App& program) {
  auto* command = program.add_subcommand("serve", "Predictions over HTTP, and a web page for photos");
  auto options = std::make_shared<ServeCommand>();
  add_model_options(*command, options->request);
  command->add_option("--host", options->http.host, "The address to listen at (127.0.0.1: this machine only)")
      ->type_name("ADDRESS")
      ->check(not_empty("an address"));
  command->add_option("--port", options->http.port, "The port; 0: any that is free (8080)")
      ->type_name("PORT")
      ->check(whole_number(0, 65535));
  command->add_option("--top", options->top, "How many classes (5)")
      ->type_name("K")
      ->check(whole_number(1, 1'000'000));
  command->add_option("--max-size", options->megabytes, "The largest request that is read (32)")
      ->type_name("MB")
      ->check(whole_number(1, 4096));
  add_class_index_option(*command, options->request);
  add_predict_options(*command, options->predict);
  command->footer(
      "Examples:\n"
      "  headstart serve run/model.safetensors\n"
      "  curl -F image=@photo.jpg -F image=@other.jpg http://127.0.0.1:8080/predict\n"
      "  curl -F image=@photo.jpg 'http://127.0.0.1:8080/explain?class=roses' --output cam.png\n"
      "GET / is the page, GET /model describes the model, GET /health tells that it runs.");
  command->callback([options] { serve(*options); });
}

}  // namespace headstart::app
