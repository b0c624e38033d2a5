#include "srtp.h"

#include <openssl/crypto.h>
#include <string.h>

#include "caps.h"
#include "mem.h"
#include "srtp_priv.h"

enum {
    VERSION = 2,
    RTP_HEADER = 12,
    RTCP_HEADER = 8, /* stays readable: the first header and the sender's SSRC */
    INDEX_BYTES = 4, /* of SRTCP, with the flag below */
    LABEL_RTP = 0,
    LABEL_RTCP = 3,
};
#define FLAG_ENCRYPTED (UINT32_C(1) << 31)

static uint16_t be16(const uint8_t *p) {
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static void put_be32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> (24 - 8 * i));
    }
}

static enum status init_ciphers(struct srtp_session *s, const struct dtls_srtp *k) {
    struct slice local = slice_of(k->local_salt, k->salt_len);
    struct slice remote = slice_of(k->remote_salt, k->salt_len);
    enum status status =
        srtp_transform_init(&s->out_rtp, k->profile, k->local_key, local, LABEL_RTP, true);
    if (status == STATUS_OK) {
        status =
            srtp_transform_init(&s->out_rtcp, k->profile, k->local_key, local, LABEL_RTCP, true);
    }
    /* Counter mode runs the same way in both directions. */
    bool gcm = k->profile == DTLS_SRTP_AEAD_AES_128_GCM;
    if (status == STATUS_OK) {
        status =
            srtp_transform_init(&s->in_rtp, k->profile, k->remote_key, remote, LABEL_RTP, !gcm);
    }
    if (status == STATUS_OK) {
        status =
            srtp_transform_init(&s->in_rtcp, k->profile, k->remote_key, remote, LABEL_RTCP, !gcm);
    }
    return status;
}

enum status srtp_session_create(const struct dtls_srtp *keys, struct srtp_session **ret_session) {
    assert(keys->salt_len == (keys->profile == DTLS_SRTP_AEAD_AES_128_GCM ? 12 : 14));
    struct srtp_session *s = mem_zalloc(sizeof *s);
    if (!s) {
        return STATUS_NO_MEMORY;
    }
    s->magic = SRTP_MAGIC;
    s->profile = keys->profile;
    s->tag_bytes = srtp_tag_bytes(keys->profile);
    s->senders.count_max = SRTP_SSRCS_OUT_MAX;
    s->receivers.count_max = s->reporters.count_max = SRTP_SSRCS_IN_MAX;
    enum status status = init_ciphers(s, keys);
    if (status != STATUS_OK) {
        srtp_session_destroy(s);
        return status;
    }
    *ret_session = s;
    return STATUS_OK;
}

struct srtp_session *srtp_session_destroy(struct srtp_session *s) {
    if (s) {
        assert(s->magic == SRTP_MAGIC);
        srtp_transform_deinit(&s->out_rtp);
        srtp_transform_deinit(&s->out_rtcp);
        srtp_transform_deinit(&s->in_rtp);
        srtp_transform_deinit(&s->in_rtcp);
        srtp_streams_deinit(&s->senders);
        srtp_streams_deinit(&s->receivers);
        srtp_streams_deinit(&s->reporters);
        s->magic = 0;
        mem_free(s);
    }
    return NULL;
}

enum status srtp_sender_add(struct srtp_session *s, uint32_t ssrc) {
    assert(s->magic == SRTP_MAGIC);
    struct srtp_stream *made;
    return srtp_streams_find(&s->senders, ssrc) ? STATUS_EXISTS
                                                : srtp_streams_add(&s->senders, ssrc, &made);
}

void srtp_sender_remove(struct srtp_session *s, uint32_t ssrc) {
    srtp_streams_remove(&s->senders, ssrc);
}

void srtp_receiver_forget(struct srtp_session *s, uint32_t ssrc) {
    srtp_streams_remove(&s->receivers, ssrc);
    srtp_streams_remove(&s->reporters, ssrc);
}

