#include "hook_priv.h"

#include <string.h>

#include "clock.h"
#include "entropy.h"
#include "mem.h"

/* Reserved for each event and receiver: its place, and a queue of its own with the header. */
enum { HEADER_BYTES = 1024 };

static void release(struct hook *h, struct hook_item *item) {
    __atomic_sub_fetch(&h->held_bytes, item->cost, __ATOMIC_RELAXED);
    mem_free(item);
}

void hook_item_unref(struct hook *h, struct hook_item *item) {
    assert(item->refs > 0);
    if (--item->refs == 0) {
        release(h, item);
    }
}

/* Posting. */

static bool is_listed(const struct slice *names, size_t count, struct slice name) {
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(names[i], name)) {
            return true;
        }
    }
    return false;
}

static bool is_wanted(const struct hook *h, struct slice name) {
    if (h->include_count > 0) {
        return is_listed(h->include_events, h->include_count, name);
    }
    return !is_listed(h->exclude_events, h->exclude_count, name);
}

static struct slice put_text(uint8_t **at, struct slice s) {
    struct slice copy = slice_of(*at, s.len);
    if (s.len > 0) {
        memcpy(*at, s.data, s.len);
        *at += s.len;
    }
    return copy;
}

static struct hook_item *item_create(const struct hook_event *event, size_t text_len) {
    struct hook_item *item = mem_alloc(sizeof *item + text_len);
    if (item) {
        uint8_t *at = item->text;
        *item = (struct hook_item){.posted_ms = clock_mono_ms()};
        item->name = put_text(&at, event->name);
        item->key = put_text(&at, event->key);
        item->id = put_text(&at, event->id);
        item->body = put_text(&at, event->body);
        assert(at == item->text + text_len);
    }
    return item;
}

static bool refuse(struct hook *h, uint64_t *counter) {
    metric_add(counter, h->targets_count);
    return false;
}

bool hook_post(struct hook *h, const struct hook_event *event) {
    struct metrics *m = &h->post_metrics;
    h->poster = h->poster ? h->poster : thread_self();
    assert(h->poster == thread_self());
    if (!is_wanted(h, event->name)) {
        metric_inc(&m->hook_filtered);
        return true;
    }
    size_t text_len = event->name.len + event->key.len + event->id.len + event->body.len;
    size_t each =
        sizeof(struct hook_place) + sizeof(struct hook_queue) + event->key.len + HEADER_BYTES;
    size_t cost = sizeof(struct hook_item) + text_len + each * h->targets_count;
    /* Only this thread adds; that the other may have released meanwhile does no harm. */
    if (__atomic_load_n(&h->held_bytes, __ATOMIC_RELAXED) + cost > HOOK_BYTES_MAX) {
        return refuse(h, &m->hook_dropped_bytes);
    }
    struct hook_item *item = item_create(event, text_len);
    if (!item) {
        return refuse(h, &m->hook_dropped_memory);
    }
    item->cost = cost;
    __atomic_add_fetch(&h->held_bytes, cost, __ATOMIC_RELAXED);
    if (!mailbox_push(h->posts, &item)) {
        release(h, item);
        return refuse(h, &m->hook_dropped_mailbox);
    }
    metric_inc(&m->hook_taken);
    return true;
}

size_t hook_metrics(const struct hook *h, const struct metrics **ret, size_t max) {
    const struct metrics *all[] = {&h->post_metrics, &h->metrics};
    size_t count = MIN(max, ARRAY_LEN(all));
    for (size_t i = 0; i < count; i++) {
        ret[i] = all[i];
    }
    return count;
}

/* The hook thread. */

static size_t take_posts(struct hook *h) {
    struct hook_item *items[HOOK_POSTS_PER_TURN];
    size_t count = mailbox_drain(h->posts, items, ARRAY_LEN(items));
    for (size_t i = 0; i < count; i++) {
        items[i]->refs = 1;
        for (size_t t = 0; t < h->targets_count; t++) {
            target_add(&h->targets[t], items[i]);
        }
        hook_item_unref(h, items[i]);
    }
    return count;
}

