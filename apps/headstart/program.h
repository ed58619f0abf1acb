// Reads the command line, runs one command, turns errors into one line and an exit status.
#pragma once

namespace headstart::app {

// 0 done, 1 failed, 2 wrong usage.
int run(int argc, char** argv);

}  // namespace headstart::app
