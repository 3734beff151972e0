/* Batches made by hand, for tests of what reads columns. */
#ifndef FRAME_H
#define FRAME_H

#include <nanoarrow/nanoarrow.h>

struct frame {
    struct ArrowSchema schema; /* a struct */
    struct ArrowArray array;
};

/*
 * formats: "name:format" of each column, flat ones by their Arrow format ("l", "u", "tsu:UTC",
 * "d:38,2"); nested ones as "a<...>", "s<x:l,y:u>", "m<...>" (keys are texts). Ends with NULL. Then
 * rows are added to array.children with nanoarrow, and frame_end_row() after each.
 */
void frame_init(struct frame *frame, const char *const *formats);
struct ArrowArray *frame_column(struct frame *frame, int64_t column);
void frame_add_text(struct frame *frame, int64_t column, const char *text); /* NULL: NULL */
void frame_add_int(struct frame *frame, int64_t column, int64_t number);
void frame_add_null(struct frame *frame, int64_t column);
void frame_end_row(struct frame *frame);
void frame_done(struct frame *frame); /* it can be read now */
void frame_release(struct frame *frame);

#endif
