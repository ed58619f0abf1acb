// The program: a thin layer of commands over the library.
#include "program.h"

int main(int argc, char** argv) { return headstart::app::run(argc, argv); }
