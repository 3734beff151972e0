/*
 * apply_parts.h: what the files of apply share. Private to src/pipeline.
 *
 *   apply.c          options, one run from its beginning to its end
 *   apply_memory.c   entries: in memory, in partitions on disk, sorted by position
 *   apply_changes.c  batches become entries; the entries of a partition become keys
 *   apply_files.c    which files of the table can hold a row of them
 *   apply_lookup.c   rows of the table (and beside it) find their keys
 *   apply_decide.c   each key is decided: rows die, rows are written
 *   apply_fold.c     upserts whose NULLs keep what is there
 *   apply_write.c    what the next version adds and takes away
 *   apply_aside.c    the files beside the table: tombstones and covered versions
 *
 * A row is known by its position: what it is in (a staged file, a live one, one beside the table),
 * the number of that file and of the row in it. Whatever is decided of it is kept under that
 * position: a bit (it is void or dead), or an entry in a sorter (it is written, with these bounds).
 *
 * (1) An entry never moves while a slot points to it.
 * (2) Entries of one key are met in the order in which they came, in memory and in a partition.
 * (3) A row of the table is in `dead` exactly when the next version does not have it as it is.
 * (4) Changes stay as they were noted: a run can be done again.
 *
 * Memory: half of options.memory_bytes for entries of changes (then they go to disk), a quarter
 * for sorters, the rest for rows that were hit; and a bit for each row of a file of which one dies.
 */
#ifndef SL_APPLY_PARTS_H
#define SL_APPLY_PARTS_H

#include <stddef.h>

#include "base/buf.h"
#include "pipeline/apply.h"
#include "pipeline/merge.h"

#define MEMORY_SHARE 4 /* of memory_bytes for the entries of changes */

/* ---- positions ---- */

enum sl_place_kind { IN_STAGED, IN_LIVE, IN_ASIDE, PLACE_KINDS };

#define ROW_BITS 40
#define FILE_BITS 22

static inline uint64_t position(enum sl_place_kind kind, size_t file, int64_t row)
{
    return (uint64_t)kind << (ROW_BITS + FILE_BITS) | (uint64_t)file << ROW_BITS | (uint64_t)row;
}
static inline enum sl_place_kind position_kind(uint64_t at)
{
    return (enum sl_place_kind)(at >> (ROW_BITS + FILE_BITS));
}
static inline size_t position_file(uint64_t at)
{
    return (size_t)(at >> ROW_BITS & (((uint64_t)1 << FILE_BITS) - 1));
}
static inline int64_t position_row(uint64_t at)
{
    return (int64_t)(at & (((uint64_t)1 << ROW_BITS) - 1));
}

/* ---- entries ---- */

#define ENTRY_DELETE 1
#define ENTRY_HASHED 2  /* whole and tracked are known */
#define ENTRY_OUTSIDE 4 /* a row that is not in the scope of a complete read */

/* A change, a row of the table, or what is to be written of one. */
struct entry {
    struct sl_key128 key;
    uint64_t whole, tracked; /* hashes of what is compared, of what opens a new version */
    uint64_t digest;         /* changes: of the key, the same in every run */
    uint64_t at;
    struct entry *next;       /* of the same key */
    uint16_t rec, start, end; /* lengths of sequences in `bytes`, one after the other; 0: none */
    uint8_t flags;
    unsigned char bytes[];
};

#define ENTRY_BYTES_MAX (sizeof(struct entry) + 3 * (SL_SEQUENCE_BYTES_MAX + 8))

static inline size_t entry_size(const struct entry *e)
{
    size_t size = offsetof(struct entry, bytes) + e->rec + e->start + e->end;

    return (size + 7) & ~(size_t)7;
}
static inline struct sl_seq entry_rec(const struct entry *e)
{
    return (struct sl_seq){e->bytes, e->rec};
}
static inline struct sl_seq entry_start(const struct entry *e)
{
    return (struct sl_seq){e->bytes + e->rec, e->start};
}
static inline struct sl_seq entry_end(const struct entry *e)
{
    return (struct sl_seq){e->bytes + e->rec + e->start, e->end};
}
void sl_entry_sequences(struct entry *e, struct sl_seq rec, struct sl_seq start, struct sl_seq end);

/* Entries in memory, in the order in which they were added. */
struct pool_block;
struct pool {
    struct pool_block *first, *last;
    size_t bytes;
};
struct entry *sl_pool_add(struct pool *pool, const struct entry *e); /* a copy; NULL: no memory */
void sl_pool_release(struct pool *pool);                             /* safe on {0}, safe twice */
struct pool_walk {
    struct pool_block *block;
    size_t at;
};
struct entry *sl_pool_next(const struct pool *pool,
                           struct pool_walk *walk); /* NULL: that was all */

