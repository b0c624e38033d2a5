#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fault.h"
#include "fd.h"
#include "file.h"
#include "mem.h"

static char directory[] = "test_file_XXXXXX";

static int make_directory(void **state) {
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
    (void)state;
    return rmdir(directory); /* fails when a test left something behind */
}

static const char *in_directory(const char *name) {
    static char paths[4][PATH_MAX];
    static size_t next;
    char *path = paths[next++ % ARRAY_LEN(paths)];
    snprintf(path, PATH_MAX, "%s/%s", directory, name);
    return path;
}

static void assert_content(const char *path, const char *expected) {
    struct bytes b = {0};
    assert_int_equal(file_read(path, 1 << 20, &b), STATUS_OK);
    assert_int_equal(b.len, strlen(expected));
    assert_string_equal((const char *)b.data, expected); /* NUL behind */
    bytes_deinit(&b);
}

static void a_file_is_written_whole_and_replaced(void **state) {
    const char *path = in_directory("whole");
    assert_int_equal(file_write_atomic(path, SLICE_LIT("one"), 0600), STATUS_OK);
    assert_content(path, "one");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(file_write_atomic(path, SLICE_LIT("another"), 0600), STATUS_OK);
    assert_content(path, "another");
    assert_int_equal(access(in_directory("whole.new"), F_OK), -1);
    assert_int_equal(file_write_atomic(in_directory("no/such"), SLICE_LIT("x"), 0600),
                     STATUS_NOT_FOUND);
    assert_int_equal(file_remove(path), STATUS_OK);
    assert_int_equal(file_remove(path), STATUS_OK); /* absent */
}

static void reading_is_bounded(void **state) {
    const char *path = in_directory("bounded");
    static uint8_t text[5000];
    memset(text, 'x', sizeof text);
    assert_int_equal(file_write_atomic(path, slice_of(text, sizeof text), 0600), STATUS_OK);
    struct bytes b = {0};
    assert_int_equal(file_read(path, sizeof text - 1, &b), STATUS_TOO_LARGE);
    assert_null(b.data);
    assert_int_equal(file_read(path, sizeof text, &b), STATUS_OK);
    assert_int_equal(b.len, sizeof text);
    bytes_deinit(&b);
    assert_int_equal(file_read(in_directory("absent"), 10, &b), STATUS_NOT_FOUND);
    assert_int_equal(file_read(directory, 10, &b), STATUS_IO); /* a directory */
    /* A file whose size is told as 0. */
    assert_int_equal(file_read("/proc/self/status", 1 << 20, &b), STATUS_OK);
    assert_true(b.len > 100);
    bytes_deinit(&b);
    assert_int_equal(file_read("/proc/self/status", 100, &b), STATUS_TOO_LARGE);
    assert_int_equal(file_remove(path), STATUS_OK);
}

static void an_empty_file_is_empty_text(void **state) {
    const char *path = in_directory("empty");
    assert_int_equal(file_write_atomic(path, SLICE_LIT(""), 0600), STATUS_OK);
    assert_content(path, "");
    assert_int_equal(file_remove(path), STATUS_OK);
}

static void secrets_must_be_closed_to_others(void **state) {
    const char *path = in_directory("secret");
    assert_int_equal(file_write_atomic(path, SLICE_LIT("x"), 0600), STATUS_OK);
    static const struct {
        mode_t mode;
        enum status answer;
    } cases[] = {{0600, STATUS_OK},     {0400, STATUS_OK},     {0640, STATUS_OK},
                 {0660, STATUS_DENIED}, {0604, STATUS_DENIED}, {0602, STATUS_DENIED},
                 {0601, STATUS_DENIED}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(chmod(path, cases[i].mode), 0);
        assert_int_equal(file_check_private(path), cases[i].answer);
    }
    assert_int_equal(file_check_private(directory), STATUS_DENIED);
    assert_int_equal(file_check_private(in_directory("absent")), STATUS_NOT_FOUND);
    assert_int_equal(file_remove(path), STATUS_OK);
}

static void appended_bytes_can_be_read_and_cut(void **state) {
    const char *path = in_directory("log");
    int fd = -1, in = -1;
    assert_int_equal(file_open_append(path, 0600, &fd), STATUS_OK);
    assert_int_equal(file_append(fd, SLICE_LIT("abc")), STATUS_OK);
    fd_close(&fd);
    assert_int_equal(file_open_append(path, 0600, &fd), STATUS_OK);
    assert_int_equal(file_append(fd, SLICE_LIT("defg")), STATUS_OK);
    assert_int_equal(file_append(fd, (struct slice){0}), STATUS_OK);
    assert_int_equal(file_sync(fd), STATUS_OK);
    uint64_t size;
    assert_int_equal(file_size(fd, &size), STATUS_OK);
    assert_int_equal(size, 7);
    assert_int_equal(file_open_read(path, &in), STATUS_OK);
    char out[5] = "";
    assert_int_equal(file_read_at(in, 2, out, 4), STATUS_OK);
    assert_string_equal(out, "cdef");
    assert_int_equal(file_read_at(in, 4, out, 4), STATUS_CLOSED);
    assert_int_equal(file_truncate(fd, 2), STATUS_OK);
    assert_int_equal(file_append(fd, SLICE_LIT("Z")), STATUS_OK);
    assert_content(path, "abZ");
    assert_int_equal(file_append(in, SLICE_LIT("x")), STATUS_IO); /* open for reading */
    fd_close(&fd);
    fd_close(&in);
    const char *other = in_directory("other");
    assert_int_equal(file_rename(path, other), STATUS_OK);
    assert_int_equal(file_rename(path, other), STATUS_NOT_FOUND);
    assert_int_equal(file_remove(other), STATUS_OK);
}

