/* dtls_bio.c: OpenSSL's memory BIOs would join the datagrams of a flight; this one keeps their
 * borders. Losing one is allowed to it, as to any network: when the queue is full or memory is
 * short a datagram is dropped, and the peers' timers make it good. */
#include <string.h>

#include "dtls_priv.h"
#include "mem.h"

bool dtls_append_out(struct dtls *d, struct slice datagram) {
    if (datagram.len > DTLS_DATAGRAM_BYTES_MAX || d->out_count >= DTLS_OUT_DATAGRAMS_MAX) {
        return false;
    }
    struct dtls_datagram *copy = mem_alloc(sizeof *copy + datagram.len);
    if (!copy) {
        return false;
    }
    copy->next = NULL;
    copy->len = datagram.len;
    memcpy(copy->bytes, datagram.data, datagram.len);
    *d->out_end = copy;
    d->out_end = &copy->next;
    d->out_count++;
    return true;
}

static int bio_write(BIO *bio, const char *data, int len) {
    struct dtls *d = OBJ_CAST(struct dtls, BIO_get_data(bio), DTLS_MAGIC);
    BIO_clear_retry_flags(bio);
    if (len > 0) {
        struct slice datagram = slice_of(data, (size_t)len);
        dtls_note_out(d, datagram);
        d->out_lost += dtls_append_out(d, datagram) ? 0 : 1;
    }
    return len;
}

static int bio_read(BIO *bio, char *out, int size) {
    struct dtls *d = OBJ_CAST(struct dtls, BIO_get_data(bio), DTLS_MAGIC);
    BIO_clear_retry_flags(bio);
    if (d->in.len == 0 || size <= 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t len = MIN(d->in.len, (size_t)size); /* what does not fit is lost, as with recv */
    memcpy(out, d->in.data, len);
    d->in = (struct slice){0};
    return (int)len;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU: return DTLS_DATAGRAM_BYTES_MAX;
    case BIO_CTRL_DGRAM_SET_MTU: return number;
    default: return 0; /* among them the overhead below UDP's payload: none */
    }
}

static int bio_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *dtls_bio_method_create(void) {
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");
    bool ok = m && BIO_meth_set_write(m, bio_write) == 1 && BIO_meth_set_read(m, bio_read) == 1 &&
              BIO_meth_set_ctrl(m, bio_control) == 1 && BIO_meth_set_create(m, bio_create) == 1;
    if (!ok) {
        BIO_meth_free(m);
        return NULL;
    }
    return m;
}

BIO *dtls_bio_create(const struct dtls_identity *id, struct dtls *d) {
    BIO *bio = BIO_new(id->bio_method);
    if (bio) {
        BIO_set_data(bio, d);
    }
    return bio;
}
