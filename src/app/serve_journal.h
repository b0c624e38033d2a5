/* serve_journal.h: the journal of a running server, from its settings.
 * Owns: nothing. Never: makes a folder when the settings ask for memory only.
 * Invariant: what it refuses it has told in the log, with a reason, and left as it was.
 * Callers: serve. */
#pragma once

#include "config.h"
#include "control.h"
#include "settings.h"

enum { SERVE_JOURNAL_PATH_MAX = CONFIG_JOURNAL_PATH_MAX + 16 };
/* The folder that the settings mean; false: none, rooms live in memory alone. */
must_check bool serve_journal_path(const struct settings *s, char path[SERVE_JOURNAL_PATH_MAX]);
/* Why a journal is refused. */
const char *serve_journal_reason(enum status s);
/* Bytes that stay with the folder: for a node without a cluster secret. */
must_check enum status serve_journal_secret(const char *path,
                                            uint8_t ret_secret[JOURNAL_SECRET_BYTES]);
/* It is ours from here on, and has metrics. */
must_check enum status serve_journal_take(const struct settings *s, const char *path,
                                          struct journal **ret_journal);
/* Reads it into the node and starts it. */
must_check enum status serve_journal_read(const char *path, struct control *control,
                                          struct journal *journal);