static void a_full_disk_is_told(void **state) {
    int fd = -1;
    assert_int_equal(file_open_append("/dev/full", 0600, &fd), STATUS_OK);
    assert_int_equal(file_append(fd, SLICE_LIT("x")), STATUS_EXHAUSTED);
    fd_close(&fd);
}

static void directories_are_made_once(void **state) {
    const char *path = in_directory("sub");
    assert_int_equal(file_make_directory(path, 0700), STATUS_OK);
    assert_int_equal(file_make_directory(path, 0700), STATUS_OK);
    assert_int_equal(rmdir(path), 0);
    const char *file = in_directory("file");
    assert_int_equal(file_write_atomic(file, SLICE_LIT(""), 0600), STATUS_OK);
    assert_int_equal(file_make_directory(file, 0700), STATUS_EXISTS);
    assert_int_equal(file_remove(file), STATUS_OK);
    assert_int_equal(file_make_directory(in_directory("no/such"), 0700), STATUS_NOT_FOUND);
}

static bool add_length(void *arg, const char *name) {
    *(size_t *)arg += strlen(name);
    return true;
}

static bool stop_at_once(void *arg, const char *name) {
    (void)name;
    ++*(size_t *)arg;
    return false;
}

static void a_directory_is_listed_and_must_be_ours(void **state) {
    (void)state;
    size_t sum = 0, count = 0;
    assert_int_equal(file_write_atomic(in_directory("abc"), SLICE_LIT(""), 0600), STATUS_OK);
    assert_int_equal(file_write_atomic(in_directory("defgh"), SLICE_LIT(""), 0600), STATUS_OK);
    assert_int_equal(file_each(directory, add_length, &sum), STATUS_OK);
    assert_int_equal(sum, 8);
    assert_int_equal(file_each(directory, stop_at_once, &count), STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(file_each(in_directory("none"), add_length, &sum), STATUS_NOT_FOUND);

    assert_int_equal(file_check_private_directory(directory), STATUS_OK);
    assert_int_equal(chmod(directory, 0720), 0);
    assert_int_equal(file_check_private_directory(directory), STATUS_DENIED);
    assert_int_equal(chmod(directory, 0755), 0); /* to read is not to write */
    assert_int_equal(file_check_private_directory(directory), STATUS_OK);
    assert_int_equal(file_check_private_directory(in_directory("abc")), STATUS_DENIED);
    assert_int_equal(file_check_private_directory(in_directory("none")), STATUS_NOT_FOUND);
    assert_int_equal(file_remove(in_directory("abc")), STATUS_OK);
    assert_int_equal(file_remove(in_directory("defgh")), STATUS_OK);
}

static void a_lock_is_held_once(void **state) {
    (void)state;
    const char *path = in_directory("lock");
    int first = -1, second = -1;
    assert_int_equal(file_lock(path, 0600, &first), STATUS_OK);
    assert_int_equal(file_lock(path, 0600, &second), STATUS_EXISTS);
    assert_int_equal(second, -1);
    fd_close(&first);
    assert_int_equal(file_lock(path, 0600, &second), STATUS_OK);
    fd_close(&second);
    assert_int_equal(file_lock(in_directory("no/such"), 0600, &first), STATUS_NOT_FOUND);
    assert_int_equal(file_remove(path), STATUS_OK);
}

#ifdef STOA_FAULTS
static void from_the_nth_change_on_all_fail(void **state) {
    (void)state;
    const char *path = in_directory("nth");
    int fd = -1;
    assert_int_equal(file_open_append(path, 0600, &fd), STATUS_OK);
    assert_int_equal(fault_set(SLICE_LIT("file_fail_at=3")), STATUS_OK);
    assert_int_equal(file_append(fd, SLICE_LIT("whole")), STATUS_OK);
    assert_int_equal(file_sync(fd), STATUS_OK);
    assert_int_equal(file_append(fd, SLICE_LIT("torn")), STATUS_IO);
    assert_int_equal(file_append(fd, SLICE_LIT("nothing")), STATUS_IO);
    assert_int_equal(file_sync(fd), STATUS_IO);
    assert_int_equal(file_truncate(fd, 0), STATUS_IO);
    assert_int_equal(file_rename(path, path), STATUS_IO);
    assert_int_equal(file_remove(path), STATUS_IO);
    assert_content(path, "wholeto");
    assert_int_equal(fault_set(SLICE_LIT("file_fail_at=0")), STATUS_OK);
    assert_int_equal(file_truncate(fd, 5), STATUS_OK);
    fd_close(&fd);
    assert_int_equal(file_remove(path), STATUS_OK);
}

static void count_fault(const char *name, int64_t value, void *arg) {
    assert_string_equal(name, "clock_offset_ms");
    *(int64_t *)arg += value;
}

static void faults_are_set_by_name(void **state) {
    assert_int_equal(fault_set(SLICE_LIT("nothing=1")), STATUS_NOT_FOUND);
    static const char *const bad[] = {"",
                                      "file_fail",
                                      "file_fail=",
                                      "file_fail=x",
                                      "file_fail=--1",
                                      "file_fail=9223372036854775808",
                                      "file_fail=1 "};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(fault_set(slice_from_cstr(bad[i])), STATUS_MALFORMED);
    }
    uint64_t before_ms = clock_wall_ms();
    assert_int_equal(fault_set(SLICE_LIT("clock_offset_ms=-3600000")), STATUS_OK);
    uint64_t moved_ms = clock_wall_ms();
    assert_true(moved_ms < before_ms - 3500000);
    int64_t sum = 0;
    fault_each(count_fault, &sum);
    assert_int_equal(sum, -3600000);
    assert_int_equal(fault_set(SLICE_LIT("clock_offset_ms=-99999999999999")), STATUS_OK);
    assert_int_equal(clock_wall_ms(), 0);
    assert_int_equal(fault_set(SLICE_LIT("clock_offset_ms=0")), STATUS_OK);
    assert_true(clock_wall_ms() >= before_ms);
}

