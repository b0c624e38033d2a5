/* The publisher and its network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "walk.h"

struct walk *walk_create(const struct walk_config *config) {
    struct walk *w = mem_zalloc(sizeof *w);
    assert_non_null(w);
    w->config = *config;
    w->random.state = config->seed;
    w->now_us = 5000000;
    packet_pool_init(&w->pool, KIT_POOL_CHUNKS);
    assert_int_equal(packet_pool_refill(&w->pool), STATUS_OK);
    w->u = kit_uplink(&w->pool, RTP_CODEC_VP8, WALK_LAYERS);
    w->d = kit_downlink(RTP_CODEC_VP8, config->rtx_ssrc);
    for (size_t i = 0; i < WALK_LAYERS; i++) {
        struct walk_source *s = &w->sources[i];
        s->first_sequence = (uint16_t)kit_random(&w->random);
        s->first_timestamp = (uint32_t)kit_random(&w->random);
        s->picture_id = (uint16_t)(kit_random(&w->random) & 0x7fff);
        s->tl0_index = (uint8_t)kit_random(&w->random);
        s->key_index = (uint8_t)kit_random(&w->random) & 0x1f;
        s->key_wanted = true;
    }
    w->wanted = true;
    w->decoded_us = w->now_us;
    return w;
}

struct walk *walk_destroy(struct walk *w) {
    w->u = uplink_destroy(w->u);
    w->d = downlink_destroy(w->d);
    packet_pool_deinit(&w->pool);
    mem_free(w);
    return NULL;
}

static void send_off(struct walk *w, uint8_t layer, const uint8_t *bytes, uint8_t len) {
    if (kit_chance(&w->random, w->config.loss_up) || w->way_count == WALK_WAY_MAX) {
        return;
    }
    struct walk_on_way *on = &w->way[w->way_count++];
    *on = (struct walk_on_way){.due_us = w->now_us, .layer = layer, .len = len};
    memcpy(on->bytes, bytes, len);
    if (kit_chance(&w->random, w->config.reorder_up)) {
        on->due_us += 1000 * (1 + kit_below(&w->random, w->config.delay_ms));
    }
}

/* Two temporal layers above the base; a frame in sync needs the base alone. */
static void plan_frame(struct walk *w, struct walk_source *s, struct walk_body *b, bool *ret_sync) {
    static const uint8_t pattern[4] = {0, 2, 1, 2};
    b->key = s->key_wanted;
    s->position = (uint8_t)(b->key ? 0 : (s->position + 1) % 4);
    b->temporal = pattern[s->position];
    b->frame = ++s->frame;
    *ret_sync = false;
    if (b->key) {
        s->key_wanted = false;
        s->key_index = (uint8_t)((s->key_index + 1) & 0x1f);
        memset(s->last, 0, sizeof s->last);
    } else {
        b->needs[0] = s->last[0];
        *ret_sync = b->temporal > 0 && (s->position == 1 || kit_chance(&w->random, 300) ||
                                        (b->temporal == 1 && s->last[1] == 0));
        if (b->temporal > 0 && !*ret_sync) {
            b->needs[1] = s->last[1];
        }
        if (b->temporal == 2 && !*ret_sync) {
            b->needs[2] = s->last[2];
        }
    }
    s->last[b->temporal] = b->frame;
    if (b->temporal == 0) {
        s->tl0_index++;
    }
    s->picture_id = (uint16_t)((s->picture_id + 1) & 0x7fff);
}

static void publish_packet(struct walk *w, uint8_t layer, const struct walk_body *b,
                           struct kit_vp8 vp8) {
    struct walk_source *s = &w->sources[layer];
    uint8_t payload[100], packet[KIT_PACKET_BYTES];
    vp8.start = b->index == 0;
    vp8.key = b->key;
    size_t len = kit_vp8_payload(payload, &vp8, slice_of(b, sizeof *b));
    struct kit_packet k = {
        .sequence = (uint16_t)(s->first_sequence + b->source),
        .timestamp = s->first_timestamp + b->capture,
        .ssrc = kit_ssrc(layer),
        .payload_type = KIT_UP_TYPE,
        .marker = b->index + 1 == b->packets,
        .level = -1,
        .payload = slice_of(payload, len),
    };
    struct slice made = kit_packet(packet, &k);
    assert_true(made.len <= sizeof s->kept[0]);
    memcpy(s->kept[b->source % WALK_KEPT], made.data, made.len);
    s->kept_len[b->source % WALK_KEPT] = (uint8_t)made.len;
    send_off(w, layer, made.data, (uint8_t)made.len);
    if (kit_chance(&w->random, w->config.repeat_up)) {
        send_off(w, layer, made.data, (uint8_t)made.len);
    }
}

void walk_publish(struct walk *w) {
    for (uint8_t layer = 0; layer < WALK_LAYERS; layer++) {
        struct walk_source *s = &w->sources[layer];
        if (s->silent) {
            continue;
        }
        struct walk_body b = {.layer = layer, .capture = (uint32_t)(w->now_us * 90 / 1000)};
        bool sync;
        plan_frame(w, s, &b, &sync);
        b.packets = (uint8_t)(b.key ? 3u + layer : 1u + kit_below(&w->random, 2u + layer));
        struct kit_vp8 vp8 = {.picture_id = s->picture_id,
                              .tl0_index = s->tl0_index,
                              .key_index = s->key_index,
                              .temporal = b.temporal,
                              .layer_sync = sync};
        for (b.index = 0; b.index < b.packets; b.index++) {
            b.source = s->packets++;
            assert_true(s->packets < WALK_SENT_MAX);
            publish_packet(w, layer, &b, vp8);
        }
    }
}

static void send_again(struct walk *w, uint32_t ssrc, uint16_t sequence) {
    uint8_t layer = (uint8_t)(ssrc - kit_ssrc(0));
    struct walk_source *s = &w->sources[layer];
    uint16_t back = (uint16_t)(s->first_sequence + s->packets - sequence);
    assert_true(layer < WALK_LAYERS && back > 0);
    if (back <= WALK_KEPT && back <= s->packets) {
        size_t at = (s->packets - back) % WALK_KEPT;
        send_off(w, layer, s->kept[at], s->kept_len[at]);
    }
}

void walk_hear(struct walk *w, struct slice feedback) {
    struct rtcp_packet p;
    while (rtcp_next(&feedback, &p) == STATUS_OK) {
        struct rtcp_feedback f;
        if (rtcp_is_pli(&p)) {
            assert_int_equal(rtcp_read_feedback(&p, &f), STATUS_OK);
            w->sources[f.media - kit_ssrc(0)].key_wanted = true;
        } else if (rtcp_is_nack(&p)) {
            assert_int_equal(rtcp_read_feedback(&p, &f), STATUS_OK);
            struct rtcp_nack_walk nacks = {.rest = f.control};
            uint16_t sequence;
            while (rtcp_nack_next(&nacks, &sequence)) {
                send_again(w, f.media, sequence);
            }
        }
    }
}

bool walk_arrive(struct walk *w, uint8_t *ret_layer, struct slice *ret_packet) {
    static struct walk_on_way arrived;
    for (size_t i = 0; i < w->way_count; i++) {
        if (w->way[i].due_us <= w->now_us) {
            arrived = w->way[i];
            w->way_count--;
            memmove(w->way + i, w->way + i + 1, (w->way_count - i) * sizeof w->way[0]);
            *ret_layer = arrived.layer;
            *ret_packet = slice_of(arrived.bytes, arrived.len);
            return true;
        }
    }
    return false;
}
