/* What forwarding decides and writes for a packet, without encryption and sending: one video or
 * audio track to many subscribers; and what a track takes of memory.
 *   bench_sfu_core [seconds] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sfu_kit.h"

enum { DOWNLINKS_MAX = 1000, PACKETS_A_FRAME = 4, VIDEO_BYTES = 1100, AUDIO_BYTES = 120 };

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct bench {
    struct packet_pool pool;
    struct uplink *u;
    struct downlink *d[DOWNLINKS_MAX];
    size_t downlinks;
    bool video;
    uint32_t packets, timestamp;
    uint64_t now, forwarded, taken;
    uint64_t take_ns, forward_ns;
};

static struct slice make(struct bench *b, uint8_t packet[KIT_PACKET_BYTES]) {
    static uint8_t payload[VIDEO_BYTES];
    uint32_t in_frame = b->packets % PACKETS_A_FRAME, frame = b->packets / PACKETS_A_FRAME;
    struct kit_vp8 v = {.picture_id = (uint16_t)frame,
                        .tl0_index = (uint8_t)frame,
                        .start = in_frame == 0,
                        .key = frame == 0};
    if (b->video) {
        (void)kit_vp8_payload(payload, &v, (struct slice){0});
    }
    struct kit_packet k = {.sequence = (uint16_t)b->packets,
                           .timestamp = b->video ? frame * 3000 : b->packets * 960,
                           .ssrc = kit_ssrc(0),
                           .payload_type = KIT_UP_TYPE,
                           .marker = in_frame == PACKETS_A_FRAME - 1,
                           .level = b->video ? -1 : 30,
                           .payload = slice_of(payload, b->video ? VIDEO_BYTES : AUDIO_BYTES)};
    b->packets++;
    return kit_packet(packet, &k);
}

static void turn(struct bench *b) {
    uint8_t packet[KIT_PACKET_BYTES];
    static uint8_t space[KIT_PACKET_BYTES * 64];
    struct slice made = make(b, packet);
    (void)!packet_pool_refill(&b->pool);
    struct uplink_packet p;
    uint64_t start = now_ns();
    if (uplink_take(b->u, b->now, 0, made, &p) != STATUS_OK) {
        abort();
    }
    uint64_t middle = now_ns();
    struct rtp_out out = rtp_out_over(space, sizeof space);
    for (size_t i = 0; i < b->downlinks; i++) {
        out.len = out.len > sizeof space - KIT_PACKET_BYTES ? 0 : out.len;
        b->forwarded += downlink_forward(b->d[i], b->u, b->now, &p, &out);
    }
    b->forward_ns += now_ns() - middle;
    b->take_ns += middle - start;
    b->taken++;
    b->now += b->video ? 8333 : 20000;
}

static void run(bool video, size_t downlinks, double seconds) {
    struct bench b = {.video = video, .downlinks = downlinks, .now = 1000000};
    enum rtp_codec codec = video ? RTP_CODEC_VP8 : RTP_CODEC_OPUS;
    packet_pool_init(&b.pool, KIT_POOL_CHUNKS);
    b.u = kit_uplink(&b.pool, codec, 1);
    for (size_t i = 0; i < downlinks; i++) {
        b.d[i] = kit_downlink(codec, 0);
    }
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
    while (now_ns() < end) {
        turn(&b);
    }
    printf("%-5s x %4zu: %6.1f ns a packet taken, %6.1f ns a packet forwarded\n",
           video ? "video" : "audio", downlinks, (double)b.take_ns / (double)b.taken,
           (double)b.forward_ns / (double)b.forwarded);
    printf("       its track takes %zu B with its packets\n", uplink_bytes(b.u));
    b.u = uplink_destroy(b.u);
    for (size_t i = 0; i < downlinks; i++) {
        b.d[i] = downlink_destroy(b.d[i]);
    }
    packet_pool_deinit(&b.pool);
}

static size_t uplink_size(enum rtp_codec codec, uint8_t layers) {
    struct packet_pool pool;
    packet_pool_init(&pool, 0);
    struct uplink *u = kit_uplink(&pool, codec, layers);
    size_t bytes = uplink_bytes(u);
    (void)uplink_destroy(u);
    packet_pool_deinit(&pool);
    return bytes;
}

static size_t downlink_size(enum rtp_codec codec) {
    struct downlink *d = kit_downlink(codec, 0);
    size_t bytes = downlink_bytes(d);
    (void)downlink_destroy(d);
    return bytes;
}

static void print_sizes(void) {
    printf("uplink: audio %zu B, video %zu B, video of three layers %zu B, without packets\n",
           uplink_size(RTP_CODEC_OPUS, 1), uplink_size(RTP_CODEC_VP8, 1),
           uplink_size(RTP_CODEC_VP8, 3));
    printf("downlink: audio %zu B, video %zu B\n", downlink_size(RTP_CODEC_OPUS),
           downlink_size(RTP_CODEC_VP8));
}

int main(int argc, char **argv) {
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
    print_sizes();
    for (size_t n = 1; n <= DOWNLINKS_MAX; n *= 10) {
        run(true, n, seconds);
        run(false, n, seconds);
    }
    return 0;
}