static void take_closing(struct hook *h) {
    uint32_t grace_ms;
    if (mailbox_drain(h->closing, &grace_ms, 1) == 1) {
        h->is_closing = true;
        h->grace_ends_ms = h->now_ms + grace_ms;
    }
}

static uint64_t sending(const struct hook *h) {
    uint64_t count = 0;
    for (size_t i = 0; i < h->targets_count; i++) {
        count += h->targets[i].sending_count;
    }
    return count;
}

static void set_gauges(struct hook *h) {
    metric_set(&h->metrics.hook_queues, h->queues_count);
    metric_set(&h->metrics.hook_waiting, h->waiting_count);
    metric_set(&h->metrics.hook_sending, sending(h));
    metric_set(&h->metrics.hook_bytes, __atomic_load_n(&h->held_bytes, __ATOMIC_RELAXED));
}

/* While requests are under way libcurl is looked after now and then, even if nothing seems to
 * happen: it goes from an address that is silent to the next only when it is asked. */
static uint32_t wait_ms(const struct hook *h, uint32_t wait_ms_max) {
    uint64_t now_ms = clock_mono_ms();
    uint64_t due_ms = heap_next_key(&h->pauses);
    due_ms = h->is_closing ? MIN(due_ms, h->grace_ends_ms) : due_ms;
    uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    uint64_t most_ms =
        sending(h) > 0 ? MIN(wait_ms_max, (uint32_t)HOOK_LOOK_AFTER_MS) : wait_ms_max;
    return (uint32_t)MIN(left_ms, most_ms);
}

/* What became ready, by whatever cause, is started at the end; libcurl then does not wait. */
void hook_turn(struct hook *h, uint32_t wait_ms_max) {
    attempts_wait(h, wait_ms(h, wait_ms_max));
    h->now_ms = clock_mono_ms();
    take_closing(h);
    (void)take_posts(h);
    attempts_run(h);
    queues_end_pauses(h);
    for (size_t i = 0; i < h->targets_count; i++) {
        target_pump(&h->targets[i]);
    }
    set_gauges(h);
    bool is_empty = h->queues_count == 0 && mailbox_count(h->posts) == 0;
    h->is_over = h->is_closing && (is_empty || h->now_ms >= h->grace_ends_ms);
}

static void run(void *arg) {
    struct hook *h = OBJ_CAST(struct hook, arg, HOOK_MAGIC);
    while (!h->is_over) {
        hook_turn(h, UINT32_MAX);
    }
}

/* Construction. */

static struct slice *copy_list(struct hook *h, const struct slice *from, size_t count) {
    if (count == 0) {
        return NULL;
    }
    struct slice *copy = arena_zalloc(&h->arena, count * sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = arena_copy(&h->arena, from[i]);
    }
    return copy;
}

