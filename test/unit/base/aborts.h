/* aborts.h: sees that an assertion of the code under test holds.
 * Owns: nothing. Never: lets the child return into the test program.
 * Callers: the tests of base. */
#pragma once

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs the statement in a child process and expects that it ends by an assertion. */
#define assert_aborts(statement)                                                                   \
    do {                                                                                           \
        fflush(NULL);                                                                              \
        pid_t child_ = fork();                                                                     \
        assert_true(child_ >= 0);                                                                  \
        if (child_ == 0) {                                                                         \
            close(STDERR_FILENO);                                                                  \
            signal(SIGABRT, SIG_DFL);                                                              \
            statement;                                                                             \
            _exit(0);                                                                              \
        }                                                                                          \
        int how_ = 0;                                                                              \
        assert_int_equal(waitpid(child_, &how_, 0), child_);                                       \
        assert_true(WIFSIGNALED(how_) && WTERMSIG(how_) == SIGABRT);                               \
    } while (0)
