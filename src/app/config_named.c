#include "config_walk_priv.h"
#include "json.h"

static enum status put_json(struct walk *w, const yaml_event_t *first, struct buf *out);

/* What YAML reads as a whole number or a truth is one in JSON; all else is text, which a field that
 * wants a number reads as well. */
static void put_json_scalar(const yaml_event_t *event, struct buf *out) {
    struct slice value = walk_scalar(event);
    bool negative = false, truth = false;
    uint64_t number = 0;
    const char *reason = NULL;
    if (walk_is_null(event)) {
        buf_put_cstr(out, "null");
    } else if (walk_is_plain(event) &&
               setting_read_int(value, &negative, &number, &reason) == STATUS_OK) {
        buf_put_cstr(out, negative ? "-" : "");
        buf_put_u64_dec(out, number);
    } else if (walk_is_plain(event) && value.len >= 4 && /* not 0 and 1, nor t and f */
               setting_read_bool(value, &truth, &reason) == STATUS_OK) {
        buf_put_cstr(out, truth ? "true" : "false");
    } else {
        json_put_string(out, value);
    }
}

/* The elements of a list or mapping up to its end. */
static enum status put_json_elements(struct walk *w, bool mapping, struct buf *out) {
    for (bool first = true;; first = false) {
        yaml_event_t event;
        enum status s = walk_next(w, &event);
        if (s != STATUS_OK) {
            return s;
        }
        bool end = walk_is_end(&event);
        if (!end && !first) {
            buf_put_u8(out, ',');
        }
        if (!end && mapping && event.type != YAML_SCALAR_EVENT) {
            s = walk_refuse(w, &event.start_mark, walk_where(w),
                            "has a name that is not plain text");
        } else if (!end && mapping) {
            json_put_string(out, walk_scalar(&event));
            buf_put_u8(out, ':');
            yaml_event_delete(&event);
            s = walk_next(w, &event);
            if (s != STATUS_OK) {
                return s;
            }
        }
        if (!end && s == STATUS_OK) {
            s = put_json(w, &event, out);
        }
        yaml_event_delete(&event);
        if (end || s != STATUS_OK) {
            return s;
        }
    }
}

/* Nests no deeper than YAML_DEPTH_MAX. */
static enum status put_json(struct walk *w, const yaml_event_t *first, struct buf *out) {
    if (!walk_is_start(first)) {
        bool text = slice_is_text(walk_scalar(first));
        put_json_scalar(first, out);
        return text ? STATUS_OK
                    : walk_refuse(w, &first->start_mark, walk_where(w), "must be UTF-8 text");
    }
    bool mapping = first->type == YAML_MAPPING_START_EVENT;
    buf_put_u8(out, mapping ? '{' : '[');
    enum status s = put_json_elements(w, mapping, out);
    buf_put_u8(out, mapping ? '}' : ']');
    return s;
}

static enum status add_named(struct walk *w, const struct setting_desc *desc,
                             const yaml_event_t *name, const yaml_event_t *value) {
    if (walk_is_null(value)) {
        return STATUS_OK;
    }
    if (value->type != YAML_MAPPING_START_EVENT) {
        return walk_refuse(w, &value->start_mark, w->path, "takes a section for each name");
    }
    struct buf json;
    buf_init(&json, CONFIG_BYTES_MAX * 6); /* escaped */
    enum status s = put_json(w, value, &json);
    if (s == STATUS_OK && json.failed) {
        s = STATUS_NO_MEMORY;
    } else if (s == STATUS_OK) {
        s = settings_named_add(w->settings, desc, walk_scalar(name), buf_slice(&json));
        s = s == STATUS_INVALID ? walk_refuse(w, &name->start_mark, w->path, "has one name twice")
            : s == STATUS_EXHAUSTED
                ? walk_refuse(w, &name->start_mark, w->path, "has too many entries")
                : s;
    }
    buf_deinit(&json);
    return s;
}

/* Names, each with a section of its own, kept as JSON. */
enum status walk_read_named(struct walk *w, const struct setting_desc *desc,
                            const yaml_event_t *start) {
    if (start->type != YAML_MAPPING_START_EVENT) {
        return walk_refuse(w, &start->start_mark, w->path, "takes a section of names");
    }
    for (;;) {
        yaml_event_t name, value;
        enum status s = walk_next(w, &name);
        if (s != STATUS_OK) {
            return s;
        }
        bool end = name.type == YAML_MAPPING_END_EVENT;
        if (!end && (name.type != YAML_SCALAR_EVENT || !slice_is_text(walk_scalar(&name)))) {
            s = walk_refuse(w, &name.start_mark, w->path, "has a name that is not plain text");
        } else if (!end && (s = walk_next(w, &value)) == STATUS_OK) {
            s = add_named(w, desc, &name, &value);
            yaml_event_delete(&value);
        }
        yaml_event_delete(&name);
        if (end || s != STATUS_OK) {
            return s;
        }
    }
}
