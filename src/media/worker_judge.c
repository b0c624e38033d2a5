/* worker_judge.c: how loud tracks are, how well transports do, and what a link's budget allows. */
#include "worker_priv.h"

#include "mem.h"

/* A report in the making; it goes to control when it is full or done. */
struct telling {
    struct worker *w;
    enum media_event_kind kind;
    struct media_report *report;
};

static void tell(struct telling *t) {
    if (!t->report) {
        return;
    }
    struct media_event ev = {.kind = t->kind, .report = TAKE(t->report)};
    if (!mailbox_push(t->w->config.to_control, &ev)) {
        metric_inc(&t->w->metrics.media_mailbox_full); /* the next change tells it */
        media_event_free(&ev);
    }
}

static void add(struct telling *t, uint64_t id, float level, uint8_t score) {
    if (!t->report) {
        t->report = mem_alloc(sizeof(*t->report));
        if (!t->report) {
            metric_inc(&t->w->metrics.media_no_memory);
            return;
        }
        t->report->count = 0;
    }
    struct media_report *r = t->report;
    r->items[r->count].id = id;
    r->items[r->count].level = level;
    r->items[r->count].score = score;
    if (++r->count == MEDIA_REPORT_MAX) {
        tell(t);
    }
}

void worker_tell_levels(struct worker *w, uint64_t now_us) {
    struct telling t = {.w = w, .kind = MEDIA_LEVELS};
    list_each (node, &w->streaming) {
        struct transport *from = container_of(node, struct transport, in_streaming);
        list_each (at, &from->receivers) {
            struct receiver *r = container_of(at, struct receiver, in_transport);
            float level;
            if (r->uplink && !r->say.section.video &&
                level_changed(&r->level, now_us, r->say.muted, &level)) {
                add(&t, r->say.track, level, 0);
            }
        }
    }
    tell(&t);
}

static enum quality_kind kind_of(const struct rtp_section *s) {
    return s->video ? QUALITY_VIDEO : s->red_payload_type != 0 ? QUALITY_RED : QUALITY_OPUS;
}

static uint8_t judge_receiver(struct worker *w, struct receiver *r) {
    struct metrics *m = &w->metrics;
    struct uplink_stats s;
    uplink_take_stats(r->uplink, &s);
    metric_add(&m->media_nacks_sent, s.nacks);
    metric_add(&m->media_plis_sent, s.plis);
    metric_add(r->say.section.video ? &m->media_lost_video_in : &m->media_lost_audio_in, s.lost);
    const struct quality_input in = {
        .kind = kind_of(&r->say.section),
        .idle = s.muted,
        .reported = s.reported,
        .packets = s.packets,
        .expected = s.expected,
        .lost = s.lost,
        .jitter_us = s.jitter_us,
    };
    return quality_judge(&r->quality, &in);
}

static uint8_t judge_sender(struct sender *s) {
    struct downlink_stats now;
    downlink_read_stats(s->downlink, &now);
    uint64_t packets = now.packets - s->judged.packets;
    const struct quality_input in = {
        .kind = kind_of(&s->receiver->say.section),
        .idle = !downlink_wanted(s->downlink) || s->receiver->say.muted || packets == 0,
        .reported = now.reported,
        .packets = (uint32_t)packets,
        .expected = (uint32_t)packets,
        .lost = (uint32_t)(packets * now.fraction_lost / 256),
        .rtt_us = now.rtt_us,
        .jitter_us = now.jitter_us,
    };
    s->judged = now;
    return quality_judge(&s->quality, &in);
}

void worker_tell_qualities(struct worker *w, uint64_t now_us) {
    struct telling t = {.w = w, .kind = MEDIA_QUALITIES};
    list_each (node, &w->streaming) {
        struct transport *of = container_of(node, struct transport, in_streaming);
        uint8_t worst = 100;
        list_each (at, &of->receivers) {
            struct receiver *r = container_of(at, struct receiver, in_transport);
            if (r->uplink) {
                worst = MIN(worst, judge_receiver(w, r));
            }
        }
        list_each (at, &of->senders) {
            struct sender *s = container_of(at, struct sender, in_transport);
            if (s->ready && s->receiver) {
                worst = MIN(worst, judge_sender(s));
            }
        }
        if (worst != of->told_score) {
            of->told_score = worst;
            add(&t, of->id, 0, worst);
        }
    }
    tell(&t);
}

