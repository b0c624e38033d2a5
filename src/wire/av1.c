#include "av1.h"

#include "cursor.h"

enum {
    FIXED_BITS = 24,   /* of a descriptor: what each has */
    FLAGS_BITS = 5,    /* of one with more; the first says that a structure follows */
    NEXT_TEMPORAL = 1, /* how a template's layer follows the one before */
    NEXT_SPATIAL = 2,
    NEXT_NONE = 3,
    ABSENT = 0, /* what a template is to a decode target: nothing, */
    SWITCH = 2, /* or a place where it can begin */
};

bool av1_read_aggregation(struct slice payload, struct av1_aggregation *ret_header) {
    struct cursor c = cursor_over(payload);
    uint8_t bits = cursor_u8(&c);
    struct av1_aggregation h = {
        .continues = (bits & 0x80) != 0,
        .goes_on = (bits & 0x40) != 0,
        .count = bits >> 4 & 3,
        .new_sequence = (bits & 0x08) != 0,
    };
    if (c.failed || (h.continues && h.new_sequence)) {
        return false;
    }
    *ret_header = h;
    return true;
}

bool av1_read_descriptor(struct slice value, struct av1_descriptor *ret_descriptor) {
    struct cursor c = cursor_over(value);
    uint8_t bits = cursor_u8(&c);
    struct av1_descriptor d = {
        .frame_start = (bits & 0x80) != 0,
        .frame_end = (bits & 0x40) != 0,
        .template_id = bits & 0x3f,
        .frame_number = cursor_be16(&c),
    };
    if (c.failed) {
        return false;
    }
    /* Optional fields begin with a byte of flags; the first says that the templates follow. */
    d.has_structure = cursor_left(&c) > 0 && (cursor_u8(&c) & 0x80) != 0;
    *ret_descriptor = d;
    return true;
}

struct bits {
    struct slice of;
    size_t at;
    bool failed;
};

static unsigned take(struct bits *b, unsigned count) {
    unsigned value = 0;
    for (; count > 0; count--, b->at++) {
        bool inside = b->at / 8 < b->of.len;
        b->failed = b->failed || !inside;
        value = value << 1 | (inside ? b->of.data[b->at / 8] >> (7 - b->at % 8) & 1u : 0u);
    }
    return value;
}

/* Templates stand in the order of their layers. */
static bool read_layers(struct bits *b, struct av1_structure *s) {
    struct av1_layer layer = {0};
    for (unsigned next = 0; next != NEXT_NONE && s->count < AV1_TEMPLATES_MAX && !b->failed;) {
        s->templates[s->count++] = layer;
        next = take(b, 2);
        layer.temporal =
            next == NEXT_SPATIAL ? 0 : (uint8_t)(layer.temporal + (next == NEXT_TEMPORAL));
        layer.spatial = (uint8_t)(layer.spatial + (next == NEXT_SPATIAL));
        if (next == NEXT_NONE) {
            return true;
        }
    }
    return false;
}

/* A decode target is of the highest layers that it has. */
static void read_targets(struct bits *b, const struct av1_structure *s, unsigned targets,
                         struct av1_layer ret_targets[AV1_TARGETS_MAX]) {
    for (unsigned i = 0; i < s->count; i++) {
        for (unsigned t = 0; t < targets; t++) {
            if (take(b, 2) != ABSENT) {
                ret_targets[t].spatial = MAX(ret_targets[t].spatial, s->templates[i].spatial);
                ret_targets[t].temporal = MAX(ret_targets[t].temporal, s->templates[i].temporal);
            }
        }
    }
}

static void read_syncs(struct bits *b, struct av1_structure *s, unsigned targets,
                       const struct av1_layer of[AV1_TARGETS_MAX]) {
    for (unsigned i = 0; i < s->count; i++) {
        struct av1_layer *l = &s->templates[i];
        for (unsigned t = 0; t < targets; t++) {
            bool own = of[t].spatial == l->spatial && of[t].temporal == l->temporal;
            l->sync = (take(b, 2) == SWITCH && own) || l->sync;
        }
    }
}

/* What stands behind the decode targets (distances, chains, sizes) is not looked at. */
bool av1_read_structure(struct slice value, struct av1_structure *ret_structure) {
    struct av1_descriptor d;
    if (!av1_read_descriptor(value, &d) || !d.has_structure) {
        return false;
    }
    struct bits b = {.of = value, .at = FIXED_BITS + FLAGS_BITS};
    struct av1_structure s = {.id_offset = (uint8_t)take(&b, 6)};
    unsigned targets = take(&b, 5) + 1;
    if (!read_layers(&b, &s)) {
        return false;
    }
    struct av1_layer of[AV1_TARGETS_MAX] = {0};
    struct bits again = b;
    read_targets(&b, &s, targets, of);
    read_syncs(&again, &s, targets, of);
    if (b.failed) {
        return false;
    }
    *ret_structure = s;
    return true;
}

bool av1_find_layer(const struct av1_structure *s, uint8_t template_id,
                    struct av1_layer *ret_layer) {
    unsigned index = (template_id + 64u - s->id_offset) % 64u;
    if (index >= s->count) {
        return false;
    }
    *ret_layer = s->templates[index];
    return true;
}
