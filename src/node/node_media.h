/* node_media.h: tracks and subscriptions of sessions, and the exchanges that carry them.
 * Owns: nothing: what its files share; state is in node_priv.h, room.h, track.h.
 * Never: tells of a track in a description before the update that announces it (trap T6).
 * Invariant: facts are taken at once and cannot fail; what they cause for others is owed, as a set
 *   of sessions and tracks, and carried out in slices at the end of each step, each piece whole or
 *   not at all.
 * Source: wire/realtime.md 3.3 to 3.9, 3.18 to 3.20.
 * Callers: the files of node. */
#pragma once

#include "node_priv.h"

/* node_track.c: tracks from their announcement to their end */
/* Answers an AddTrackRequest; also of a session that is not in its room yet. */
must_check enum status session_add_track(struct node *n, struct session *s,
                                         Livekit__AddTrackRequest *r, struct effects *fx);
/* It is to end: at the end of this step, or in a later one. `tell`: its publisher does not know. */
void node_end_track(struct node *n, struct track *t, bool tell);
/* Those that the permission does not allow any more. */
void session_end_forbidden(struct node *n, struct session *s);
void node_run_track_ends(struct node *n, struct effects *fx);
void node_free_ended_tracks(struct node *n); /* at the end, when nobody is subscribed */
/* The two halves of a leave. */
void session_leave_tracks_effects(struct node *n, struct session *s, struct effects *fx);
void session_leave_tracks(struct node *n, struct session *s); /* also when half built */
/* Muted or not, told to media and owed to others. NO_MEMORY: unchanged. */
must_check enum status session_mute_track(struct node *n, struct session *s, struct track *t,
                                          bool muted, struct effects *fx);
must_check enum status session_on_mute(struct node *n, struct session *s,
                                       Livekit__MuteTrackRequest *r, struct effects *fx);
must_check enum status session_on_audio_track(struct node *n, struct session *s,
                                              Livekit__UpdateLocalAudioTrack *r,
                                              struct effects *fx);
must_check enum status session_on_video_track(struct node *n, struct session *s,
                                              Livekit__UpdateLocalVideoTrack *r,
                                              struct effects *fx);
void session_owe_news(struct node *n, struct session *s);
void track_tell_published(struct effects *fx, const struct session *s, const struct track *t,
                          char *cid);
/* After track_create or track_create_backup. */
void session_take_track(struct node *n, struct session *s, struct track *t, bool is_bound);
void session_refuse_track(struct effects *fx, const struct session *s, Livekit__AddTrackRequest *r,
                          Livekit__RequestResponse__Reason reason, const char *text);
bool track_equal(const struct map_node *m, struct slice key);
struct track *node_find_track(const struct node *n, uint64_t id);

/* node_publish.c: sections in which a client sends */
/* Between peer_take_offer and peer_write_answer: says what each section is. Undone by unbind. */
void session_bind_sections(struct node *n, struct session *s);
void session_unbind_sections(struct node *n, struct session *s);
/* After the answer: tells media, and ends what is not sent any more. */
void session_put_receives(struct node *n, struct session *s, struct effects *fx);
/* A track that was announced after its section came. */
bool session_bind_early(struct node *n, struct session *s, struct track *t, struct effects *fx);
void session_put_receive(struct effects *fx, const struct session *s, const struct track *t);

/* node_subscribe.c: who gets what */
/* Looks at the room's tracks and at its subscriptions at the end of this step. */
void session_owe_look(struct node *n, struct session *s, bool recheck);
void host_owe_look(struct node *n, struct host *h, const struct session *except);
void node_run_looks(struct node *n, struct effects *fx);
/* The first ones of a joiner, before its first exchange; no more than `most`. */
must_check enum status session_subscribe_first(struct node *n, struct session *s,
                                               struct slice except_identity, size_t most,
                                               struct effects *fx);
/* node_send.c */
/* Sections agreed now carry subscriptions: tells media, and those whom it concerns. */
void session_put_sends(struct node *n, struct session *s, const struct peer *p, struct effects *fx);
/* Not sent any more; says so to media. An owed exchange tells the client. */
void subscription_detach(struct node *n, struct session *s, struct subscription *sub,
                         struct effects *fx);
void session_drop_subscriptions(struct node *n, struct session *s); /* transports go, too */
void session_put_want(struct effects *fx, const struct session *s, const struct subscription *sub);
struct peer *session_sending_peer(const struct session *s); /* NULL: none */
bool send_equal(const struct map_node *m, struct slice key);
struct subscription *node_find_send(const struct node *n, uint64_t id);

/* node_backup.c: a second codec of a track, for those who cannot take the first */
must_check enum status session_add_backup(struct node *n, struct session *s,
                                          Livekit__AddTrackRequest *r, struct effects *fx);