static void fill_stream(struct budget_stream *b, const struct sender *s) {
    const struct uplink *u = s->receiver->uplink;
    *b = (struct budget_stream){
        .id = s->id,
        .priority = s->want.priority,
        .layer_given = s->layer_given,
        .is_new = !s->budgeted,
    };
    bool within = uplink_spatials(u, 0) > 1; /* layers stand in one stream */
    uint8_t layers = within ? uplink_spatials(u, 0) : uplink_layers(u);
    for (uint8_t i = 0; i < layers; i++) {
        b->bitrate_bps[i] = within ? uplink_spatial_bitrate(u, 0, i)
                                   : uplink_bitrate(u, i, UPLINK_TEMPORALS_MAX - 1);
        if (i <= s->want.layer_max && b->bitrate_bps[i] > 0) {
            b->layer_want = i;
        }
    }
}

static void tell_starved(struct worker *w, struct sender *s, bool starved) {
    const struct media_event ev = {
        .kind = MEDIA_STREAM_STATE, .paused = starved, .transport = s->id};
    if (s->starved != starved && mailbox_push(w->config.to_control, &ev)) {
        s->starved = starved;
    }
}

static void give(struct worker *w, struct sender *s, const struct budget_stream *b,
                 uint64_t now_us) {
    bool limited = b->layer_given != BUDGET_LAYER_NONE && b->layer_given < b->layer_want;
    const struct downlink_limit limit = {
        .layer_max = b->layer_given == BUDGET_LAYER_NONE ? DOWNLINK_LAYER_NONE
                     : limited                           ? b->layer_given
                                                         : RTP_LAYERS_MAX - 1,
        .temporal_max = UPLINK_TEMPORALS_MAX - 1,
        .hard = b->hard,
    };
    s->layer_given = b->layer_given;
    s->budgeted = true;
    downlink_set_limit(s->downlink, limit);
    downlink_tick(s->downlink, s->receiver->uplink, now_us);
    worker_report_by(w, uplink_due_us(s->receiver->uplink));
    tell_starved(w, s, b->layer_given == BUDGET_LAYER_NONE);
}

/* Video shares what the link is known to carry; audio goes first and is never limited. */
void worker_share_budget(struct worker *w, struct transport *t, uint64_t now_us) {
    t->sent_bps = (t->sent_bps * 3 + t->sent_bytes * 8 * 1000000 / BUDGET_INTERVAL_US) / 4;
    budget_take_sent(&t->budget, t->sent_bytes - t->resent_bytes);
    t->sent_bytes = t->resent_bytes = 0;
    pacer_set(&t->pacer, budget_capacity(&t->budget), t->sent_bps);
    if (budget_is_idle(&t->budget)) {
        return;
    }
    struct budget_stream streams[BUDGET_STREAMS_MAX];
    struct sender *of[BUDGET_STREAMS_MAX];
    size_t count = 0;
    uint64_t reserved_bps = 0;
    t->budget.can_probe = false;
    list_each (node, &t->senders) {
        struct sender *s = container_of(node, struct sender, in_transport);
        const struct receiver *r = s->receiver;
        if (!s->ready || !r || !r->uplink || s->want.paused) {
            continue;
        }
        if (!r->say.section.video) {
            reserved_bps += uplink_bitrate(r->uplink, 0, 0);
        } else if (count < BUDGET_STREAMS_MAX) {
            t->budget.can_probe = t->budget.can_probe || downlink_can_pad(s->downlink);
            fill_stream(&streams[count], s);
            of[count++] = s;
        }
    }
    if (count > 0 && budget_share(&t->budget, now_us, reserved_bps, false, streams, count)) {
        for (size_t i = 0; i < count; i++) {
            give(w, of[i], &streams[i], now_us);
        }
    }
    worker_follow_probe(w, t, now_us);
}
