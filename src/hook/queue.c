#include "clock.h"
#include "hook_priv.h"
#include "mem.h"

#include <string.h>

static struct hook_queue *queue_of(struct map_node *node) {
    struct hook_queue *q = container_of(node, struct hook_queue, by_key);
    assert(q->magic == HOOK_QUEUE_MAGIC);
    return q;
}

static bool has_key(const struct map_node *node, struct slice key) {
    return slice_eq(container_of(node, const struct hook_queue, by_key)->key, key);
}

static void queue_set_state(struct hook_queue *q, enum hook_queue_state next) {
    static const uint8_t legal[HOOK_QUEUE_STATES] = {
        [HOOK_QUEUE_NEW] = BIT(HOOK_QUEUE_READY),
        [HOOK_QUEUE_READY] =
            BIT(HOOK_QUEUE_READY) | BIT(HOOK_QUEUE_SENDING) | BIT(HOOK_QUEUE_PAUSED),
        [HOOK_QUEUE_SENDING] = BIT(HOOK_QUEUE_READY) | BIT(HOOK_QUEUE_PAUSED),
        [HOOK_QUEUE_PAUSED] = BIT(HOOK_QUEUE_READY),
    };
    assert(legal[q->state] & BIT(next));
    struct hook_target *t = q->target;
    if (q->state == HOOK_QUEUE_SENDING) {
        assert(t->sending_count > 0);
        t->sending_count--;
    }
    if (q->state == HOOK_QUEUE_READY) {
        list_remove(&t->ready, &q->in_ready);
    }
    if (next == HOOK_QUEUE_READY) {
        list_push_back(&t->ready, &q->in_ready);
    }
    if (next == HOOK_QUEUE_SENDING) {
        t->sending_count++;
    }
    q->state = next;
}

void queues_end_pauses(struct hook *h) {
    while (heap_next_key(&h->pauses) <= h->now_ms) {
        struct hook_queue *q = container_of(heap_pop(&h->pauses), struct hook_queue, pause);
        assert(q->magic == HOOK_QUEUE_MAGIC);
        queue_set_state(q, HOOK_QUEUE_READY);
    }
}

/* With a place among the pauses, so that pausing cannot fail. */
static struct hook_queue *queue_create(struct hook_target *t, struct slice key) {
    struct hook *h = t->hook;
    if (heap_reserve(&h->pauses, (uint32_t)h->queues_count + 1) != STATUS_OK) {
        return NULL;
    }
    struct hook_queue *q = mem_zalloc(sizeof *q + key.len);
    if (!q) {
        return NULL;
    }
    q->magic = HOOK_QUEUE_MAGIC;
    q->target = t;
    if (key.len > 0) {
        memcpy(q->key_text, key.data, key.len);
    }
    q->key = slice_of(q->key_text, key.len);
    list_init(&q->waiting);
    list_node_init(&q->in_ready);
    buf_init(&q->authorization, HOOK_TOKEN_BYTES_MAX);
    map_insert(&t->queues, &q->by_key, q->key);
    h->queues_count++;
    queue_set_state(q, HOOK_QUEUE_READY);
    return q;
}

/* Nothing is in it any more. */
static void queue_destroy(struct hook_queue *q) {
    struct hook_target *t = q->target;
    assert(!q->current && list_empty(&q->waiting) && !q->request);
    assert(q->state != HOOK_QUEUE_SENDING);
    if (q->state == HOOK_QUEUE_READY) {
        list_remove(&t->ready, &q->in_ready);
    }
    heap_remove(&t->hook->pauses, &q->pause);
    buf_deinit(&q->authorization);
    map_remove(&t->queues, &q->by_key);
    t->hook->queues_count--;
    q->magic = 0;
    mem_free(q);
}

static struct slice drop_reason(enum hook_drop why) {
    switch (why) {
    case HOOK_DROP_AGE: return SLICE_LIT("age");
    case HOOK_DROP_FULL: return SLICE_LIT("queue is full");
    case HOOK_DROP_CLOSED: return SLICE_LIT("queue is closed");
    case HOOK_DROP_MEMORY: return SLICE_LIT("no memory");
    }
    return (struct slice){0};
}

