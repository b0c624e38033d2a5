#include <stdio.h>
#include <string.h>

#include "entropy.h"
#include "fd.h"
#include "file.h"
#include "journal_priv.h"

static enum status read_secret(const char *path, uint8_t ret_secret[JOURNAL_SECRET_BYTES]) {
    _cleanup_(bytes_deinit) struct bytes found = {0};
    enum status s = file_read(path, JOURNAL_SECRET_BYTES, &found);
    if (s != STATUS_OK) {
        return s == STATUS_TOO_LARGE ? STATUS_MALFORMED : s;
    }
    if (found.len != JOURNAL_SECRET_BYTES) {
        return STATUS_MALFORMED;
    }
    memcpy(ret_secret, found.data, JOURNAL_SECRET_BYTES);
    return STATUS_OK;
}

/* Whole and synced before it is used: what was derived from it must come out again. */
static enum status make_secret(const char *path, uint8_t ret_secret[JOURNAL_SECRET_BYTES]) {
    uint8_t fresh[JOURNAL_SECRET_BYTES];
    entropy_fill(fresh, sizeof fresh);
    enum status s = file_write_atomic(path, slice_of(fresh, sizeof fresh), 0600);
    if (s == STATUS_OK) {
        memcpy(ret_secret, fresh, sizeof fresh);
    }
    return s;
}

enum status journal_secret(const char *folder, uint8_t ret_secret[JOURNAL_SECRET_BYTES]) {
    char path[JOURNAL_PATH_BYTES];
    _cleanup_(fd_close) int lock = -1; /* two first starts at once make one secret */
    enum status s = journal_lock_folder(folder, &lock);
    if (s != STATUS_OK) {
        return s;
    }
    (void)snprintf(path, sizeof path, "%s/secret", folder);
    s = read_secret(path, ret_secret);
    return s == STATUS_NOT_FOUND ? make_secret(path, ret_secret) : s;
}
