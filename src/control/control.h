/* control.h: the control thread: sources to events, node_step, effects to edge and media.
 * Owns: the node, the two mailboxes that feed it, its thread and its metrics.
 * Never: waits: a full mailbox of somebody else is counted and answered by closing what it hits.
 * Invariant: node_step runs on this thread alone, one event at a time, and its effects are
 *   carried out before the next.
 * Callers: app, in the order of the declarations. */
#pragma once

#include "edge.h"
#include "journal.h"
#include "media.h"
#include "node.h"

struct control;
struct hook;

/* NULL without memory or descriptors. */
must_check struct control *control_create(void);
/* For edge_config.to_control and media_config.to_control. */
struct mailbox *control_edge_mailbox(struct control *c);
struct mailbox *control_media_mailbox(struct control *c);
struct metrics *control_metrics(struct control *c);
/* Makes the node; config->metrics is set here. Before control_start. */
must_check enum status control_prepare(struct control *c, struct node_config *config);
const struct ident *control_node_id(const struct control *c);
/* Webhooks go here from now on; borrowed until control_halt. Before control_start; never called:
 * there are none. config->webhooks of control_prepare says the same, so that bodies are made. */
void control_use_hook(struct control *c, struct hook *hook);
/* A journal of so many bytes is about to be read. */
void control_expect_journal(struct control *c, uint64_t bytes);
/* For journal_open, with the control as its argument: what was written is what the node begins
 * with. Between control_prepare, with config->journal, and control_start. Records that cannot be
 * read are counted and left out. */
enum status control_read_journal(void *arg, enum journal_type type, struct slice payload);
/* For journal_config: the same argument. */
void control_read_journal_ahead(void *arg, enum journal_type type, struct slice payload);
/* What changes is written there from now on; borrowed until control_halt. Before control_start. */
must_check enum status control_use_journal(struct control *c, struct journal *journal);
/* After the reading. NOT_YET: its clock was so far ahead that other nodes would take nothing. */
must_check enum status control_end_journal(struct control *c);
/* What was read: rooms that live, records that could not be read. Before control_start. */
struct control_read {
    uint64_t rooms, malformed;
} control_journal_read(const struct control *c);
/* on_stopped runs on the control thread once everybody was told to leave. Both are borrowed and
 * outlive control_destroy's join. */
must_check enum status control_start(struct control *c, struct edge *edge, struct media *media,
                                     void (*on_stopped)(void *arg), void *arg);
/* Any thread. No new rooms; stops once nobody is left, or after limit_s seconds (0: no limit). */
void control_drain(struct control *c, uint32_t limit_s);
/* Any thread. Everybody gets a leave now. */
void control_stop(struct control *c);
/* Any thread. The key that refreshed tokens name from now on. EXHAUSTED: control is behind. */
must_check enum status control_set_issuer(struct control *c, struct slice issuer);
/* Stops the thread; nothing is stepped afterwards. Edge and media still exist. NULL: nothing. */
void control_halt(struct control *c);
/* After edge and media are gone: they use its mailboxes and metrics. */
struct control *control_destroy(struct control *c);
