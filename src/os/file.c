#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "fd.h"
#include "mem.h"
#include "os_priv.h"

enum { FILE_READ_FIRST_BYTES = 4096 }; /* where the size is not known: pipes, /proc */

enum status file_open_read(const char *path, int *ret_fd) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return os_status(errno);
    }
    *ret_fd = fd;
    return STATUS_OK;
}

/* Reads until `cap` or the end. */
static enum status read_up_to(int fd, uint8_t *data, size_t cap, size_t *len) {
    while (*len < cap) {
        ssize_t got = read(fd, data + *len, cap - *len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return os_status(errno) == STATUS_DENIED ? STATUS_DENIED : STATUS_IO;
        }
        if (got == 0) {
            break;
        }
        *len += (size_t)got;
    }
    return STATUS_OK;
}

static enum status read_growing(int fd, size_t cap, size_t bytes_max, struct bytes *b) {
    for (;;) {
        /* One byte more than is taken to be there: that it stays free shows the end. */
        uint8_t *data = mem_realloc(b->data, cap + 1);
        if (!data) {
            return STATUS_NO_MEMORY;
        }
        b->data = data;
        enum status s = read_up_to(fd, b->data, cap + 1, &b->len);
        if (s != STATUS_OK) {
            return s;
        }
        if (b->len <= cap) {
            b->data[b->len] = 0;
            return STATUS_OK;
        }
        if (cap >= bytes_max) {
            return STATUS_TOO_LARGE;
        }
        cap = cap > bytes_max / 2 ? bytes_max : cap * 2;
    }
}

enum status file_read(const char *path, size_t bytes_max, struct bytes *ret_bytes) {
    assert(bytes_max < SIZE_MAX);
    _cleanup_(fd_close) int fd = -1;
    enum status s = file_open_read(path, &fd);
    if (s != STATUS_OK) {
        return s;
    }
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return STATUS_IO;
    }
    size_t cap = st.st_size > 0 ? (size_t)st.st_size : FILE_READ_FIRST_BYTES;
    _cleanup_(bytes_deinit) struct bytes b = {0};
    s = read_growing(fd, MIN(cap, bytes_max), bytes_max, &b);
    if (s == STATUS_OK) {
        *ret_bytes = b;
        b = (struct bytes){0};
    }
    return s;
}

/* A rename lasts only when the directory that holds the name is synced. */
static enum status sync_directory_of(const char *path) {
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof directory) {
        return STATUS_TOO_LARGE;
    }
    memcpy(directory, path, len);
    directory[len] = 0;
    const char *name = len > 0 ? directory : slash ? "/" : ".";
    _cleanup_(fd_close) int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return os_status(errno);
    }
    return fsync(fd) == 0 ? STATUS_OK : STATUS_IO;
}

static enum status write_and_sync(const char *path, struct slice data, uint32_t mode) {
    (void)unlink(path); /* left behind by a crash, perhaps with another mode */
    _cleanup_(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd < 0) {
        return os_status(errno);
    }
    enum status s = file_append(fd, data);
    return s == STATUS_OK ? file_sync(fd) : s;
}

enum status file_write_atomic(const char *path, struct slice data, uint32_t mode) {
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.new", path);
    if (len < 0 || (size_t)len >= sizeof temporary) {
        return STATUS_TOO_LARGE;
    }
    enum status s = write_and_sync(temporary, data, mode);
    if (s == STATUS_OK) {
        s = file_rename(temporary, path);
    }
    if (s != STATUS_OK) {
        (void)unlink(temporary);
    }
    return s;
}

enum status file_rename(const char *from, const char *to) {
    if (fault_count_down(FAULT_FILE_FAIL_AT) != FAULT_NOT_YET) {
        return STATUS_IO;
    }
    if (rename(from, to) != 0) {
        return os_status(errno);
    }
    return sync_directory_of(to);
}

enum status file_check_private(const char *path) {
    struct stat st;
    if (stat(path, &st) != 0) {
        return os_status(errno);
    }
    bool ours = st.st_uid == geteuid() || st.st_uid == 0;
    bool closed = (st.st_mode & (S_IWGRP | S_IRWXO)) == 0;
    return S_ISREG(st.st_mode) && ours && closed ? STATUS_OK : STATUS_DENIED;
}

