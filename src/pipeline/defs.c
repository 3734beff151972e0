/* defs.c: see defs.h. */
#define _GNU_SOURCE
#include "pipeline/defs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "table/schema.h"

struct sl_defs {
    int fd;
    int64_t end;
    struct sl_buf bytes; /* of the one being written */
};

static enum sl_code failed(const char *what, struct sl_error *error)
{
    return sl_fail(error, SL_DESTINATION, "the file of table definitions cannot be %s: %s", what,
                   strerror(errno));
}

enum sl_code sl_defs_new(const char *directory, struct sl_defs **out, struct sl_error *error)
{
    struct sl_defs *defs = sl_calloc(1, sizeof *defs);
    enum sl_code rc = SL_OK;

    *out = NULL;
    if (!defs) return sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
    defs->fd = -1;
    sl_buf_addf(&defs->bytes, "%s/sluice-tables-XXXXXX", directory);
    if (sl_buf_failed(&defs->bytes))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
    else if ((defs->fd = mkostemp(defs->bytes.data, O_CLOEXEC)) < 0)
        rc = failed("made", error);
    if (rc) {
        sl_defs_free(defs);
        return rc;
    }
    (void)unlink(defs->bytes.data);
    *out = defs;
    return SL_OK;
}

void sl_defs_free(struct sl_defs *defs)
{
    if (!defs) return;
    if (defs->fd >= 0) close(defs->fd);
    sl_buf_release(&defs->bytes);
    sl_free(defs);
}

enum sl_code sl_defs_put(struct sl_defs *defs, const struct sl_table_def *def,
                         struct sl_def_place *out, struct sl_error *error)
{
    size_t done = 0;

    sl_buf_reset(&defs->bytes);
    sl_table_def_pack(def, &defs->bytes);
    if (sl_buf_failed(&defs->bytes))
        return sl_fail(error, SL_NO_MEMORY, "no memory for table '%s'", def->name);
    *out = (struct sl_def_place){.at = defs->end, .len = defs->bytes.len};
    while (done < defs->bytes.len) {
        ssize_t n = pwrite(defs->fd, defs->bytes.data + done, defs->bytes.len - done,
                           (off_t)(defs->end + (int64_t)done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return failed("written", error);
        done += (size_t)n;
    }
    defs->end += (int64_t)done;
    return SL_OK;
}

enum sl_code sl_defs_get(const struct sl_defs *defs, struct sl_def_place place,
                         struct sl_arena *arena, const struct sl_table_def **out,
                         struct sl_error *error)
{
    char *bytes = sl_calloc(1, place.len);
    enum sl_code rc = bytes ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory for a table");
    size_t done = 0;

    *out = NULL;
    while (!rc && done < place.len) {
        ssize_t n =
            pread(defs->fd, bytes + done, place.len - done, (off_t)(place.at + (int64_t)done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0)
            rc = failed("read", error);
        else
            done += (size_t)n;
    }
    if (!rc) *out = sl_table_def_unpack(bytes, place.len, arena);
    if (!rc && !*out) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a table");
    sl_free(bytes);
    return rc;
}
