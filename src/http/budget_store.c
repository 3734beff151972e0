#define _GNU_SOURCE /* F_OFD_SETLK */
#include "http/budget_store.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

#define MAGIC UINT64_C(0x31746467626c73) /* "slbgdt1": changes with struct sl_rule_state */
#define HASH_BYTES 16
#define NAME_MAX_BYTES 48
#define EPOCH_MAX 64
/* Locks are held for microseconds: whoever holds one for longer was stopped right there. */
#define LOCK_TRIES 2000
#define LOCK_PAUSE_NS 1000000
#define LOCK_PAUSE_FIRST_NS 50000
#define LOCK_TRIES_FIRST 20

struct sl_store {
    int directory;
    char epoch[EPOCH_MAX];
};

struct copy_head {
    uint64_t magic, number;
    uint64_t checksum; /* of the number and of the state that follows */
    char epoch[EPOCH_MAX];
};

#define STATE_HEAD offsetof(struct sl_rule_state, sent)
#define COPY_BYTES ((off_t)20480)
_Static_assert(sizeof(struct copy_head) + sizeof(struct sl_rule_state) <= 20480,
               "a copy has no room for its state");

struct sl_store_file {
    const struct sl_store *store;
    char name[NAME_MAX_BYTES];
    int fd;
    int member; /* whose byte we hold; -1: none yet */
    uint64_t number;
    int newest; /* which copy holds the state: 0, 1 */
};

static enum sl_code fail_file(const char *what, struct sl_error *error)
{
    return sl_fail(error, SL_DESTINATION, "%s: %s", what, strerror(errno));
}

/* ------------------------------------------------------------------ the directory */

enum sl_code sl_store_open(const char *directory, const char *epoch, struct sl_store **out,
                           struct sl_error *error)
{
    struct stat info;

    *out = NULL;
    if (strlen(epoch) >= EPOCH_MAX) return sl_fail(error, SL_BUG, "an epoch that is too long");
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) return fail_file(directory, error);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return fail_file(directory, error);
    if (fstat(fd, &info) != 0 || info.st_uid != geteuid() || (info.st_mode & 077) != 0) {
        close(fd);
        return sl_fail(error, SL_PERMISSION, "%s is not ours alone (wanted: our own, mode 0700)",
                       directory);
    }
    struct sl_store *store = sl_calloc(1, sizeof *store);
    if (!store) {
        close(fd);
        return sl_fail(error, SL_NO_MEMORY, "no memory for shared limits");
    }
    store->directory = fd;
    strcpy(store->epoch, epoch);
    *out = store;
    return SL_OK;
}

void sl_store_free(struct sl_store *store)
{
    if (!store) return;
    close(store->directory);
    sl_free(store);
}

/* ------------------------------------------------------------------ one file */

static enum sl_code open_file(struct sl_store_file *file, struct sl_error *error)
{
    struct stat info;

    file->fd = openat(file->store->directory, file->name,
                      O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    file->member = -1;
    if (file->fd < 0) return fail_file(file->name, error);
    if (fstat(file->fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != geteuid()) {
        close(file->fd);
        file->fd = -1;
        return sl_fail(error, SL_PERMISSION, "%s is not a file of ours", file->name);
    }
    return SL_OK;
}

enum sl_code sl_store_file_open(struct sl_store *store, const char *key, int64_t window_us,
                                struct sl_store_file **out, struct sl_error *error)
{
    unsigned char hash[HASH_BYTES];
    char hex[2 * HASH_BYTES + 1];

    *out = NULL;
    struct sl_store_file *file = sl_calloc(1, sizeof *file);
    if (!file) return sl_fail(error, SL_NO_MEMORY, "no memory for a shared limit");
    crypto_generichash(hash, sizeof hash, (const unsigned char *)key, strlen(key), NULL, 0);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    snprintf(file->name, sizeof file->name, "%.24s-%lld", hex, (long long)(window_us / 1000));
    file->store = store;
    enum sl_code rc = open_file(file, error);
    if (rc) {
        sl_free(file);
        return rc;
    }
    *out = file;
    return SL_OK;
}

void sl_store_file_free(struct sl_store_file *file)
{
    if (!file) return;
    if (file->fd >= 0) close(file->fd);
    sl_free(file);
}

const char *sl_store_file_name(const struct sl_store_file *file)
{
    return file->name;
}

/* ------------------------------------------------------------------ locks */

static bool lock_byte(int fd, off_t byte, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* Takes byte 0; waits a little when somebody else has it. */
static enum sl_code lock_state(const struct sl_store_file *file, struct sl_error *error)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        struct timespec pause = {.tv_nsec =
                                     i < LOCK_TRIES_FIRST ? LOCK_PAUSE_FIRST_NS : LOCK_PAUSE_NS};
        if (lock_byte(file->fd, 0, F_WRLCK)) return SL_OK;
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            return fail_file("a lock on a shared limit", error);
        nanosleep(&pause, NULL);
    }
    return sl_fail(error, SL_TIMEOUT, "another process holds a shared limit and does not go on");
}

bool sl_store_alive(const struct sl_store_file *file, int member)
{
    struct flock lock = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = 1 + member,
                         .l_len = 1};

