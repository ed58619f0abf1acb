// How long the engine's threads wait actively for each other.
#pragma once

namespace headstart::app {

// GNU OpenMP's threads spin for milliseconds at the end of every parallel loop, which makes a program many
// times slower as soon as something else runs on the machine. It reads its settings before main, so the
// program sets a shorter time (unless the user has set one) and starts itself again; only worth it for
// commands that compute on several threads.
void shorten_openmp_spinning(int argc, char** argv);

}  // namespace headstart::app
