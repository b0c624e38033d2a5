/* control_media.c: streams: what node says of them to media, and what media saw of them. */
#include "control_priv.h"

#include <string.h>

#include "mem.h"

bool control_put_receive(struct control *c, const struct fx_receive *r) {
    struct media_receive receive = {
        .transport = r->transport,
        .track = r->track,
        .muted = r->muted,
        .layers = r->layers,
        .section = *r->section,
    };
    memcpy(receive.layer_of_rid, r->layer_of_rid, sizeof(receive.layer_of_rid));
    assert(r->trailer.len <= sizeof(receive.trailer));
    if (r->trailer.len > 0) {
        memcpy(receive.trailer, r->trailer.data, r->trailer.len);
        receive.trailer_len = (uint8_t)r->trailer.len;
    }
    return media_receive_put(c->media, &receive);
}

static struct media_want want_of(const struct fx_send_want *w) {
    return (struct media_want){
        .send = w->id,
        .worker = w->worker,
        .paused = w->paused,
        .layer_max = w->layer_max,
        .fps_max = w->fps_max,
        .priority = w->priority,
    };
}

bool control_put_send(struct control *c, const struct fx_send *s) {
    struct media_send send = {
        .transport = s->transport,
        .track = s->track,
        .ssrc = s->ssrc,
        .rtx_ssrc = s->rtx_ssrc,
        .cname = s->cname,
        .section = s->section,
        .want = want_of(&s->want),
    };
    send.want.send = s->id;
    send.want.worker = s->worker;
    return media_send_put(c->media, &send);
}

bool control_set_send(struct control *c, const struct fx_send_want *w) {
    const struct media_want want = want_of(w);
    return media_send_set(c->media, &want);
}

static struct media_handle handle_of(const struct fx_handle *h) {
    return (struct media_handle){
        .publisher = h->publisher,
        .subscriber = h->subscriber,
        .publisher_handle = h->publisher_handle,
        .subscriber_handle = h->subscriber_handle,
        .fps_max = h->fps_max,
    };
}

bool control_put_handle(struct control *c, const struct fx_handle *h) {
    const struct media_handle handle = handle_of(h);
    return media_handle_put(c->media, &handle);
}

bool control_remove_handle(struct control *c, const struct fx_handle *h) {
    const struct media_handle handle = handle_of(h);
    return media_handle_remove(c->media, &handle);
}

static void take_levels(struct control *c, const struct media_report *r) {
    struct media_level items[MEDIA_REPORT_MAX];
    for (size_t i = 0; i < r->count; i++) {
        items[i] = (struct media_level){.track = r->items[i].id, .level = r->items[i].level};
    }
    struct node_event ev = {.kind = EV_LEVELS, .time = c->now};
    ev.levels.items = items;
    ev.levels.count = r->count;
    control_run(c, &ev);
}

static void take_qualities(struct control *c, const struct media_report *r) {
    struct media_quality items[MEDIA_REPORT_MAX];
    for (size_t i = 0; i < r->count; i++) {
        items[i] = (struct media_quality){.transport = r->items[i].id, .score = r->items[i].score};
    }
    struct node_event ev = {.kind = EV_QUALITY, .time = c->now};
    ev.qualities.items = items;
    ev.qualities.count = r->count;
    control_run(c, &ev);
}

void control_take_streams(struct control *c, const struct media_event *m) {
    if (m->kind == MEDIA_LEVELS) {
        take_levels(c, m->report);
    } else if (m->kind == MEDIA_QUALITIES) {
        take_qualities(c, m->report);
    } else {
        struct node_event ev = {.kind = EV_STREAM_STATE, .time = c->now};
        ev.stream.send = m->transport;
        ev.stream.paused = m->paused;
        control_run(c, &ev);
    }
}
