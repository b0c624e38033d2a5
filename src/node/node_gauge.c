#include "node_media.h"

/* Gauges of tracks move with what they count: nobody walks over tracks to know them. */

static void move(uint64_t *gauge, bool up) {
    assert(up || *gauge > 0);
    metric_add(gauge, up ? 1 : UINT64_MAX);
}

void node_count_announced(struct node *n, const struct track *t) {
    struct metrics *m = n->config.metrics;
    metric_inc(t->video ? &m->publish_tries_video : &m->publish_tries_audio);
}

void node_count_published(struct node *n, const struct track *t, bool published) {
    struct metrics *m = n->config.metrics;
    move(t->video ? &m->tracks_published_video : &m->tracks_published_audio, published);
    if (published) {
        metric_inc(t->video ? &m->publish_successes_video : &m->publish_successes_audio);
    }
}

void node_count_subscribed(struct node *n, const struct track *t, bool sending) {
    struct metrics *m = n->config.metrics;
    move(t->video ? &m->tracks_subscribed_video : &m->tracks_subscribed_audio, sending);
    if (sending) {
        metric_inc(&m->subscribe_successes);
    }
}