/* It came or went: those who need it look again. */
void track_backup_changed(struct node *n, const struct track *t);
/* Its client refused the first codec. False: there will be no other one. */
bool subscription_asks_backup(struct node *n, struct session *s, struct subscription *sub);
/* Which of both codecs it is to have, and which it has; it moves where they differ. */
struct track *subscription_source(const struct subscription *sub);
static inline bool subscription_moves(const struct subscription *sub) {
    return sub->attached && sub->on_backup != (subscription_source(sub) != sub->track);
}
static inline struct track *subscription_attached_to(const struct subscription *sub) {
    return sub->on_backup && sub->track->backup ? sub->track->backup : sub->track;
}

/* node_choose.c: what clients say about it */
must_check enum status session_on_subscription(struct node *n, struct session *s,
                                               const Livekit__UpdateSubscription *r);
/* `forever`: a track that is not there stays wanted. NO_MEMORY; EXHAUSTED: too many. */
must_check enum status session_choose(struct node *n, struct session *s, struct slice track_sid,
                                      bool subscribe, bool forever);
/* What it may is another set now: of its tracks, of its subscriptions and of others to it. */
void session_permission_changed(struct node *n, struct session *s);
must_check enum status session_on_settings(struct node *n, struct session *s,
                                           const Livekit__UpdateTrackSettings *r,
                                           struct effects *fx);
must_check enum status session_on_rules(struct node *n, struct session *s,
                                        const Livekit__SubscriptionPermission *r);
/* It was wished for before it was there; the wish is used up. */
bool session_wished(struct node *n, struct session *s, const struct track *t);
void session_drop_wishes(struct node *n, struct session *s);
void node_run_wishes(struct node *n, struct effects *fx);
uint64_t wishes_next_ms(const struct node *n);

/* node_resume.c */
must_check enum status session_on_sync_state(struct node *n, struct session *s,
                                             const Livekit__SyncState *r, struct effects *fx);

/* node_data_track.c */
must_check enum status session_on_publish_data(struct node *n, struct session *s,
                                               Livekit__PublishDataTrackRequest *r,
                                               struct effects *fx);
must_check enum status session_on_unpublish_data(struct node *n, struct session *s,
                                                 Livekit__UnpublishDataTrackRequest *r,
                                                 struct effects *fx);
must_check enum status session_on_data_subscription(struct node *n, struct session *s,
                                                    const Livekit__UpdateDataSubscription *r);
void session_end_data_tracks(struct node *n, struct session *s);
/* Part of a look; false: no memory now. */
must_check bool session_look_at_data(struct node *n, struct session *s, struct effects *fx);

/* node_blob.c */
must_check enum status session_on_store_blob(struct node *n, struct session *s,
                                             const Livekit__StoreDataBlobRequest *r,
                                             struct effects *fx);
must_check enum status session_on_get_blob(struct node *n, struct session *s,
                                           const Livekit__GetDataBlobRequest *r,
                                           struct effects *fx);

/* node_simulate.c */
must_check enum status session_on_simulate(struct node *n, struct session *s,
                                           const Livekit__SimulateScenario *r, struct effects *fx);
void session_on_simulate_timer(struct node *n, struct session *s);
enum simulated_drop session_takes_drop(const struct node *n, struct session *s);

/* node_negotiate.c: exchanges that we ask for */
/* An offer of ours that restarts ICE, whatever was out before. */
must_check enum status session_restart_offer(struct node *n, struct session *s, struct effects *fx);
void session_plan_exchange(struct node *n, struct session *s);
void session_on_negotiate(struct node *n, struct session *s, struct effects *fx);

/* node_watch.c: what media hears and sees, told to those whom it concerns */
void node_levels(struct node *n, const struct node_event *ev);
void node_qualities(struct node *n, const struct node_event *ev);
void node_stream_state(struct node *n, const struct node_event *ev, struct effects *fx);
void session_owe_level(struct node *n, struct session *s);
void session_greet(struct node *n, struct session *s, const struct session *publisher,
                   struct effects *fx);
void session_part(struct node *n, struct session *s, const struct session *publisher,
                  struct effects *fx);
void session_forget_watch(struct node *n, struct session *s);
void node_run_watch(struct node *n, struct effects *fx);
uint64_t watch_next_ms(const struct node *n);

/* node_dynacast.c */
void track_owe_quality(struct node *n, struct track *t); /* its subscribers want another one */
void track_forget_quality(struct node *n, struct track *t);

/* node_gauge.c: what metrics say of tracks and of those who are sent them. */
void node_count_announced(struct node *n, const struct track *t);
void node_count_published(struct node *n, const struct track *t, bool published);
void node_count_subscribed(struct node *n, const struct track *t, bool sending);
void node_run_dynacast(struct node *n, struct effects *fx);
uint64_t dynacast_next_ms(const struct node *n);
