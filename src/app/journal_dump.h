/* journal_dump.h: a record of the journal as a line of JSON, for people and scripts.
 * Owns: nothing. Never: fails for a record that it cannot read: it says so in the line.
 * Callers: journal_commands. */
#pragma once

#include "journal.h"

/* Appends one line; check out->failed. */
void journal_dump_put(struct buf *out, const struct journal_entry *entry);
/* Does the directory understand this record? */
must_check bool journal_dump_is_record(struct slice payload);
