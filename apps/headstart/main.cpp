// The program: a thin layer of commands over the library.
#include "openmp.h"
#include "program.h"

int main(int argc, char** argv) {
  headstart::app::shorten_openmp_spinning(argc, argv);
  return headstart::app::run(argc, argv);
}