    if (member == file->member) return true;
    return fcntl(file->fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

void sl_store_unlock(struct sl_store_file *file)
{
    (void)lock_byte(file->fd, 0, F_UNLCK);
}

/* ------------------------------------------------------------------ reading and writing */

static uint64_t checksum(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < len; i++) hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return hash;
}

/* The parts of a state that are in use. */
static void parts_of(const struct sl_rule_state *state, struct iovec parts[3])
{
    union { /* iovec has no const */
        const void *from;
        void *to;
    } sent = {state->sent}, unsent = {state->unsent}, head = {state};

    parts[0] = (struct iovec){head.to, STATE_HEAD};
    parts[1] = (struct iovec){sent.to, (size_t)state->sent_count * sizeof *state->sent};
    parts[2] = (struct iovec){unsent.to, (size_t)state->unsent_count * sizeof *state->unsent};
}

static uint64_t checksum_of(const struct copy_head *head, const struct sl_rule_state *state)
{
    struct iovec parts[3];
    uint64_t hash = checksum(UINT64_C(14695981039346656037), &head->number, sizeof head->number);

    parts_of(state, parts);
    for (int i = 0; i < 3; i++) hash = checksum(hash, parts[i].iov_base, parts[i].iov_len);
    return hash;
}

static bool counts_fit(const struct sl_rule_state *state)
{
    return state->sent_count >= 0 && state->sent_count <= SL_RULE_SENT_MAX &&
           state->unsent_count >= 0 && state->unsent_count <= SL_RULE_UNSENT_MAX;
}

static bool read_copy(const struct sl_store_file *file, int copy, const struct copy_head *head,
                      struct sl_rule_state *state)
{
    off_t at = copy * COPY_BYTES + (off_t)sizeof *head;
    struct iovec parts[3];

    if (pread(file->fd, state, STATE_HEAD, at) != (ssize_t)STATE_HEAD) return false;
    if (!counts_fit(state)) return false;
    parts_of(state, parts);
    ssize_t rest = (ssize_t)(parts[1].iov_len + parts[2].iov_len);
    if (rest > 0 && preadv(file->fd, parts + 1, 2, at + (off_t)STATE_HEAD) != rest) return false;
    return checksum_of(head, state) == head->checksum;
}

/* The newest copy that is whole. */
static enum sl_store_found read_state(struct sl_store_file *file, struct sl_rule_state *state)
{
    struct copy_head heads[2] = {{0}};
    bool good[2], any = false;

    for (int i = 0; i < 2; i++) {
        ssize_t got = pread(file->fd, &heads[i], sizeof heads[i], i * COPY_BYTES);
        good[i] = got == (ssize_t)sizeof heads[i] && heads[i].magic == MAGIC;
        any |= got > 0 && (heads[i].magic != 0 || got < (ssize_t)sizeof heads[i]);
    }
    int first = good[1] && (!good[0] || heads[1].number > heads[0].number);
    for (int i = 0; i < 2; i++) {
        int copy = i == 0 ? first : !first;
        if (!good[copy] || !read_copy(file, copy, &heads[copy], state)) continue;
        file->number = heads[copy].number;
        file->newest = copy;
        if (strncmp(heads[copy].epoch, file->store->epoch, EPOCH_MAX) == 0) return SL_STORE_STATE;
        sl_rule_clear(state);
        return SL_STORE_EMPTY;
    }
    sl_rule_clear(state);
    file->number = 0;
    file->newest = 0;
    return any ? SL_STORE_DAMAGED : SL_STORE_EMPTY;
}

enum sl_code sl_store_save(struct sl_store_file *file, const struct sl_rule_state *state,
                           struct sl_error *error)
{
    struct copy_head head = {.magic = MAGIC, .number = file->number + 1};
    struct iovec parts[4] = {{&head, sizeof head}};
    int copy = !file->newest;

    memcpy(head.epoch, file->store->epoch, EPOCH_MAX);
    parts_of(state, parts + 1);
    head.checksum = checksum_of(&head, state);
    size_t whole = parts[0].iov_len + parts[1].iov_len + parts[2].iov_len + parts[3].iov_len;
    if (pwritev(file->fd, parts, 4, copy * COPY_BYTES) != (ssize_t)whole)
        return fail_file("writing a shared limit", error);
    file->number++;
    file->newest = copy;
    return SL_OK;
}

/* ------------------------------------------------------------------ members */

/* The byte of a member that nobody holds. */
static void take_member(struct sl_store_file *file)
{
    for (int i = 0; i < SL_RULE_MEMBERS_MAX && file->member < 0; i++)
        if (lock_byte(file->fd, 1 + i, F_WRLCK)) file->member = i;
}

enum sl_code sl_store_lock(struct sl_store_file *file, struct sl_rule_state *state,
                           enum sl_store_found *found, int *member, struct sl_error *error)
{
    struct stat info;
    enum sl_code rc = lock_state(file, error);

    if (rc) return rc;
    if (fstat(file->fd, &info) == 0 && info.st_nlink == 0) { /* somebody tidied up */
        close(file->fd);
        rc = open_file(file, error);
        if (!rc) rc = lock_state(file, error);
        if (rc) return rc;
    }
    *found = read_state(file, state);
    if (file->member < 0) take_member(file);
    *member = file->member;
    return SL_OK;
}