static void a_broken_disk_fails_and_a_slow_one_stalls(void **state) {
    const char *path = in_directory("faulty");
    assert_int_equal(file_write_atomic(path, SLICE_LIT("old"), 0600), STATUS_OK);
    assert_int_equal(fault_set(SLICE_LIT("file_fail=1")), STATUS_OK);
    assert_int_equal(file_write_atomic(path, SLICE_LIT("new"), 0600), STATUS_IO);
    assert_int_equal(fault_set(SLICE_LIT("file_fail=0")), STATUS_OK);
    assert_content(path, "old");
    assert_int_equal(fault_set(SLICE_LIT("file_stall_ms=20")), STATUS_OK);
    uint64_t before_ms = clock_mono_ms();
    assert_int_equal(file_write_atomic(path, SLICE_LIT("new"), 0600), STATUS_OK);
    assert_true(clock_mono_ms() >= before_ms + 40); /* the append and the sync */
    assert_int_equal(fault_set(SLICE_LIT("file_stall_ms=0")), STATUS_OK);
    assert_int_equal(file_remove(path), STATUS_OK);
}

static void each_allocation_may_fail(void **state) {
    uint64_t before = mem_live_blocks();
    struct bytes b = {0};
    enum status s = STATUS_NO_MEMORY;
    for (uint64_t nth = 1; s != STATUS_OK; nth++) {
        mem_fail_from(nth);
        s = file_read("/proc/self/maps", 1 << 24, &b); /* grows over several blocks */
        mem_fail_never();
        assert_true(s == STATUS_OK || s == STATUS_NO_MEMORY);
        assert_int_equal(mem_live_blocks(), before + (s == STATUS_OK ? 1 : 0));
    }
    bytes_deinit(&b);
}
#else
static void faults_are_not_built_in(void **state) {
    assert_int_equal(fault_set(SLICE_LIT("file_fail=1")), STATUS_UNIMPLEMENTED);
    assert_int_equal(fault_value(FAULT_FILE_FAIL), 0);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_written_whole_and_replaced),
        cmocka_unit_test(reading_is_bounded),
        cmocka_unit_test(an_empty_file_is_empty_text),
        cmocka_unit_test(secrets_must_be_closed_to_others),
        cmocka_unit_test(appended_bytes_can_be_read_and_cut),
        cmocka_unit_test(a_full_disk_is_told),
        cmocka_unit_test(directories_are_made_once),
        cmocka_unit_test(a_directory_is_listed_and_must_be_ours),
        cmocka_unit_test(a_lock_is_held_once),
#ifdef STOA_FAULTS
        cmocka_unit_test(from_the_nth_change_on_all_fail),
        cmocka_unit_test(faults_are_set_by_name),
        cmocka_unit_test(a_broken_disk_fails_and_a_slow_one_stalls),
        cmocka_unit_test(each_allocation_may_fail),
#else
        cmocka_unit_test(faults_are_not_built_in),
#endif
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
