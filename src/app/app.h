/* app.h: the commands of the program.
 * Owns: the process: what is built in order here is torn down in reverse.
 * Never: decides anything about rooms.
 * Invariant: exit status 0 worked, 1 failed, 2 wrong usage.
 * Callers: main. */
#pragma once

#include "settings.h"

#ifndef STOA_VERSION
#define STOA_VERSION "0.0.0"
#endif
/* The LiveKit server version whose behaviour is spoken; clients gate features on it. */
#define STOA_SPEAKS_VERSION "1.13.5"

enum { APP_OK = 0, APP_FAILED = 1, APP_USAGE = 2 };

int app_serve(int argc, char **argv);
int app_token(int argc, char **argv);
int app_generate_keys(void);
