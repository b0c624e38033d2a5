/* broken.h: rules that a build for the simulator breaks on purpose, one at a time.
 * Owns: nothing. A checker that nobody has seen object may be asleep: for each there is a rule here
 *   which it must catch (test/unit/sim/test_broken.c).
 * Never: in a build of the server: there BROKEN(...) is false, and nothing is left of it.
 * Callers: dir and node, where the rules are kept. */
#pragma once

#include "base.h"

#define BROKEN_RULES(B)                                                                            \
    B(NONE)                                                                                        \
    B(ROUNDS)   /* what a lost delta told is never asked for */                                    \
    B(CREATORS) /* a delete counts for the births of all creators */                               \
    B(PRESENCE) /* nobody is told who is in */                                                     \
    B(ACKS)     /* a tombstone goes by its age alone */                                            \
    B(DIGEST)   /* a digest counts a record twice that was changed here */                         \
    B(BOUND)    /* tombstones have no bound */                                                     \
    B(OWED)     /* what was sent is owed again */                                                  \
    B(HANDOVER) /* people stay where they are */                                                   \
    B(REASSERT) /* hosts let their rooms end */                                                    \
    B(RESTART)  /* a use does not move the deadline */                                             \
    B(LEAK)     /* a new life takes what an ended one said */                                      \
    B(KNOWS)    /* who has just come up without a journal says what does not exist */

enum broken_rule {
#define B(name) BROKEN_##name,
    BROKEN_RULES(B)
#undef B
        BROKEN_COUNT
};

#ifdef STOA_BROKEN
extern enum broken_rule broken_rule;
#define BROKEN(name) (broken_rule == BROKEN_##name)
#else
#define BROKEN(name) false
#endif