/* 0 when it is none: another version, or lists that reach outside. */
static size_t rtp_header_bytes(const uint8_t *packet, size_t len) {
    if (len < RTP_HEADER || packet[0] >> 6 != VERSION) {
        return 0;
    }
    size_t bytes = RTP_HEADER + 4 * (size_t)(packet[0] & 0x0f);
    if ((packet[0] & 0x10) != 0) {
        if (len < bytes + 4) {
            return 0;
        }
        bytes += 4 + 4 * (size_t)be16(packet + bytes + 2);
    }
    return bytes <= len ? bytes : 0;
}

/* GCM has the rollover counter in its nonce; AES-CM authenticates it behind the packet. */
static struct srtp_job rtp_job(const struct srtp_session *s, uint8_t *packet, size_t header_len,
                               size_t len, uint64_t index) {
    struct srtp_job job = {
        .packet = packet,
        .header_len = header_len,
        .len = len,
        .ssrc = be32(packet + 8),
        .index = index,
        .trailer_len = s->profile == DTLS_SRTP_AEAD_AES_128_GCM ? 0 : 4,
    };
    put_be32(job.trailer, (uint32_t)(index >> 16));
    return job;
}

static enum status seal(struct srtp_session *s, uint8_t *packet, size_t len, size_t cap, bool again,
                        size_t *ret_len) {
    assert(s->magic == SRTP_MAGIC && len <= cap);
    size_t header_len = rtp_header_bytes(packet, len);
    if (header_len == 0) {
        return STATUS_MALFORMED;
    }
    if (cap - len < s->tag_bytes) {
        return STATUS_TOO_LARGE;
    }
    struct srtp_stream *stream = srtp_streams_find(&s->senders, be32(packet + 8));
    if (!stream) {
        return STATUS_NOT_FOUND;
    }
    uint64_t index;
    if (!srtp_stream_guess(stream, be16(packet + 2), &index)) {
        return stream->top > SRTP_INDEX_MAX / 2 ? STATUS_EXPIRED : STATUS_STALE;
    }
    enum status status = srtp_stream_check(stream, index);
    if (again && status == STATUS_OK) {
        return STATUS_PRECONDITION;
    }
    if (!again) {
        if (status != STATUS_OK) {
            return status;
        }
        srtp_stream_note(stream, index); /* before sealing: a nonce is used up even if that fails */
    }
    struct srtp_job job = rtp_job(s, packet, header_len, len, index);
    status = srtp_transform_seal(&s->out_rtp, &job, packet + len);
    if (status == STATUS_OK) {
        *ret_len = len + s->tag_bytes;
    }
    return status;
}

enum status srtp_seal(struct srtp_session *s, uint8_t *packet, size_t len, size_t cap,
                      size_t *ret_len) {
    return seal(s, packet, len, cap, false, ret_len);
}

enum status srtp_seal_again(struct srtp_session *s, uint8_t *packet, size_t len, size_t cap,
                            size_t *ret_len) {
    return seal(s, packet, len, cap, true, ret_len);
}

/* The window of a packet from outside. Known streams answer for their index; of a new one only
 * its place is sure, which it takes once the packet has authenticated. */
static enum status note_in(struct srtp_streams *t, struct srtp_stream *stream, uint32_t ssrc,
                           uint64_t index) {
    if (!stream) {
        enum status status = srtp_streams_add(t, ssrc, &stream);
        if (status != STATUS_OK) {
            return status;
        }
    }
    srtp_stream_note(stream, index);
    return STATUS_OK;
}

