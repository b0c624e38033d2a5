#include "rtp_client.h"

#include <assert.h>
#include <string.h>

static const char exporter_label[] = "EXTRACTOR-dtls_srtp";

static struct dtls_srtp export_keys(struct client *c) {
    struct dtls_srtp keys = {.profile = DTLS_SRTP_AEAD_AES_128_GCM, .salt_len = 12};
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(c->ssl);
    assert(profile);
    if (profile->id == SRTP_AES128_CM_SHA1_80) {
        keys.profile = DTLS_SRTP_AES128_CM_HMAC_SHA1_80;
        keys.salt_len = 14;
    }
    uint8_t material[60];
    size_t len = 2 * (16 + keys.salt_len);
    int done = SSL_export_keying_material(c->ssl, material, len, exporter_label,
                                          sizeof(exporter_label) - 1, NULL, 0, 0);
    assert(done == 1);
    (void)done;
    memcpy(keys.local_key, material, 16);
    memcpy(keys.remote_key, material + 16, 16);
    memcpy(keys.local_salt, material + 32, keys.salt_len);
    memcpy(keys.remote_salt, material + 32 + keys.salt_len, keys.salt_len);
    return keys;
}

static void keep(const struct rtp_client *c, struct rtp_client_packet *ring, size_t *count,
                 const uint8_t *bytes, size_t len) {
    struct rtp_client_packet *to = &ring[*count % RTP_CLIENT_KEPT];
    assert(len <= sizeof(to->bytes));
    memcpy(to->bytes, bytes, len);
    to->len = len;
    to->received_ns = c->client.received_ns;
    (*count)++;
}

static void on_media(void *arg, uint8_t *datagram, size_t len, bool is_rtcp) {
    struct rtp_client *c = arg;
    size_t opened;
    enum status st = is_rtcp ? srtcp_open(c->srtp, datagram, len, &opened)
                             : srtp_open(c->srtp, datagram, len, &opened);
    assert(st == STATUS_OK);
    if (st == STATUS_OK && is_rtcp) {
        keep(c, c->rtcp, &c->rtcp_count, datagram, opened);
    } else if (st == STATUS_OK) {
        keep(c, c->rtp, &c->rtp_count, datagram, opened);
    }
}

void rtp_client_begin(struct rtp_client *c) {
    assert(c->client.connected);
    const struct dtls_srtp keys = export_keys(&c->client);
    enum status st = srtp_session_create(&keys, &c->srtp);
    assert(st == STATUS_OK);
    (void)st;
    c->client.on_media = on_media;
    c->client.media_arg = c;
}

void rtp_client_end(struct rtp_client *c) {
    c->srtp = srtp_session_destroy(c->srtp);
    c->client.on_media = NULL;
}

void rtp_client_send(struct rtp_client *c, const struct rtp_header *h,
                     const struct rtp_extension *list, size_t count, struct slice payload) {
    uint8_t packet[RTP_CLIENT_BYTES_MAX];
    struct rtp_out out = rtp_out_over(packet, sizeof(packet) - SRTP_OVERHEAD_BYTES_MAX);
    rtp_put_header(&out, h, list, count);
    rtp_put(&out, payload);
    assert(!out.failed);
    (void)!srtp_sender_add(c->srtp, h->ssrc); /* EXISTS after the first */
    size_t len;
    enum status st = srtp_seal(c->srtp, packet, out.len, sizeof(packet), &len);
    assert(st == STATUS_OK);
    if (st == STATUS_OK) {
        client_send_raw(&c->client, packet, len);
    }
}

void rtp_client_send_rtcp(struct rtp_client *c, struct slice compound) {
    uint8_t packet[RTP_CLIENT_BYTES_MAX];
    assert(compound.len + SRTP_OVERHEAD_BYTES_MAX <= sizeof(packet));
    memcpy(packet, compound.data, compound.len);
    size_t len;
    enum status st = srtcp_seal(c->srtp, packet, compound.len, sizeof(packet), &len);
    assert(st == STATUS_OK);
    if (st == STATUS_OK) {
        client_send_raw(&c->client, packet, len);
    }
}

struct rtp_view rtp_client_packet_at(const struct rtp_client *c, size_t n) {
    assert(n < c->rtp_count && c->rtp_count - n <= RTP_CLIENT_KEPT);
    const struct rtp_client_packet *p = &c->rtp[n % RTP_CLIENT_KEPT];
    struct rtp_view v;
    enum status st = rtp_read(slice_of(p->bytes, p->len), &v);
    assert(st == STATUS_OK);
    (void)st;
    return v;
}
