/*
 * budget_store.h: the state of one limit in a file that processes share. Private to src/http.
 *
 * The file has a name made of a hash of the key, and two copies of the state, each with a number
 * and a checksum: a write goes to the older one, so that a process that is killed in the middle of
 * it leaves the other. It is locked with open file description locks, which end with the process
 * that holds them, however it ends:
 *
 *   byte 0        held while the state is looked at and changed
 *   byte 1 + i    held by member i as long as it lives; a member whose byte nobody holds is dead
 *
 * No memory is mapped, so it works on file systems of a network that know locks.
 */
#ifndef SL_BUDGET_STORE_H
#define SL_BUDGET_STORE_H

#include "http/budget_rule.h"

struct sl_store;      /* a directory */
struct sl_store_file; /* one limit in it */

/* Makes the directory (not its parents), 0700, if it is missing. SL_PERMISSION when it is another
 * user's, a symbolic link, or open to others; SL_DESTINATION when it cannot be used. epoch: states
 * written under another one are void ("": all are valid). */
SL_MUST_USE enum sl_code sl_store_open(const char *directory, const char *epoch,
                                       struct sl_store **out, struct sl_error *error);
void sl_store_free(struct sl_store *store);

/* The file of a key with this window. store is borrowed. */
SL_MUST_USE enum sl_code sl_store_file_open(struct sl_store *store, const char *key,
                                            int64_t window_us, struct sl_store_file **out,
                                            struct sl_error *error);
/* Closes it, with all of its locks; the state stays. */
void sl_store_file_free(struct sl_store_file *file);
/* For the order in which several are locked: the same in all processes. */
const char *sl_store_file_name(const struct sl_store_file *file);

enum sl_store_found {
    SL_STORE_STATE,   /* the state that was written last */
    SL_STORE_EMPTY,   /* none was written yet, or of another epoch */
    SL_STORE_DAMAGED, /* neither copy can be read */
};
/*
 * Locks the file and reads the state. *found is as above; state is cleared unless it is
 * SL_STORE_STATE. *member: who we are in it, -1 when there is no room for another; it changes when
 * somebody removed the file (then *found is SL_STORE_EMPTY).
 * SL_TIMEOUT: somebody held the lock for seconds. SL_DESTINATION: it cannot be locked or read.
 */
SL_MUST_USE enum sl_code sl_store_lock(struct sl_store_file *file, struct sl_rule_state *state,
                                       enum sl_store_found *found, int *member,
                                       struct sl_error *error);
/* Does this member live? While locked. */
bool sl_store_alive(const struct sl_store_file *file, int member);
/* Writes the state; while locked. */
SL_MUST_USE enum sl_code sl_store_save(struct sl_store_file *file,
                                       const struct sl_rule_state *state, struct sl_error *error);
void sl_store_unlock(struct sl_store_file *file);

#endif
