#include "rules.h"

#include "caps.h"
#include "mem.h"

struct rule {
    struct map_node node;
    struct slice name; /* identity or sid */
    bool all_tracks;
    const struct slice *track_sids;
    size_t track_sids_count;
};

static bool rule_equal(const struct map_node *m, struct slice key) {
    return slice_eq(container_of(m, struct rule, node)->name, key);
}

static struct slice keep(struct arena *a, const char *text) {
    return arena_copy(a, text ? slice_from_cstr(text) : (struct slice){0});
}

static struct rule *make_rule(struct rules *r, const Livekit__TrackPermission *from) {
    struct rule *rule = arena_zalloc(&r->memory, sizeof(*rule));
    /* Nobody publishes more tracks: what is listed behind them names none. */
    size_t count = MIN(from->n_track_sids, (size_t)TRACKS_PER_PARTICIPANT_MAX);
    struct slice *sids = count > 0 ? arena_alloc(&r->memory, count * sizeof(*sids)) : NULL;
    if (!rule || (count > 0 && !sids)) {
        return NULL;
    }
    rule->all_tracks = from->all_tracks;
    for (size_t i = 0; i < count; i++) {
        sids[i] = keep(&r->memory, from->track_sids[i]);
    }
    rule->track_sids = sids;
    rule->track_sids_count = count;
    return rule;
}

/* Of several rules about one participant the first counts. */
static void add_rule(struct rules *r, const Livekit__TrackPermission *from) {
    struct rule *rule = make_rule(r, from);
    if (!rule) {
        return;
    }
    /* The identity says more than the sid, which a participant changes when it comes back. */
    struct slice identity = keep(&r->memory, from->participant_identity);
    struct map *map = identity.len > 0 ? &r->by_identity : &r->by_sid;
    rule->name = identity.len > 0 ? identity : keep(&r->memory, from->participant_sid);
    if (rule->name.len > 0 && !map_find(map, rule->name)) {
        map_insert(map, &rule->node, rule->name);
    }
}

static enum status fill(struct rules *r, const Livekit__SubscriptionPermission *message,
                        struct hash_key key) {
    enum status s = map_init(&r->by_identity, key, rule_equal);
    if (s == STATUS_OK) {
        s = map_init(&r->by_sid, key, rule_equal);
    }
    for (size_t i = 0; s == STATUS_OK && i < message->n_track_permissions; i++) {
        add_rule(r, message->track_permissions[i]);
        s = r->memory.failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    return s;
}

enum status rules_create(const Livekit__SubscriptionPermission *message, struct hash_key key,
                         struct rules **ret_rules) {
    if (message->n_track_permissions > TRACK_RULES_MAX ||
        protobuf_c_message_get_packed_size(&message->base) > TRACK_RULES_BYTES_MAX) {
        return STATUS_EXHAUSTED;
    }
    struct rules *r = mem_zalloc(sizeof(*r));
    if (!r) {
        return STATUS_NO_MEMORY;
    }
    /* A rule takes its text and less than 256 bytes beside it, an empty sid 32. */
    arena_init(&r->memory, 40 * (size_t)TRACK_RULES_BYTES_MAX);
    enum status s = fill(r, message, key);
    if (s != STATUS_OK) {
        rules_destroy(r);
        return s;
    }
    *ret_rules = r;
    return STATUS_OK;
}

struct rules *rules_destroy(struct rules *r) {
    if (r) {
        map_deinit(&r->by_identity);
        map_deinit(&r->by_sid);
        arena_deinit(&r->memory);
        mem_free(r);
    }
    return NULL;
}

bool rules_allow(const struct rules *r, struct slice identity, struct slice participant_sid,
                 struct slice track_sid) {
    if (!r) {
        return true;
    }
    struct map_node *m = map_find(&r->by_identity, identity);
    m = m ? m : map_find(&r->by_sid, participant_sid);
    if (!m) {
        return false;
    }
    const struct rule *rule = container_of(m, struct rule, node);
    for (size_t i = 0; i < rule->track_sids_count && !rule->all_tracks; i++) {
        if (slice_eq(rule->track_sids[i], track_sid)) {
            return true;
        }
    }
    return rule->all_tracks;
}
