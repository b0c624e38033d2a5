/* dtls_settled.c: an association after its handshake. OpenSSL keeps 50 KB and more for each, most
 * of it for a handshake that may still be repeated; the keys alone are a hundredth. */
#include <openssl/err.h>
#include <string.h>

#include "dtls_priv.h"
#include "mem.h"

enum { ALERT_BYTES = 2, ALERT_WARNING = 1, ALERT_FATAL = 2, ALERT_CLOSE_NOTIFY = 0 };

void dtls_settle(struct dtls *d) {
    assert(d->magic == DTLS_MAGIC);
    if (!d->ssl || d->state != DTLS_CONNECTED || SSL_has_pending(d->ssl) ||
        dtls_records_create(d->ssl, &d->used, &d->records) != STATUS_OK) {
        return;
    }
    SSL_free(d->ssl);
    d->ssl = NULL;
    ERR_clear_error();
}

void dtls_note_out(struct dtls *d, struct slice datagram) {
    struct dtls_record record;
    while (dtls_record_next(&datagram, &record)) {
        if (record.epoch == 1 && record.body.len >= sizeof(uint64_t)) {
            d->used.out_sequence = record.sequence;
            d->used.out_nonce = dtls_get_be(record.body.data, sizeof(uint64_t));
        }
    }
}

void dtls_note_in(struct dtls *d, struct slice datagram) {
    struct dtls_record record;
    while (dtls_record_next(&datagram, &record)) {
        if (record.epoch == 1) {
            d->used.in_sequence = MAX(d->used.in_sequence, record.sequence);
        }
    }
}

void dtls_settled_forget(struct dtls *d) {
    mem_free(TAKE(d->unread));
    d->unread_len = d->unread_at = 0;
}

static enum status take_alert(struct dtls *d, const uint8_t *alert, size_t len) {
    if (len != ALERT_BYTES) {
        return STATUS_OK;
    }
    if (alert[1] == ALERT_CLOSE_NOTIFY) {
        return dtls_end(d, DTLS_CLOSED, STATUS_CLOSED);
    }
    return alert[0] == ALERT_FATAL ? dtls_end(d, DTLS_FAILED, STATUS_MALFORMED) : STATUS_OK;
}

/* Messages are kept one behind the other, each behind its length. What a record is longer by than
 * its message is more than that length takes. */
enum status dtls_settled_feed(struct dtls *d, struct slice datagram) {
    dtls_settled_forget(d);
    d->unread = mem_alloc(datagram.len);
    struct dtls_record record;
    while (d->unread && d->reason == STATUS_OK && dtls_record_next(&datagram, &record)) {
        uint8_t *message = d->unread + d->unread_len + sizeof(uint16_t);
        bool known = record.type == DTLS_RECORD_DATA || record.type == DTLS_RECORD_ALERT;
        size_t len;
        if (!known || !dtls_records_open(d->records, &record, message, &len)) {
            continue; /* a handshake that came late, or somebody else's */
        }
        if (record.type == DTLS_RECORD_ALERT) {
            (void)take_alert(d, message, len);
        } else if (len > 0) {
            const uint16_t len16 = (uint16_t)len;
            memcpy(message - sizeof(len16), &len16, sizeof(len16));
            d->unread_len += sizeof(len16) + len;
        }
    }
    return d->reason;
}

enum status dtls_settled_read(struct dtls *d, uint8_t out[DTLS_IN_BYTES_MAX], size_t *ret_len) {
    if (d->unread_at == d->unread_len) {
        dtls_settled_forget(d);
        return STATUS_AGAIN;
    }
    uint16_t len16;
    memcpy(&len16, d->unread + d->unread_at, sizeof(len16));
    memcpy(out, d->unread + d->unread_at + sizeof(len16), len16);
    d->unread_at += sizeof(len16) + len16;
    *ret_len = len16;
    return STATUS_OK;
}

static void put_record(struct dtls *d, uint8_t type, struct slice plain) {
    uint8_t datagram[DTLS_DATAGRAM_BYTES_MAX];
    size_t len = dtls_records_seal(d->records, type, plain, datagram);
    if (len == 0 || !dtls_append_out(d, slice_of(datagram, len))) {
        d->out_lost++;
    }
}

void dtls_settled_write(struct dtls *d, struct slice message) {
    put_record(d, DTLS_RECORD_DATA, message);
}

void dtls_settled_goodbye(struct dtls *d) {
    static const uint8_t alert[ALERT_BYTES] = {ALERT_WARNING, ALERT_CLOSE_NOTIFY};
    put_record(d, DTLS_RECORD_ALERT, slice_of(alert, sizeof(alert)));
}
