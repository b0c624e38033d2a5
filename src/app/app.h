/* app.h: the commands of the program.
 * Owns: the process: what is built in order here is torn down in reverse.
 * Never: decides anything about rooms.
 * Invariant: exit status 0 worked, 1 failed, 2 wrong usage. Answers go to standard output, what
 *   went wrong to standard error.
 * Callers: main. */
#pragma once

#ifndef STOA_VERSION
#define STOA_VERSION "0.0.0"
#endif
/* The LiveKit server version whose behaviour is spoken; clients gate features on it. */
#define STOA_SPEAKS_VERSION "1.13.5"

enum { APP_OK = 0, APP_FAILED = 1, APP_USAGE = 2 };

/* Arguments are those behind the command's words. */
int app_serve(int argc, char **argv);

int app_room_list(int argc, char **argv);
int app_room_create(int argc, char **argv);
int app_room_update(int argc, char **argv);
int app_room_delete(int argc, char **argv);

int app_journal_check(int argc, char **argv);
int app_journal_dump(int argc, char **argv);
int app_journal_compact(int argc, char **argv);

int app_token_create(int argc, char **argv);
int app_join_token(int argc, char **argv);
int app_generate_keys(int argc, char **argv);

int app_config_check(int argc, char **argv);
int app_config_sample(int argc, char **argv);
int app_ports(int argc, char **argv);
int app_version(int argc, char **argv);
