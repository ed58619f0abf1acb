// The program: a thin layer of commands over the library.
#include "openmp.h"
#include "program.h"

// What is thrown before or after the commands run is a program that cannot even print: it terminates.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  headstart::app::shorten_openmp_spinning(argc, argv);
  return headstart::app::run(argc, argv);
}