static void count_drop(struct hook_target *t, const struct hook_item *item, enum hook_drop why) {
    struct hook *h = t->hook;
    switch (why) {
    case HOOK_DROP_AGE: metric_inc(&h->metrics.hook_dropped_age); break;
    case HOOK_DROP_FULL: metric_inc(&h->metrics.hook_dropped_full); break;
    case HOOK_DROP_CLOSED: metric_inc(&h->metrics.hook_dropped_closed); break;
    case HOOK_DROP_MEMORY: metric_inc(&h->metrics.hook_dropped_memory); break;
    }
    log_limited(&h->log_dropped, h->now_ms, LOG_WARN, "webhook_dropped", LOG_STR("host", t->host),
                LOG_STR("webhook", item->name), LOG_STR("id", item->id), LOG_STR("key", item->key),
                LOG_STR("reason", drop_reason(why)));
}

void target_init(struct hook_target *t, struct hook *h) {
    *t = (struct hook_target){.hook = h};
    list_init(&t->ready);
}

enum status target_open(struct hook_target *t, struct hash_key key) {
    return map_init(&t->queues, key, has_key);
}

void target_deinit(struct hook_target *t) {
    assert(t->queues.count == 0);
    t->key = hmac_key_destroy(t->key);
    map_deinit(&t->queues);
}

/* A histogram of the reference's name and buckets, each row holding what is at most its bound. */
static void record_length(struct metrics *m, size_t length) {
    const struct {
        uint64_t *field;
        size_t bound;
    } buckets[] = {
        {&m->hook_length_1, 1},   {&m->hook_length_2, 2},   {&m->hook_length_3, 3},
        {&m->hook_length_4, 4},   {&m->hook_length_5, 5},   {&m->hook_length_10, 10},
        {&m->hook_length_20, 20}, {&m->hook_length_40, 40}, {&m->hook_length_80, 80},
    };
    for (size_t i = 0; i < ARRAY_LEN(buckets); i++) {
        if (length <= buckets[i].bound) {
            metric_inc(buckets[i].field);
        }
    }
    metric_inc(&m->hook_length_inf);
    metric_add(&m->hook_length_sum, length);
    metric_inc(&m->hook_length_count);
}

void target_add(struct hook_target *t, struct hook_item *item) {
    struct hook *h = t->hook;
    struct map_node *found = map_find(&t->queues, item->key);
    struct hook_queue *q = found ? queue_of(found) : NULL;
    if (q && q->waiting.count >= h->max_depth) {
        count_drop(t, item, HOOK_DROP_FULL);
        return;
    }
    struct hook_place *place = mem_zalloc(sizeof *place);
    if (place && !q) {
        q = queue_create(t, item->key);
    }
    if (!place || !q) {
        mem_free(place);
        count_drop(t, item, HOOK_DROP_MEMORY);
        return;
    }
    item->refs++;
    list_node_init(&place->node);
    place->item = item;
    list_push_back(&q->waiting, &place->node);
    h->waiting_count++;
    record_length(&h->metrics, q->waiting.count);
}

/* The first of those waiting, with its reference; NULL when there is none. */
static struct hook_item *take_waiting(struct hook_queue *q) {
    struct list_node *node = list_first(&q->waiting);
    if (!node) {
        return NULL;
    }
    struct hook_place *place = container_of(node, struct hook_place, node);
    struct hook_item *item = place->item;
    list_remove(&q->waiting, node);
    q->target->hook->waiting_count--;
    mem_free(place);
    return item;
}

static void forget_current(struct hook_queue *q) {
    hook_item_unref(q->target->hook, TAKE(q->current));
    buf_clear(&q->authorization);
    q->tries = 0;
}

/* Makes an event current; what waited too long is dropped. False: nothing is left. */
static bool take_current(struct hook_queue *q) {
    struct hook *h = q->target->hook;
    while (!q->current && (q->current = take_waiting(q)) != NULL) {
        if (h->now_ms > q->current->posted_ms + h->max_age_ms) {
            count_drop(q->target, q->current, HOOK_DROP_AGE);
            forget_current(q);
        }
    }
    return q->current != NULL;
}

/* Made at the first try and kept for the others: receivers see the same request again. */
static enum status make_authorization(struct hook_queue *q) {
    struct buf *header = &q->authorization;
    if (header->len > 0) {
        return STATUS_OK;
    }
    buf_put_cstr(header, "Authorization: ");
    enum status s = sign_for(q->target, q->current->body, clock_wall_ms() / 1000, header);
    buf_put_u8(header, 0); /* libcurl takes C strings */
    if (s == STATUS_OK && header->failed) {
        s = STATUS_NO_MEMORY;
    }
    if (s != STATUS_OK) {
        buf_clear(header);
    }
    return s;
}

