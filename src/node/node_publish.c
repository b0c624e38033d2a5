#include <string.h>

#include "node_media.h"

/* Sections in which a client sends, and the tracks that they are. A section may come before its
 * track was announced: it is agreed under an id of its own, which the track takes over then. */

static uint64_t *find_early(struct session *s, uint64_t id) {
    for (size_t i = 0; i < EARLY_SECTIONS_MAX; i++) {
        if (s->early[i] == id) {
            return &s->early[i];
        }
    }
    return NULL;
}

static bool is_media(const struct peer_section *section) {
    return section->kind == SDP_AUDIO || section->kind == SDP_VIDEO;
}

static void bind(struct node *n, struct session *s, struct peer *p, size_t index) {
    const struct peer_section *section = peer_offered_at(p, index);
    bool video = section->kind == SDP_VIDEO;
    struct track *t = track_match(s->participant, section->msid_track, video);
    if (t) {
        struct peer_receive how = {
            .track = t->id, .stereo = t->stereo, .dtx = t->dtx, .red = track_may_be_red(t)};
        how.has_preferred = track_asked_codec(t, &how.preferred);
        peer_receive(p, index, &how); /* the codec asked for is first from here on */
        track_bind(t, &section->rtp);
        return;
    }
    uint64_t *early = find_early(s, 0);
    if (early) {
        *early = node_new_id(n);
        peer_receive(p, index, &(struct peer_receive){.track = *early, .dtx = true});
    }
}

void session_bind_sections(struct node *n, struct session *s) {
    struct peer *p = s->main.peer;
    for (size_t i = 0; i < peer_offered_count(p); i++) {
        const struct peer_section *section = peer_offered_at(p, i);
        /* Placeholders to receive in are never bound (T24). */
        if (is_media(section) && section->remote_sends && section->receive == 0 &&
            section->rtp.formats_count > 0) {
            bind(n, s, p, i);
        }
    }
}

/* The agreed section of a mid, or NULL. */
static const struct peer_section *section_of(const struct peer *p, struct slice mid) {
    for (size_t i = 0; i < peer_sections_count(p); i++) {
        const struct peer_section *section = peer_section_at(p, i);
        if (!section->stopped && slice_eq(peer_section_mid(section), mid)) {
            return section;
        }
    }
    return NULL;
}

static const struct peer_section *section_of_receive(const struct peer *p, uint64_t id) {
    for (size_t i = 0; i < peer_sections_count(p); i++) {
        const struct peer_section *section = peer_section_at(p, i);
        if (section->remote_sends && section->receive == id) {
            return section;
        }
    }
    return NULL;
}

void session_unbind_sections(struct node *n, struct session *s) {
    (void)n;
    list_each (at, &s->participant->tracks) {
        struct track *t = container_of(at, struct track, in_publisher);
        if (t->state == TRACK_BOUND && !t->has_receive) {
            track_unbind(t);
        }
    }
}

static void put(struct effects *fx, const struct session *s, const struct peer_section *section,
                struct fx_receive *receive) {
    struct rtp_section *copy = fx_alloc(fx, sizeof(*copy));
    if (copy) {
        *copy = section->rtp;
        receive->transport = s->main.id;
        receive->worker = s->host->worker;
        receive->section = copy;
        fx_add(fx, FX_RECEIVE_PUT)->receive = *receive;
    }
}

static void put_track(struct effects *fx, const struct session *s, const struct track *t,
                      const struct peer_section *section) {
    struct fx_receive receive = {
        .track = t->id, .muted = track_muted(t), .layers = track_layers(t)};
    track_map_rids(t, &section->rtp, receive.layer_of_rid);
    if (t->info->encryption != LIVEKIT__ENCRYPTION__TYPE__NONE) {
        const struct room *r = &s->host->room;
        receive.trailer = fx_copy(fx, slice_of(r->sif_trailer, sizeof(r->sif_trailer)));
    }
    put(fx, s, section, &receive);
}

void session_put_receive(struct effects *fx, const struct session *s, const struct track *t) {
    const struct peer_section *section = section_of(s->main.peer, slice_of(t->mid, t->mid_len));
    if (section) {
        put_track(fx, s, t, section);
    }
}

static void put_early(struct session *s, struct effects *fx) {
    for (size_t i = 0; i < EARLY_SECTIONS_MAX; i++) {
        const struct peer_section *section =
            s->early[i] ? section_of_receive(s->main.peer, s->early[i]) : NULL;
        if (section) {
            put(fx, s, section, &(struct fx_receive){.layers = 1});
        } else {
            s->early[i] = 0;
        }
    }
}

void session_put_receives(struct node *n, struct session *s, struct effects *fx) {
    put_early(s, fx);
    list_each (at, &s->participant->tracks) {
        struct track *t = container_of(at, struct track, in_publisher);
        if (t->state == TRACK_PENDING || list_node_linked(&t->in_ends)) {
            continue;
        }
        const struct peer_section *section = section_of_receive(s->main.peer, t->id);
        if (!section || !peer_section_receives(section)) {
            node_end_track(n, t, false); /* by direction alone (T22) */
            continue;
        }
        put_track(fx, s, t, section);
        if (!t->has_receive) {
            t->has_receive = true;
            if (t->is_backup) {
                track_backup_changed(n, t->backs_up);
            } else if (s->main.up) { /* else when it is */
                session_owe_news(n, s);
            }
        }
    }
}

bool session_bind_early(struct node *n, struct session *s, struct track *t, struct effects *fx) {
    const struct peer_section *found = NULL;
    for (size_t i = 0; i < EARLY_SECTIONS_MAX && s->main.peer; i++) {
        const struct peer_section *section =
            s->early[i] ? section_of_receive(s->main.peer, s->early[i]) : NULL;
        if (!section || (section->kind == SDP_VIDEO) != t->video) {
            continue;
        }
        bool named = slice_eq(section->msid_track, t->cid);
        found = named || !found ? section : found;
        if (named) {
            break;
        }
    }
    if (!found) {
        return false;
    }
    size_t mark = fx->count;
    uint64_t own = t->id;
    track_bind(t, &found->rtp);
    t->id = found->receive;
    put_track(fx, s, t, found);
    if (!node_ok(n, fx)) {
        node_rollback(n, fx, mark);
        t->id = own;
        track_unbind(t); /* at the next offer, then */
        return false;
    }
    *find_early(s, t->id) = 0;
    t->has_receive = true;
    return true;
}
