/*
 * tape.h: answers of a world kept in memory, to be given again as often as a test likes, without
 * the world (and without any allocation of the engine's).
 */
#ifndef TAPE_H
#define TAPE_H

#include "http/world.h"

struct tape;

struct tape *tape_new(void);
void tape_free(struct tape *tape);
/* A world that passes everything on to `inner` (borrowed) and keeps each answer. */
struct sl_world *tape_record(struct tape *tape, struct sl_world *inner);
/* A world that gives the answer to each request that was kept, the oldest first. */
struct sl_world *tape_play(struct tape *tape);

#endif
