/* random_message.h: messages made at random from their descriptors, canonical in both codings.
 * Owns: nothing; they live in the arena given, which must be large enough.
 * Invariant: the same stream gives the same message.
 * Callers: test/unit/proto. */
#pragma once

#include "proto.h"
#include "rng.h"

ProtobufCMessage *random_message(struct rng *rng, const ProtobufCMessageDescriptor *type,
                                 struct arena *arena);

/* One of the message types that come from outside or go there. */
const ProtobufCMessageDescriptor *random_type(struct rng *rng);
