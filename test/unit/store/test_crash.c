/* A process that is killed at any moment loses nothing that it was told is the kernel's. */
#include "kit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLS = 200, LIFE_US_MAX = 6000, POSTS_AT_ONCE = 7 };

static void tell(int fd, uint64_t sequence) {
    if (write(fd, &sequence, sizeof sequence) != (ssize_t)sizeof sequence) {
        _exit(3);
    }
}

/* Posts for ever, tells each sequence that was written, and answers when a snapshot is wanted. */
static void child(struct kit *k, int fd) {
    if (kit_open(k) != STATUS_OK) {
        _exit(2);
    }
    unsigned answered = 0;
    tell(fd, k->sequence); /* what was read back is acknowledged, too */
    for (uint64_t told = k->sequence;;) {
        for (int i = 0; i < POSTS_AT_ONCE; i++) {
            (void)kit_post(k);
        }
        kit_turn(k);
        if (k->written > told) {
            told = k->written;
            tell(fd, told);
        }
        if (k->wanted > answered && kit_snapshot(k)) {
            answered = k->wanted;
        }
    }
}

/* What it last told before it died; 0 when it never got so far. */
static uint64_t run_and_kill(struct kit *k, unsigned life_us) {
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pipes[0]);
        child(k, pipes[1]);
    }
    close(pipes[1]);
    uint64_t acknowledged = 0, next;
    if (read(pipes[0], &acknowledged, sizeof acknowledged) == (ssize_t)sizeof acknowledged) {
        usleep(life_us);
    }
    kill(pid, SIGKILL);
    while (read(pipes[0], &next, sizeof next) == (ssize_t)sizeof next) {
        acknowledged = next;
    }
    close(pipes[0]);
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    return acknowledged;
}

static void killed_at_any_moment(void **state) {
    (void)state;
    struct kit k;
    kit_init(&k);
    k.config.compact_min_bytes = 30000;
    k.config.segment_bytes = 9000;
    uint64_t last = 0, torn = 0, snapshots = 0;
    unsigned random = 12345;
    for (int i = 0; i < KILLS; i++) {
        random = random * 1103515245u + 12345u;
        uint64_t acknowledged = run_and_kill(&k, (random >> 8) % LIFE_US_MAX);
        assert_true(acknowledged >= last);
        assert_int_equal(kit_read(&k), STATUS_OK);
        assert_true(kit_is_whole(&k, acknowledged));
        assert_int_equal(k.report.missing, 0);
        torn += k.report.damaged;
        snapshots += k.report.snapshot_bytes > 0;
        last = acknowledged;
    }
    print_message("# %d kills: %lu posts acknowledged, %lu torn ends, %lu times with a snapshot\n",
                  KILLS, (unsigned long)last, (unsigned long)torn, (unsigned long)snapshots);
    assert_true(last > KILLS);
    assert_true(snapshots > 0);
    kit_deinit(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