/* Entries on disk, by their key: 6 bits of it for each level. */
#define PARTITIONS 64
#define LEVELS_MAX 5
struct spill;
SL_MUST_USE enum sl_code sl_spill_new(const char *directory, int level, struct spill **out,
                                      struct sl_error *error);
void sl_spill_free(struct spill *spill);
SL_MUST_USE enum sl_code sl_spill_add(struct spill *spill, const struct entry *e,
                                      struct sl_error *error);
/* Ends adding for now: what was added can be read. */
SL_MUST_USE enum sl_code sl_spill_flush(struct spill *spill, struct sl_error *error);
size_t sl_spill_bytes(const struct spill *spill, int part);
struct spill_walk {
    size_t extent, at, len;
    unsigned char *buffer;
};
/* *e: NULL at the end. It lives until the next call. */
SL_MUST_USE enum sl_code sl_spill_next(const struct spill *spill, int part, struct spill_walk *walk,
                                       const struct entry **e, struct sl_error *error);
void sl_spill_walk_release(struct spill_walk *walk);

/* Entries sorted by position. */
struct sorter {
    const char *directory;
    size_t memory_bytes;
    struct pool pool;
    int64_t count;
    struct runs *runs;     /* NULL: all is in memory */
    struct entry **sorted; /* of the pool, at the end */
    size_t sorted_count, at;
};
SL_MUST_USE enum sl_code sl_sorter_add(struct sorter *sorter, const struct entry *e,
                                       struct sl_error *error);
/* Ends adding. */
SL_MUST_USE enum sl_code sl_sorter_sort(struct sorter *sorter, struct sl_error *error);
/* *e: NULL at the end. It lives until the next call. */
SL_MUST_USE enum sl_code sl_sorter_next(struct sorter *sorter, const struct entry **e,
                                        struct sl_error *error);
void sl_sorter_release(struct sorter *sorter); /* safe on {0}, safe twice */

/* Rows of one file, a bit each. */
struct bits {
    uint64_t *words;
    int64_t room; /* rows */
    int64_t count;
};
bool sl_bits_set(struct bits *bits, int64_t row); /* false: no memory */
static inline bool sl_bits_get(const struct bits *bits, int64_t row)
{
    return row < bits->room && (bits->words[row >> 6] >> (row & 63) & 1);
}
/* Their numbers, ascending: room for bits->count. */
void sl_bits_rows(const struct bits *bits, int64_t *rows);

/* ---- changes ---- */

/* The smallest and greatest value of a column of the key that came. */
#define RANGES_MAX 8 /* columns of the key; the others exclude no file */
struct key_range {
    struct ArrowSchema type;
    bool set, open; /* open: values that have no order here came, too */
    int64_t low, high;
    struct sl_buf low_text, high_text;
};

/* Keys of changes on disk: two bits each. */
#define FILTER_SHARE 16
#define FILTER_BYTES_MIN ((size_t)4096)
struct filter {
    uint64_t *words;
    uint64_t mask;
};
static inline bool filter_may_have(const struct filter *filter, struct sl_key128 key)
{
    uint64_t a = key.a & filter->mask, b = key.b & filter->mask;

    return filter->words[a >> 6] >> (a & 63) & filter->words[b >> 6] >> (b & 63) & 1;
}

/* One key of the partition at hand. */
struct slot {
    uint64_t tag;          /* half of the key */
    struct entry *changes; /* NULL: an empty slot. Newest first */
    struct entry *seen;    /* rows of the table and beside it */
};
struct keys {
    struct slot *slots;
    size_t mask, count;
    struct pool pool; /* what was read back from a partition, and what was seen */
};

/* What is computed of the rows of one batch. */
struct workspace {
    size_t rows; /* room */
    struct sl_key128 *keys, *digests;
    uint64_t *whole, *tracked;
    unsigned char *inside;  /* of the scope */
    size_t *ends[3];        /* of rec, start, end */
    struct sl_buf bytes[3]; /* the same */
    struct sl_hashed_column *hashed;
    _Alignas(16) unsigned char entry[ENTRY_BYTES_MAX]; /* one, with its sequences */
};
static inline struct entry *work_entry(struct workspace *work)
{
    return (struct entry *)(void *)work->entry;
}
SL_MUST_USE enum sl_code sl_work_room(struct workspace *work, int64_t rows, struct sl_error *error);
void sl_work_release(struct workspace *work);
static inline struct sl_seq work_sequence(const struct workspace *work, int which, int64_t row)
{
    size_t first = row ? work->ends[which][row - 1] : 0;

    return (struct sl_seq){(const unsigned char *)work->bytes[which].data + first,
                           work->ends[which][row] - first};
}