static void queue_send(struct hook_queue *q) {
    enum status s = make_authorization(q);
    if (s == STATUS_OK) {
        s = attempt_start(q);
    }
    if (s == STATUS_OK) {
        queue_set_state(q, HOOK_QUEUE_SENDING);
    } else {
        queue_done(q, &(struct hook_result){.verdict = HOOK_RETRY, .error = status_name(s)});
    }
}

void target_pump(struct hook_target *t) {
    struct list_node *node;
    while (t->sending_count < t->hook->in_flight_max && (node = list_first(&t->ready)) != NULL) {
        struct hook_queue *q = container_of(node, struct hook_queue, in_ready);
        if (take_current(q)) {
            queue_send(q);
        } else {
            queue_destroy(q);
        }
    }
}

uint32_t retry_wait_ms(uint32_t first_ms, uint32_t tries, uint32_t retry_after_ms) {
    assert(tries >= 1);
    if (retry_after_ms > 0) {
        return MIN(retry_after_ms, (uint32_t)HOOK_RETRY_WAIT_MAX_MS);
    }
    uint64_t wait = (uint64_t)first_ms << MIN(tries - 1, 31u);
    return (uint32_t)MIN(wait, (uint64_t)HOOK_RETRY_WAIT_MAX_MS);
}

static void log_result(struct hook_queue *q, const struct hook_result *r) {
    struct hook *h = q->target->hook;
    if (r->verdict == HOOK_DELIVERED && r->http_status < 300) {
        log_event(LOG_DEBUG, "webhook_delivered", LOG_STR("host", q->target->host),
                  LOG_STR("webhook", q->current->name), LOG_STR("id", q->current->id),
                  LOG_STR("key", q->key), LOG_UINT("tries", q->tries));
        return;
    }
    /* An answer such as 401 ends the matter, but somebody wants to know. */
    log_limited(&h->log_failed, h->now_ms, LOG_WARN,
                r->verdict == HOOK_DELIVERED ? "webhook_refused" : "webhook_failed",
                LOG_STR("host", q->target->host), LOG_STR("webhook", q->current->name),
                LOG_STR("id", q->current->id), LOG_STR("key", q->key), LOG_UINT("tries", q->tries),
                LOG_UINT("http_status", r->http_status),
                LOG_CSTR("error", r->error ? r->error : ""));
}

static void count_answer(struct metrics *m, uint32_t http_status) {
    if (http_status == 0) {
        metric_inc(&m->hook_answers_none);
    } else if (http_status < 300) {
        metric_inc(&m->hook_answers_2xx);
    } else if (http_status < 400) {
        metric_inc(&m->hook_answers_3xx);
    } else if (http_status < 500) {
        metric_inc(&m->hook_answers_4xx);
    } else {
        metric_inc(&m->hook_answers_5xx);
    }
}

void queue_done(struct hook_queue *q, const struct hook_result *result) {
    struct hook *h = q->target->hook;
    assert(q->current && (q->state == HOOK_QUEUE_SENDING || q->state == HOOK_QUEUE_READY));
    q->tries++;
    count_answer(&h->metrics, result->http_status);
    if (result->verdict == HOOK_RETRY && q->tries < HOOK_TRIES_MAX) {
        uint32_t wait = retry_wait_ms(h->retry_first_ms, q->tries, result->retry_after_ms);
        metric_inc(&h->metrics.hook_retries);
        queue_set_state(q, HOOK_QUEUE_PAUSED);
        heap_set(&h->pauses, &q->pause, h->now_ms + wait);
        return;
    }
    log_result(q, result);
    metric_inc(result->verdict == HOOK_DELIVERED ? &h->metrics.hook_delivered
                                                 : &h->metrics.hook_failed);
    forget_current(q);
    queue_set_state(q, HOOK_QUEUE_READY); /* behind the other queues: they take turns */
}

static void queue_drop_all(struct hook_queue *q) {
    attempt_abort(q);
    if (q->state == HOOK_QUEUE_SENDING) {
        queue_set_state(q, HOOK_QUEUE_READY);
    }
    while (q->current || (q->current = take_waiting(q)) != NULL) {
        count_drop(q->target, q->current, HOOK_DROP_CLOSED);
        forget_current(q);
    }
    queue_destroy(q);
}

void target_drop_all(struct hook_target *t) {
    while (t->queues.count > 0) {
        queue_drop_all(queue_of(map_any(&t->queues)));
    }
}
