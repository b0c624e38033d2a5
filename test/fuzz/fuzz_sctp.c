/* SCTP between two associations of one stack, while the input says what becomes of their packets:
 * delivered, lost, repeated, spoiled, or made up behind a header that is right. Whatever happens,
 * messages come whole and within their bound, and both can be closed.
 * Covers: src/media/sctp.c */
#include <usrsctp.h>

#include "caps.h"
#include "cursor.h"
#include "fuzz.h"
#include "sctp.h"

enum {
    ENDS = 2,
    QUEUE_MAX = 64, /* packets under way to one end; more are lost */
    OPS_MAX = 200,
    HEADER_BYTES = 12,
    SETTLE_ROUNDS = 100,
};

struct end {
    struct sctp_assoc assoc;
    struct slice queue[QUEUE_MAX]; /* packets that it will get */
    size_t count;
    uint8_t header[HEADER_BYTES]; /* of the last one it was sent: ports and tag are right */
    bool lost;
};
static struct end ends[ENDS];
static struct sctp_stack *stack;

static void on_packet(void *arg, uint64_t owner, struct slice packet) {
    struct end *to = &ends[1 - owner];
    assert(packet.len <= SCTP_PACKET_BYTES_MAX);
    if (packet.len >= HEADER_BYTES) {
        memcpy(to->header, packet.data, HEADER_BYTES);
    }
    if (to->count < QUEUE_MAX) {
        to->queue[to->count++] = tight_copy(packet);
    }
}

static void on_up(void *arg, uint64_t owner) {
    assert(ends[owner].assoc.up);
}

static void on_lost(void *arg, uint64_t owner) {
    ends[owner].lost = true;
}

static void on_message(void *arg, uint64_t owner, uint16_t stream, uint32_t ppid,
                       struct slice message) {
    assert(message.len <= DATA_MESSAGE_BYTES_MAX && stream < DATA_STREAMS_MAX);
}

static void on_too_large(void *arg, uint64_t owner) {
}

static void on_stream_reset(void *arg, uint64_t owner, uint16_t stream) {
    sctp_reset_stream(&ends[owner].assoc, stream); /* as a data channel is closed */
}

static struct slice take(struct end *to) {
    struct slice first = to->queue[0];
    memmove(to->queue, to->queue + 1, --to->count * sizeof(to->queue[0]));
    return first;
}

static void input(struct end *to, struct slice packet) {
    if (to->assoc.socket) {
        sctp_input(stack, &to->assoc, packet);
    }
}

static void deliver(struct end *to) {
    if (to->count > 0) {
        struct slice packet = take(to);
        input(to, packet);
        tight_free(packet);
    }
}

static void settle(void) {
    for (int round = 0; round < SETTLE_ROUNDS && ends[0].count + ends[1].count > 0; round++) {
        deliver(&ends[0]);
        deliver(&ends[1]);
    }
}

/* Spoils some bytes behind the header. */
static void deliver_spoiled(struct end *to, struct cursor *c) {
    if (to->count == 0) {
        return;
    }
    struct slice packet = take(to);
    uint8_t *bytes = (uint8_t *)(uintptr_t)packet.data;
    for (size_t n = cursor_u8(c) % 8 + 1u; n > 0 && packet.len > HEADER_BYTES; n--) {
        size_t at = HEADER_BYTES + cursor_be16(c) % (packet.len - HEADER_BYTES);
        bytes[at] ^= cursor_u8(c);
    }
    input(to, packet);
    tight_free(packet);
}

static void inject(struct end *to, struct cursor *c) {
    struct slice chunks = cursor_take(c, MIN((size_t)cursor_u8(c) * 4, cursor_left(c)));
    uint8_t *packet = mem_alloc(HEADER_BYTES + chunks.len);
    assert(packet);
    memcpy(packet, to->header, HEADER_BYTES);
    if (chunks.len > 0) {
        memcpy(packet + HEADER_BYTES, chunks.data, chunks.len);
    }
    input(to, slice_of(packet, HEADER_BYTES + chunks.len));
    mem_free(packet);
}

static void send_message(struct end *from, struct cursor *c) {
    static const uint8_t zeros[DATA_MESSAGE_BYTES_MAX];
    struct sctp_delivery how = {.stream = cursor_u8(c),
                                .ppid = cursor_u8(c),
                                .unordered = cursor_u8(c) & 1,
                                .reliability = cursor_u8(c) % 3,
                                .parameter = cursor_u8(c)};
    size_t len = cursor_be16(c) % sizeof(zeros) + 1;
    enum status s = sctp_send(&from->assoc, &how, slice_of(zeros, len));
    assert(s != STATUS_OK || from->assoc.up);
}

static void run(struct cursor *c) {
    for (int ops = 0; ops < OPS_MAX && cursor_left(c) > 0; ops++) {
        uint8_t op = cursor_u8(c);
        struct end *end = &ends[op >> 7];
        switch (op % 8) {
        case 0:
        case 1: deliver(end); break;
        case 2: deliver_spoiled(end, c); break;
        case 3: inject(end, c); break;
        case 4: send_message(end, c); break;
        case 5:
            if (end->count > 0) { /* lost, or back to the end of the queue */
                struct slice packet = take(end);
                if (op & 8) {
                    end->queue[end->count++] = packet;
                } else {
                    tight_free(packet);
                }
            }
            break;
        case 6: sctp_tick(stack, (op >> 3 & 15) * 50u + SCTP_TICK_MS); break;
        default: sctp_reset_stream(&end->assoc, cursor_u8(c)); break;
        }
    }
}

static void open_both(void) {
    static const struct sctp_handlers handlers = {.on_packet = on_packet,
                                                  .on_up = on_up,
                                                  .on_lost = on_lost,
                                                  .on_message = on_message,
                                                  .on_too_large = on_too_large,
                                                  .on_stream_reset = on_stream_reset};
    if (!stack) { /* one for the process: it ends with it */
        assert(sctp_stack_create(&handlers, &stack) == STATUS_OK);
        usrsctp_enable_crc32c_offload(); /* a wrong sum is the stack's first test, and ends all */
    }
    for (size_t i = 0; i < ENDS; i++) {
        ends[i].lost = false;
        assert(sctp_open(stack, &ends[i].assoc, i) == STATUS_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cursor c = cursor_over(slice_of(data, size));
    open_both();
    if (cursor_u8(&c) & 1) { /* else the input has its hands in the handshake, too */
        settle();
    }
    run(&c);
    settle();
    for (size_t i = 0; i < ENDS; i++) {
        sctp_close(stack, &ends[i].assoc);
    }
    for (size_t i = 0; i < ENDS; i++) {
        while (ends[i].count > 0) {
            tight_free(take(&ends[i]));
        }
    }
    for (int ticks = 0; ticks < 10; ticks++) { /* the stack lets go of what was closed */
        sctp_tick(stack, 1000);
    }
    return 0;
}