/* ---- one run ---- */

struct clash {
    uint64_t at;
    struct sl_key128 key;
};
#define CLASHES_NAMED 10

/* Where rows are written: files of the table, or one beside it. */
struct output {
    struct sl_apply *apply;
    struct sl_delta_writer *writer;
    struct sl_delta_file *aside_file; /* beside the table: what was written, at the end */
    bool aside;
    int64_t target_bytes, rows;
};

struct aside_file {
    char *path;
    int64_t rows, at_us;
    struct bits dead, expired;
};

struct sl_apply {
    struct sl_apply_options options;
    size_t *compared; /* columns, by number */
    bool *tracked;    /* of these: does a change open a new version? */
    size_t compared_count;
    bool all_tracked;
    bool single; /* one change of a key is enough: the one that wins */

    struct pool noted; /* in memory, until: */
    struct spill *spilled;
    struct filter filter;
    int64_t noted_count;
    struct key_range ranges[RANGES_MAX];
    struct sl_buf newest; /* the greatest sequence that came */
    struct workspace work;

    /* the run */
    const struct sl_apply_input *in;
    struct sl_stage_raw raw;
    const struct sl_delta_live *live;
    size_t live_count;
    struct bits *voids;  /* of staged files */
    struct bits *dead;   /* of live files */
    struct bits *absent; /* of these: what a complete read did not have */
    struct sl_delta_part *absent_parts;
    struct aside_file *asides;
    size_t aside_count;
    char **columns; /* all of the table and of the schema */
    size_t column_count;
    struct sl_buf bound; /* the sequence of what is gone by absence, or of this run; empty: none */
    struct keys keys;
    struct sl_history *history;
    struct sl_version *versions;
    size_t version_room;
    struct sorter visible, covered, tombstones;
    struct output folded;                /* rows made of several (ignore_nulls), so far */
    struct clash clashes[CLASHES_NAMED]; /* own_key: keys whose rows contradict, by position */
    size_t clash_count;
    bool replaces; /* all that is in the table goes */
    bool same;     /* no key: what was read is what is there */
    bool all_seen; /* no file was passed over */
    int64_t seen_rows;
    struct scope *scope;

    /* what it made */
    struct sl_delta_file **made;
    size_t made_count, made_room;
    struct sl_delta_file **add;
    struct sl_delta_gone *gone;
    struct sl_delta_file *made_aside;
    char *aside_json;
    struct sl_applied out;
    bool handed_out; /* a version may name the file beside the table */
};

/* Parts of the table as a stream of batches. */
struct reading {
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray batch;
};
SL_MUST_USE enum sl_code sl_reading_open(struct reading *r, const struct sl_apply *apply,
                                         const struct sl_delta_part *parts, size_t part_count,
                                         const char *const *names, size_t name_count,
                                         struct sl_error *error);
/* The batch before goes. r->batch.release NULL: that was all. */
SL_MUST_USE enum sl_code sl_reading_next(struct reading *r, struct sl_error *error);
void sl_reading_close(struct reading *r);

/* apply_changes.c */
/* The keys of all that was noted (spill NULL), or of a partition. */
SL_MUST_USE enum sl_code sl_keys_load(struct sl_apply *apply, const struct spill *spill, int part,
                                      struct sl_error *error);
void sl_keys_reset(struct keys *keys);
struct slot *sl_keys_find(const struct keys *keys, struct sl_key128 key); /* NULL: no change */
bool sl_apply_is_void(const struct sl_apply *apply, uint64_t at);
/* The error that names them. */
SL_MUST_USE enum sl_code sl_apply_clashes(struct sl_apply *apply, struct sl_error *error);
/* Of a batch's rows into the workspace. child_of: where a column of the schema is in it. */
SL_MUST_USE enum sl_code sl_apply_hash_rows(struct sl_apply *apply,
                                            const struct ArrowSchema *schema,
                                            const struct ArrowArray *batch, const size_t *child_of,
                                            struct sl_error *error);

