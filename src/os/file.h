/* file.h: files, small and whole or appended to; errno stops here.
 * Owns: nothing; descriptors are the callers'.
 * Never: follows a failed write by pretending: IO means the file's end is unknown.
 * Invariant: after file_write_atomic the path holds the old content or the new one, whole. In
 *   fault builds appends and syncs stall by `file_stall_ms` and fail by `file_fail`; from the nth
 *   change of a file on all fail by `file_fail_at`.
 * Callers: app (configuration, keys), crypt (certificates), store. These block: never on a thread
 *   that serves anybody, except at start. */
#pragma once

#include "slice.h"

/* NOT_FOUND, DENIED, TOO_LARGE (more than bytes_max), NO_MEMORY, IO. A NUL follows the bytes
 * (not counted), so that text may go to C APIs. */
must_check enum status file_read(const char *path, size_t bytes_max, struct bytes *ret_bytes);
/* Temporary file beside it, synced, renamed, directory synced. */
must_check enum status file_write_atomic(const char *path, struct slice data, uint32_t mode);
/* A file with secrets: regular, ours or root's, not readable or writable by others, nor writable
 * by its group (a group may read). DENIED when not so. */
must_check enum status file_check_private(const char *path);
must_check enum status file_make_directory(const char *path, uint32_t mode); /* there: OK */
must_check enum status file_remove(const char *path);                        /* absent: OK */
must_check enum status file_rename(const char *from, const char *to); /* synced directory of `to` */

/* Created when absent. */
must_check enum status file_open_append(const char *path, uint32_t mode, int *ret_fd);
/* All or IO (EXHAUSTED: disk full or quota); after a failure part may have been written. */
must_check enum status file_append(int fd, struct slice data);
must_check enum status file_sync(int fd); /* fdatasync */
must_check enum status file_size(int fd, uint64_t *ret_bytes);
must_check enum status file_truncate(int fd, uint64_t bytes);
/* Reads exactly `size` bytes at `offset`; CLOSED when the file ends before. */
must_check enum status file_read_at(int fd, uint64_t offset, void *out, size_t size);
must_check enum status file_open_read(const char *path, int *ret_fd);

/* Nobody but us and root may change what is in it. DENIED when not so. */
must_check enum status file_check_private_directory(const char *path);
/* Visits all names but "." and "..", in no order; false from `visit` ends it. */
must_check enum status file_each(const char *directory, bool (*visit)(void *arg, const char *name),
                                 void *arg);
/* Created when absent, and ours alone until the descriptor is closed, however the process ends.
 * EXISTS: another one holds it. */
must_check enum status file_lock(const char *path, uint32_t mode, int *ret_fd);
