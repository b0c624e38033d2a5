#include "departed.h"

#include "mem.h"
#include "room.h"

static struct departed *item_at(const struct departures *d, size_t index) {
    return &d->items[(d->first + index) % ROOM_DEPARTED_MAX];
}

void departures_add(struct departures *d, struct participant *gone, uint32_t reason,
                    uint64_t now_ms) {
    if (!d->items) {
        d->items = mem_calloc(ROOM_DEPARTED_MAX, sizeof(*d->items));
    }
    if (!d->items || gone->profile.permission.hidden) {
        return;
    }
    if (d->count == ROOM_DEPARTED_MAX) {
        text_deinit(&item_at(d, 0)->identity);
        d->first = (d->first + 1) % ROOM_DEPARTED_MAX;
        d->count--;
    }
    *item_at(d, d->count++) = (struct departed){
        .sid = gone->sid,
        .identity = gone->identity,
        .version = gone->profile.version + 1,
        .reason = reason,
        .at_ms = now_ms,
        .tcp_only = gone->tcp_only,
    };
    gone->identity = (struct text){0};
}

bool departures_tcp_only(const struct departures *d, struct slice identity) {
    for (size_t i = d->count; i > 0; i--) {
        const struct departed *gone = item_at(d, i - 1);
        if (slice_eq(text_slice(&gone->identity), identity)) {
            return gone->tcp_only;
        }
    }
    return false;
}

void departures_deinit(struct departures *d) {
    for (size_t i = 0; i < d->count; i++) {
        text_deinit(&item_at(d, i)->identity);
    }
    mem_free(d->items);
    *d = (struct departures){0};
}

/* Whoever came back before that, clients know already. */
static bool is_back(const struct room *r, const struct departed *gone, uint64_t since_wall_ms) {
    const struct participant *p = room_find(r, text_slice(&gone->identity));
    return p && p->joined_at_ms < since_wall_ms;
}

size_t room_departed(const struct room *r, uint64_t since_wall_ms, struct arena *arena,
                     Livekit__ParticipantInfo ***ret_infos) {
    const struct departures *d = &r->departures;
    Livekit__ParticipantInfo **list = NULL, *infos = NULL;
    if (d->count > 0) {
        list = arena_alloc(arena, d->count * sizeof(*list));
        infos = arena_alloc(arena, d->count * sizeof(*infos));
    }
    size_t count = 0;
    for (size_t i = 0; list && infos && i < d->count; i++) {
        const struct departed *gone = item_at(d, i);
        if (gone->at_ms < since_wall_ms || is_back(r, gone, since_wall_ms)) {
            continue;
        }
        Livekit__ParticipantInfo *info = &infos[count];
        livekit__participant_info__init(info);
        info->sid = (char *)(uintptr_t)gone->sid.text;
        info->identity = text_cstr(&gone->identity);
        info->state = LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED;
        info->version = gone->version;
        info->disconnect_reason = (Livekit__DisconnectReason)gone->reason;
        list[count++] = info;
    }
    *ret_infos = list;
    return count;
}
