#include "sdp.h"

static void end_line(struct buf *out) {
    buf_put(out, SLICE_LIT("\r\n"));
}

static void begin_attribute(struct buf *out, const char *name) {
    buf_put(out, SLICE_LIT("a="));
    buf_put_cstr(out, name);
}

void sdp_put_line(struct buf *out, char type, struct slice value) {
    buf_put_u8(out, (uint8_t)type);
    buf_put_u8(out, '=');
    buf_put(out, value);
    end_line(out);
}

void sdp_put_flag(struct buf *out, const char *name) {
    begin_attribute(out, name);
    end_line(out);
}

void sdp_put_attribute(struct buf *out, const char *name, struct slice value) {
    begin_attribute(out, name);
    buf_put_u8(out, ':');
    buf_put(out, value);
    end_line(out);
}

void sdp_put_number(struct buf *out, const char *name, uint64_t value) {
    begin_attribute(out, name);
    buf_put_u8(out, ':');
    buf_put_u64_dec(out, value);
    end_line(out);
}

void sdp_put_direction(struct buf *out, enum sdp_direction direction) {
    static const char *const names[] = {
        [SDP_INACTIVE] = "inactive",
        [SDP_SENDONLY] = "sendonly",
        [SDP_RECVONLY] = "recvonly",
        [SDP_SENDRECV] = "sendrecv",
    };
    assert((unsigned)direction < ARRAY_LEN(names));
    sdp_put_flag(out, names[direction]);
}

void sdp_put_fingerprint(struct buf *out, const uint8_t fingerprint[32]) {
    static const char digits[] = "0123456789ABCDEF"; /* RFC 8122: upper case */
    begin_attribute(out, "fingerprint:sha-256 ");
    for (size_t i = 0; i < 32; i++) {
        if (i > 0) {
            buf_put_u8(out, ':');
        }
        buf_put_u8(out, (uint8_t)digits[fingerprint[i] >> 4]);
        buf_put_u8(out, (uint8_t)digits[fingerprint[i] & 15]);
    }
    end_line(out);
}

void sdp_put_format(struct buf *out, const struct sdp_format *format) {
    if (format->encoding.len == 0) {
        return;
    }
    begin_attribute(out, "rtpmap:");
    buf_put_u64_dec(out, format->payload_type);
    buf_put_u8(out, ' ');
    buf_put(out, format->encoding);
    buf_put_u8(out, '/');
    buf_put_u64_dec(out, format->clock_hz);
    if (format->channels > 1) {
        buf_put_u8(out, '/');
        buf_put_u64_dec(out, format->channels);
    }
    end_line(out);
    if (format->fmtp.len > 0) {
        begin_attribute(out, "fmtp:");
        buf_put_u64_dec(out, format->payload_type);
        buf_put_u8(out, ' ');
        buf_put(out, format->fmtp);
        end_line(out);
    }
}

void sdp_put_session(struct buf *out, uint64_t session_id, uint64_t version) {
    sdp_put_line(out, 'v', SLICE_LIT("0"));
    buf_put(out, SLICE_LIT("o=- "));
    buf_put_u64_dec(out, session_id);
    buf_put_u8(out, ' ');
    buf_put_u64_dec(out, version);
    buf_put(out, SLICE_LIT(" IN IP4 127.0.0.1"));
    end_line(out);
    sdp_put_line(out, 's', SLICE_LIT("-"));
    sdp_put_line(out, 't', SLICE_LIT("0 0"));
}