/* apply_files.c */
SL_MUST_USE enum sl_code sl_apply_widen(struct sl_apply *apply, const struct ArrowSchema *schema,
                                        const struct ArrowArray *batch, struct sl_error *error);
void sl_ranges_release(struct sl_apply *apply);
/* Ascending numbers of live files: room for all of them. */
SL_MUST_USE enum sl_code sl_apply_files(struct sl_apply *apply, size_t *files, size_t *count,
                                        struct sl_error *error);

/* apply_lookup.c */
/* Rows of the table, and of files beside it, go to their keys; or, when the changes are on disk,
 * into `rows` by partition. */
SL_MUST_USE enum sl_code sl_apply_look_up(struct sl_apply *apply, struct spill *rows,
                                          struct sl_error *error);
/* One row of the table: to its key, or it is absent. */
SL_MUST_USE enum sl_code sl_apply_meet(struct sl_apply *apply, const struct entry *row,
                                       struct sl_error *error);
/* No key: what there is of rows, whatever their order. */
struct content {
    uint64_t a, b;
    int64_t rows;
};
static inline void content_add(struct content *content, uint64_t hash)
{
    content->a += hash;
    content->b += hash * UINT64_C(0x9e3779b97f4a7c15) ^ hash >> 29;
    content->rows++;
}
SL_MUST_USE enum sl_code sl_apply_content(struct sl_apply *apply, struct content *out,
                                          struct sl_error *error);
/* Reads the rows whose hashes are missing and needed. */
SL_MUST_USE enum sl_code sl_apply_compare(struct sl_apply *apply, struct sl_error *error);

/* apply_scope.c: which rows a complete read speaks of. */
struct scope;
/* json: an array of objects of column values. *out: NULL for the whole table. */
SL_MUST_USE enum sl_code sl_scope_new(const char *json, const struct sl_schema *schema,
                                      const struct sl_hash_key *secret, struct scope **out,
                                      struct sl_error *error);
void sl_scope_free(struct scope *scope);
size_t sl_scope_count(const struct scope *scope);
size_t sl_scope_column(const struct scope *scope, size_t i); /* of the schema */
/* The values of all scopes in its i-th column; both live as long as the scope. */
const struct ArrowArray *sl_scope_values(const struct scope *scope, size_t i,
                                         const struct ArrowSchema **type);
/* inside[i]: is row i of the batch? child_of as for sl_apply_hash_rows. */
SL_MUST_USE enum sl_code sl_scope_inside(struct scope *scope, const struct ArrowSchema *schema,
                                         const struct ArrowArray *batch, const size_t *child_of,
                                         unsigned char *inside, struct sl_error *error);

/* apply_decide.c */
SL_MUST_USE enum sl_code sl_apply_decide(struct sl_apply *apply, struct sl_error *error);
/* A row of the table that a complete read did not have. */
SL_MUST_USE enum sl_code sl_apply_gone(struct sl_apply *apply, const struct entry *row,
                                       struct sl_error *error);

/* apply_fold.c */
typedef enum sl_code decide_fn(struct sl_apply *apply, const struct slot *slot,
                               struct sl_error *error);
/* ignore_nulls: decides all keys of the partition; those that have nothing to fold by decide(). */
SL_MUST_USE enum sl_code sl_apply_fold(struct sl_apply *apply, decide_fn *decide,
                                       struct sl_error *error);

/* apply_write.c */
SL_MUST_USE enum sl_code sl_apply_write(struct sl_apply *apply, struct sl_error *error);
/* Takes the batch whatever the result. */
SL_MUST_USE enum sl_code sl_output_put(struct output *output, const struct ArrowSchema *schema,
                                       struct ArrowArray *batch, struct sl_error *error);
SL_MUST_USE enum sl_code sl_output_end(struct output *output, struct sl_error *error);
void sl_output_abort(struct output *output); /* safe on {0} */
SL_MUST_USE enum sl_code sl_output_copy(struct output *output, const struct sl_delta_part *parts,
                                        size_t count, struct sl_error *error);
enum form { FORM_VERSION, FORM_COVERED, FORM_TOMBSTONE };
SL_MUST_USE enum sl_code sl_output_sorted(struct output *output, struct sorter *sorter,
                                          enum form form, struct sl_error *error);

/* apply_aside.c */
SL_MUST_USE enum sl_code sl_aside_open(struct sl_apply *apply, struct sl_error *error);
SL_MUST_USE enum sl_code sl_aside_write(struct sl_apply *apply, struct sl_error *error);
void sl_aside_release(struct sl_apply *apply);

#endif
