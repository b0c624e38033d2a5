/* Every allocation of decoding and encoding fails once; only built with faults on. */
#include "fixture.h"

#include "mem.h"
#include "random_message.h"

/* Decodes both codings and encodes both again. */
static enum status scenario(const ProtobufCMessageDescriptor *type, struct slice bytes,
                            struct slice text) {
    struct arena arena;
    struct buf out;
    arena_init(&arena, 8 << 20);
    buf_init(&out, 8 << 20);
    ProtobufCMessage *m, *untouched = (ProtobufCMessage *)(void *)&arena;
    m = untouched;
    enum status s = proto_decode(type, bytes, &arena, &m);
    if (s == STATUS_OK) {
        proto_encode(m, &out);
        m = untouched;
        s = proto_decode_json(type, text, &arena, &m);
    }
    if (s == STATUS_OK) {
        proto_encode_json(m, JSON_TWIRP, &out);
        proto_encode_json(m, JSON_COMPACT, &out);
    } else {
        assert_ptr_equal(m, untouched);
    }
    s = s == STATUS_OK && out.failed ? STATUS_NO_MEMORY : s;
    arena_deinit(&arena);
    buf_deinit(&out);
    return s;
}

static void each_failure_is_answered(void **state) {
    struct fixture *f = *state;
    struct rng rng;
    uint8_t key[32] = "memory";
    rng_init(&rng, key);
    int failures = 0;
    for (int round = 0; round < 60; round++) {
        fixture_reset(f);
        const ProtobufCMessageDescriptor *type = random_type(&rng);
        ProtobufCMessage *m = random_message(&rng, type, &f->arena);
        proto_encode(m, &f->out);
        struct slice bytes = arena_copy(&f->arena, buf_slice(&f->out));
        buf_clear(&f->out);
        proto_encode_json(m, JSON_COMPACT, &f->out);
        uint64_t before = mem_live_blocks();
        enum status s = STATUS_NO_MEMORY;
        for (uint64_t nth = 1; s != STATUS_OK; nth++) {
            mem_fail_from(nth);
            s = scenario(type, bytes, buf_slice(&f->out));
            mem_fail_never();
            assert_true(s == STATUS_OK || s == STATUS_NO_MEMORY);
            assert_int_equal(mem_live_blocks(), before);
            failures += s == STATUS_NO_MEMORY;
        }
    }
    assert_true(failures > 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_failure_is_answered, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
