#include "mem.h"
#include "participant_priv.h"
#include "rules.h"
#include "track_wait.h"

/* State only moves up: a client that saw one state never sees an earlier one again. */
static const uint8_t LEGAL_MOVES[] = {
    [PARTICIPANT_JOINING] = BIT(PARTICIPANT_JOINED) | BIT(PARTICIPANT_DISCONNECTED),
    [PARTICIPANT_JOINED] = BIT(PARTICIPANT_ACTIVE) | BIT(PARTICIPANT_DISCONNECTED),
    [PARTICIPANT_ACTIVE] = BIT(PARTICIPANT_DISCONNECTED),
    [PARTICIPANT_DISCONNECTED] = 0,
};

static void set_state(struct profile *profile, enum participant_state next) {
    assert(LEGAL_MOVES[profile->state] & BIT(next));
    profile->state = next;
}

static enum status fill_texts(struct participant *p, const struct participant_config *config) {
    static const struct attributes none = {0};
    enum status s = text_copy(config->identity, &p->identity);
    if (s == STATUS_OK) {
        s = text_copy(config->name, &p->profile.name);
    }
    if (s == STATUS_OK) {
        s = text_copy(config->metadata, &p->profile.metadata);
    }
    if (s == STATUS_OK) {
        s = attributes_merge(&none, config->attributes, config->attributes_count,
                             &p->profile.attributes);
    }
    return s;
}

enum status participant_create(const struct participant_config *config,
                               struct participant **ret_participant) {
    assert(config->key != 0);
    struct participant *p = mem_zalloc(sizeof(*p));
    if (!p) {
        return STATUS_NO_MEMORY;
    }
    list_node_init(&p->in_room);
    list_init(&p->tracks);
    list_init(&p->waiting);
    list_init(&p->subscriptions);
    list_init(&p->data_tracks);
    list_init(&p->data_subscriptions);
    blobs_init(&p->blobs);
    p->sid = config->sid;
    p->key = config->key;
    p->region = config->region;
    p->kind = config->kind;
    p->kind_details = config->kind_details;
    p->capabilities = config->capabilities;
    p->client_protocol = config->client_protocol;
    p->auto_subscribe = config->auto_subscribe;
    p->adaptive_stream = config->adaptive_stream;
    p->auto_subscribe_data = config->auto_subscribe_data;
    p->joined_at_ms = config->joined_at_ms;
    p->profile.state = PARTICIPANT_JOINING;
    p->profile.version = 1;
    p->profile.permission = config->permission;
    enum status s = fill_texts(p, config);
    if (s != STATUS_OK) {
        participant_destroy(p);
        return s;
    }
    set_state(&p->profile, PARTICIPANT_JOINED);
    *ret_participant = p;
    return STATUS_OK;
}

void profile_deinit(struct profile *profile) {
    text_deinit(&profile->name);
    text_deinit(&profile->metadata);
    attributes_deinit(&profile->attributes);
}

struct participant *participant_destroy(struct participant *p) {
    if (p) {
        assert(!p->room && list_empty(&p->tracks) && list_empty(&p->subscriptions));
        assert(list_empty(&p->data_tracks) && list_empty(&p->data_subscriptions));
        track_waits_drop(p);
        blobs_deinit(&p->blobs);
        rules_destroy(p->rules);
        text_deinit(&p->identity);
        bytes_deinit(&p->encoded);
        profile_deinit(&p->profile);
        mem_free(p);
    }
    return NULL;
}

bool participant_is_dependent(const struct participant *p, const struct permission *as) {
    return p->kind == KIND_AGENT || p->kind == KIND_EGRESS || as->agent || as->recorder;
}

bool participant_is_recorder(const struct participant *p, const struct permission *as) {
    return p->kind == KIND_EGRESS || as->recorder;
}

void change_begin(const struct participant *p, struct change *ret_change) {
    *ret_change = (struct change){.next = p->profile};
    ret_change->next.version++;
}

void change_state(struct change *c, enum participant_state next) {
    set_state(&c->next, next);
}

enum status change_name(struct change *c, struct slice name) {
    assert(!c->owns_name);
    enum status s = text_copy(name, &c->next.name);
    c->owns_name = s == STATUS_OK;
    return s;
}

enum status change_metadata(struct change *c, struct slice metadata) {
    assert(!c->owns_metadata);
    enum status s = text_copy(metadata, &c->next.metadata);
    c->owns_metadata = s == STATUS_OK;
    return s;
}

enum status change_attributes(struct change *c, const struct attribute *items, size_t count) {
    assert(!c->owns_attributes);
    struct attributes merged;
    enum status s = attributes_merge(&c->next.attributes, items, count, &merged);
    if (s == STATUS_OK) {
        c->next.attributes = merged;
        c->owns_attributes = true;
    }
    return s;
}

void change_drop(struct change *c) {
    if (c->owns_name) {
        text_deinit(&c->next.name);
    }
    if (c->owns_metadata) {
        text_deinit(&c->next.metadata);
    }
    if (c->owns_attributes) {
        attributes_deinit(&c->next.attributes);
    }
    *c = (struct change){0};
}

void change_commit(struct change *c, struct participant *p) {
    assert(c->next.version > p->profile.version);
    struct change old = {.next = p->profile,
                         .owns_name = c->owns_name,
                         .owns_metadata = c->owns_metadata,
                         .owns_attributes = c->owns_attributes};
    p->profile = c->next;
    bytes_deinit(&p->encoded);
    *c = (struct change){0};
    change_drop(&old);
}