enum status srtp_open(struct srtp_session *s, uint8_t *packet, size_t len, size_t *ret_len) {
    assert(s->magic == SRTP_MAGIC);
    size_t header_len = rtp_header_bytes(packet, len);
    if (header_len == 0 || len - header_len < s->tag_bytes) {
        return STATUS_MALFORMED;
    }
    uint32_t ssrc = be32(packet + 8);
    uint64_t index = be16(packet + 2);
    struct srtp_stream *stream = srtp_streams_find(&s->receivers, ssrc);
    if (!stream && s->receivers.count == s->receivers.count_max) {
        return STATUS_EXHAUSTED;
    }
    if (stream && !srtp_stream_guess(stream, be16(packet + 2), &index)) {
        return STATUS_STALE;
    }
    enum status status = stream ? srtp_stream_check(stream, index) : STATUS_OK;
    if (status != STATUS_OK) {
        return status;
    }
    size_t opened_len = len - s->tag_bytes;
    struct srtp_job job = rtp_job(s, packet, header_len, opened_len, index);
    status = srtp_transform_open(&s->in_rtp, &job, packet + opened_len);
    if (status == STATUS_OK) {
        status = note_in(&s->receivers, stream, ssrc, index);
    }
    if (status == STATUS_OK) {
        *ret_len = opened_len;
    }
    return status;
}

static struct srtp_job rtcp_job(uint8_t *packet, size_t len, uint32_t word) {
    struct srtp_job job = {
        .packet = packet,
        .header_len = RTCP_HEADER,
        .len = len,
        .ssrc = be32(packet + 4),
        .index = word & ~FLAG_ENCRYPTED,
        .trailer_len = INDEX_BYTES,
    };
    put_be32(job.trailer, word);
    return job;
}

/* Behind the body, GCM has tag and index, AES-CM has index and tag. */
static size_t tag_at(const struct srtp_session *s, size_t len) {
    return s->profile == DTLS_SRTP_AEAD_AES_128_GCM ? len : len + INDEX_BYTES;
}

static size_t index_at(const struct srtp_session *s, size_t len) {
    return s->profile == DTLS_SRTP_AEAD_AES_128_GCM ? len + s->tag_bytes : len;
}

static bool is_rtcp(const uint8_t *packet, size_t len) {
    return len >= RTCP_HEADER && packet[0] >> 6 == VERSION;
}

enum status srtcp_seal(struct srtp_session *s, uint8_t *packet, size_t len, size_t cap,
                       size_t *ret_len) {
    assert(s->magic == SRTP_MAGIC && len <= cap);
    if (!is_rtcp(packet, len)) {
        return STATUS_MALFORMED;
    }
    if (cap - len < s->tag_bytes + INDEX_BYTES) {
        return STATUS_TOO_LARGE;
    }
    if (s->out_rtcp_next > SRTCP_INDEX_MAX) {
        return STATUS_EXPIRED;
    }
    struct srtp_job job = rtcp_job(packet, len, FLAG_ENCRYPTED | s->out_rtcp_next++);
    enum status status = srtp_transform_seal(&s->out_rtcp, &job, packet + tag_at(s, len));
    if (status == STATUS_OK) {
        memcpy(packet + index_at(s, len), job.trailer, INDEX_BYTES);
        *ret_len = len + s->tag_bytes + INDEX_BYTES;
    }
    return status;
}

enum status srtcp_open(struct srtp_session *s, uint8_t *packet, size_t len, size_t *ret_len) {
    assert(s->magic == SRTP_MAGIC);
    size_t added = s->tag_bytes + INDEX_BYTES;
    if (len < added || !is_rtcp(packet, len - added)) {
        return STATUS_MALFORMED;
    }
    size_t opened_len = len - added;
    uint32_t ssrc = be32(packet + 4), word = be32(packet + index_at(s, opened_len));
    if ((word & FLAG_ENCRYPTED) == 0) {
        return STATUS_MALFORMED; /* WebRTC encrypts all RTCP */
    }
    struct srtp_stream *stream = srtp_streams_find(&s->reporters, ssrc);
    if (!stream && s->reporters.count == s->reporters.count_max) {
        return STATUS_EXHAUSTED;
    }
    struct srtp_job job = rtcp_job(packet, opened_len, word);
    enum status status = stream ? srtp_stream_check(stream, job.index) : STATUS_OK;
    if (status == STATUS_OK) {
        status = srtp_transform_open(&s->in_rtcp, &job, packet + tag_at(s, opened_len));
    }
    if (status == STATUS_OK) {
        status = note_in(&s->reporters, stream, ssrc, job.index);
    }
    if (status == STATUS_OK) {
        *ret_len = opened_len;
    }
    return status;
}