static enum status copy_config(struct hook *h, const struct hook_config *c) {
    if (c->include_count > HOOK_FILTERS_MAX || c->exclude_count > HOOK_FILTERS_MAX) {
        return STATUS_INVALID;
    }
    h->include_events = copy_list(h, c->include_events, c->include_count);
    h->exclude_events = copy_list(h, c->exclude_events, c->exclude_count);
    h->include_count = c->include_count;
    h->exclude_count = c->exclude_count;
    h->ca_file = c->ca_file ? arena_cstr(&h->arena, slice_from_cstr(c->ca_file)) : NULL;
    h->max_age_ms = c->max_age_ms ? c->max_age_ms : HOOK_AGE_MS;
    h->max_depth = c->max_depth ? c->max_depth : HOOK_DEPTH;
    h->in_flight_max = c->in_flight_max ? c->in_flight_max : HOOK_IN_FLIGHT_MAX;
    h->attempt_ms = c->attempt_ms ? c->attempt_ms : HOOK_ATTEMPT_MS;
    h->retry_first_ms = c->retry_first_ms ? c->retry_first_ms : HOOK_RETRY_FIRST_MS;
    return h->arena.failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status make_target(struct hook *h, struct hook_target *t,
                               const struct hook_receiver *r) {
    if (r->key.len == 0 || r->key.len > HOOK_KEY_NAME_BYTES_MAX || r->secret.len == 0) {
        return STATUS_INVALID;
    }
    enum status s = url_check(r->url, &h->arena, &t->host);
    if (s != STATUS_OK) {
        return s;
    }
    struct hash_key hash;
    entropy_fill(&hash, sizeof hash);
    t->url = arena_cstr(&h->arena, slice_from_cstr(r->url));
    t->issuer = arena_copy(&h->arena, r->key);
    t->key = hmac_key_create(HMAC_SHA256, r->secret);
    s = target_open(t, hash);
    return s == STATUS_OK && (h->arena.failed || !t->key) ? STATUS_NO_MEMORY : s;
}

static enum status make_targets(struct hook *h, const struct hook_config *config) {
    if (config->receivers_count == 0 || config->receivers_count > HOOK_RECEIVERS_MAX) {
        return STATUS_INVALID;
    }
    h->targets = mem_calloc(config->receivers_count, sizeof *h->targets);
    if (!h->targets) {
        return STATUS_NO_MEMORY;
    }
    h->targets_count = config->receivers_count;
    for (size_t i = 0; i < h->targets_count; i++) {
        target_init(&h->targets[i], h);
    }
    enum status s = STATUS_OK;
    for (size_t i = 0; i < h->targets_count && s == STATUS_OK; i++) {
        s = make_target(h, &h->targets[i], &config->receivers[i]);
    }
    return s;
}

static enum status make_mailboxes(struct hook *h) {
    h->posts = mailbox_create(sizeof(struct hook_item *), MAILBOX_HOOK_MAX);
    h->closing = mailbox_create(sizeof(uint32_t), 1);
    return h->posts && h->closing ? attempts_init(h) : STATUS_NO_MEMORY;
}

enum status hook_prepare(const struct hook_config *config, struct hook **ret_hook) {
    struct hook *h = mem_zalloc(sizeof *h);
    if (!h) {
        return STATUS_NO_MEMORY;
    }
    h->magic = HOOK_MAGIC;
    arena_init(&h->arena, HOOK_CONFIG_BYTES_MAX);
    heap_init(&h->pauses);
    h->now_ms = clock_mono_ms();
    enum status s = copy_config(h, config);
    if (s == STATUS_OK) {
        s = make_mailboxes(h);
    }
    if (s == STATUS_OK) {
        s = make_targets(h, config);
    }
    if (s != STATUS_OK) {
        (void)hook_destroy(h, 0);
        return s;
    }
    *ret_hook = h;
    return STATUS_OK;
}

enum status hook_create(const struct hook_config *config, struct hook **ret_hook) {
    struct hook *h = NULL;
    enum status s = hook_prepare(config, &h);
    if (s == STATUS_OK) {
        s = thread_start("stoa-hook", run, h, &h->thread);
        if (s != STATUS_OK) {
            h = hook_destroy(h, 0);
        } else {
            *ret_hook = h;
        }
    }
    return s;
}

static void drop_all(struct hook *h) {
    uint64_t before = h->metrics.hook_dropped_closed;
    while (h->posts && take_posts(h) > 0) {
    }
    for (size_t i = 0; i < h->targets_count; i++) {
        target_drop_all(&h->targets[i]);
    }
    uint64_t lost = h->metrics.hook_dropped_closed - before;
    if (lost > 0) {
        log_event(LOG_WARN, "webhooks_not_delivered", LOG_UINT("count", lost));
    }
    set_gauges(h);
}

void hook_stop(struct hook *h, uint32_t grace_ms) {
    if (h->thread) {
        bool told = mailbox_push(h->closing, &grace_ms);
        assert(told); /* the only message of this box */
        (void)told;
        h->thread = thread_join(h->thread);
    }
    drop_all(h);
}

struct hook *hook_destroy(struct hook *h, uint32_t grace_ms) {
    if (!h) {
        return NULL;
    }
    hook_stop(h, grace_ms);
    attempts_deinit(h);
    for (size_t i = 0; i < h->targets_count; i++) {
        target_deinit(&h->targets[i]);
    }
    assert(h->held_bytes == 0);
    mem_free(h->targets);
    heap_deinit(&h->pauses);
    h->closing = mailbox_destroy(h->closing);
    h->posts = mailbox_destroy(h->posts);
    signer_deinit(h);
    arena_deinit(&h->arena);
    mem_free(h);
    return NULL;
}
