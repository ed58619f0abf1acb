// The text helpers live in a public header.
#pragma once

#include "headstart/text.h"
