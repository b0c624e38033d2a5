#include "dir_priv.h"

/* Who is in changed from `before`: the deadlines that hang on it start or stop. */
static void participants_changed(struct dir *d, struct dir_record *r, struct dir_time t,
                                 uint64_t before) {
    uint64_t now = dir_record_participants(r);
    if (now == 0 && before > 0) {
        r->departed = true;
    }
    if (r->alive && now != before && now <= 1) {
        r->since_ms = t.mono_ms; /* empty, or one alone, from here on */
    }
    if (now > 0) {
        r->lost = false;
    }
    dir_deadline_arm(d, r, t);
}

enum status dir_presence_set(struct dir *d, struct dir_time t, struct slice name,
                             const struct dir_presence *presence) {
    struct dir_record *r = dir_record_find(d, name);
    if (!r) {
        return STATUS_NOT_FOUND;
    }
    uint64_t before = dir_record_participants(r);
    r->local = *presence;
    participants_changed(d, r, t, before);
    dir_record_settle(d, r);
    dir_after(d);
    return STATUS_OK;
}

enum status dir_presence_set_remote(struct dir *d, struct dir_time t, struct slice name,
                                    uint32_t participants, bool lost) {
    assert(participants == 0 || !lost);
    struct dir_record *r = dir_record_find_alive(d, name);
    if (!r) {
        return STATUS_NOT_FOUND;
    }
    uint64_t before = dir_record_participants(r);
    r->remote_participants = participants;
    if (dir_record_participants(r) == 0 && r->lost != lost) {
        /* A host went silent, or came back and says that it has nobody: either starts anew. */
        r->lost = lost;
        r->departed = true;
        r->since_ms = t.mono_ms;
    }
    participants_changed(d, r, t, before);
    dir_after(d);
    return STATUS_OK;
}
