/* track_wait.h: requests to publish that wait until an earlier track of the same cid has ended.
 * Owns: their bytes.
 * Never: holds more than TRACKS_PENDING_MAX of a participant, TRACKS_QUEUED_MAX of one cid.
 * Invariant: oldest first.
 * Source: wire/realtime.md 3.6 (QUEUED).
 * Callers: participant, node. */
#pragma once

#include "participant.h"

#include "livekit_rtc.pb-c.h"

/* EXHAUSTED: the queue is full; NO_MEMORY. */
must_check enum status track_wait_add(struct participant *p, const Livekit__AddTrackRequest *r);
/* The oldest one whose cid is free now, or NULL; track_wait_read gives it back as a message. */
struct track_wait *track_wait_next(const struct participant *p);
must_check enum status track_wait_read(const struct track_wait *w, struct arena *arena,
                                       Livekit__AddTrackRequest **ret_request);
void track_wait_drop(struct participant *p, struct track_wait *w);
void track_waits_drop(struct participant *p); /* all */