enum status file_check_private_directory(const char *path) {
    struct stat st;
    if (stat(path, &st) != 0) {
        return os_status(errno);
    }
    bool ours = st.st_uid == geteuid() || st.st_uid == 0;
    bool closed = (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    return S_ISDIR(st.st_mode) && ours && closed ? STATUS_OK : STATUS_DENIED;
}

enum status file_each(const char *directory, bool (*visit)(void *arg, const char *name),
                      void *arg) {
    DIR *d = opendir(directory);
    if (!d) {
        return os_status(errno);
    }
    bool more = true;
    while (more) {
        errno = 0;
        const struct dirent *entry = readdir(d);
        if (!entry) {
            break;
        }
        bool own = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        more = own || visit(arg, entry->d_name);
    }
    int error = more ? errno : 0;
    (void)closedir(d);
    return error == 0 ? STATUS_OK : os_status(error);
}

enum status file_lock(const char *path, uint32_t mode, int *ret_fd) {
    _cleanup_(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, (mode_t)mode);
    if (fd < 0) {
        return os_status(errno);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? STATUS_EXISTS : os_status(errno);
    }
    *ret_fd = fd;
    fd = -1;
    return STATUS_OK;
}

enum status file_make_directory(const char *path, uint32_t mode) {
    if (mkdir(path, (mode_t)mode) == 0) {
        return STATUS_OK;
    }
    int error = errno;
    struct stat st;
    bool there = error == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    return there ? STATUS_OK : os_status(error);
}

enum status file_remove(const char *path) {
    if (fault_count_down(FAULT_FILE_FAIL_AT) != FAULT_NOT_YET) {
        return STATUS_IO;
    }
    return unlink(path) == 0 || errno == ENOENT ? STATUS_OK : os_status(errno);
}

enum status file_open_append(const char *path, uint32_t mode, int *ret_fd) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, (mode_t)mode);
    if (fd < 0) {
        return os_status(errno);
    }
    *ret_fd = fd;
    return STATUS_OK;
}

/* The seam: a disk that is slow or broken. False: it is broken. */
static bool disk_is_well(void) {
    int64_t stall_ms = fault_value(FAULT_FILE_STALL_MS);
    if (stall_ms > 0) {
        struct timespec t = {.tv_sec = stall_ms / 1000, .tv_nsec = stall_ms % 1000 * 1000000};
        (void)nanosleep(&t, NULL);
    }
    return fault_value(FAULT_FILE_FAIL) == 0;
}

enum status file_append(int fd, struct slice data) {
    if (!disk_is_well()) {
        return STATUS_IO;
    }
    enum fault_turn turn = fault_count_down(FAULT_FILE_FAIL_AT);
    if (turn != FAULT_NOT_YET) {
        /* As a crash leaves it: torn at the moment of failing, and untouched after it. */
        ssize_t torn = turn == FAULT_NOW ? write(fd, data.data, data.len / 2) : 0;
        (void)torn;
        return STATUS_IO;
    }
    while (data.len > 0) {
        ssize_t written = write(fd, data.data, data.len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return os_status(errno) == STATUS_EXHAUSTED ? STATUS_EXHAUSTED : STATUS_IO;
        }
        data = slice_after(data, (size_t)written);
    }
    return STATUS_OK;
}

enum status file_sync(int fd) {
    bool well = disk_is_well() && fault_count_down(FAULT_FILE_FAIL_AT) == FAULT_NOT_YET;
    return well && fdatasync(fd) == 0 ? STATUS_OK : STATUS_IO;
}

enum status file_size(int fd, uint64_t *ret_bytes) {
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return STATUS_IO;
    }
    *ret_bytes = (uint64_t)st.st_size;
    return STATUS_OK;
}

enum status file_truncate(int fd, uint64_t bytes) {
    bool well = fault_count_down(FAULT_FILE_FAIL_AT) == FAULT_NOT_YET;
    return well && ftruncate(fd, (off_t)bytes) == 0 ? STATUS_OK : STATUS_IO;
}

enum status file_read_at(int fd, uint64_t offset, void *out, size_t size) {
    uint8_t *at = out;
    while (size > 0) {
        ssize_t got = pread(fd, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0 ? STATUS_CLOSED : STATUS_IO;
        }
        at += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return STATUS_OK;
}
