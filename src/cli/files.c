/* files.c: see files.h. */
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

const struct cli_file *cli_example_file(const char *source, const char *name)
{
    char path[256];

    if ((size_t)snprintf(path, sizeof path, "examples/%s/%s", source, name) >= sizeof path)
        return NULL;
    for (const struct cli_file *file = cli_files_examples; file->path; file++)
        if (strcmp(file->path, path) == 0) return file;
    return NULL;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, text, len);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        text += put;
        len -= (size_t)put;
    }
    return true;
}

enum sl_code cli_file_write(const char *path, const char *text, size_t len, mode_t mode,
                            bool create_only, struct sl_error *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (create_only ? O_EXCL : O_TRUNC), mode);
    bool good = fd >= 0 && write_all(fd, text, len);

    if (!good)
        sl_fail(error, SL_DESTINATION, "the file '%s' cannot be written: %s", path,
                strerror(errno));
    if (fd >= 0 && close(fd) != 0 && good) {
        sl_fail(error, SL_DESTINATION, "the file '%s' cannot be written: %s", path,
                strerror(errno));
        good = false;
    }
    if (!good && fd >= 0 && create_only) (void)unlink(path);
    return good ? SL_OK : error->code;
}

enum sl_code cli_folders_make(const char *path, struct sl_error *error)
{
    char *copy = sl_strdup(path);
    enum sl_code rc = SL_OK;

    if (!copy) return sl_fail(error, SL_NO_MEMORY, "no memory for a path");
    for (char *slash = strchr(copy + 1, '/'); slash && !rc; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            rc = sl_fail(error, SL_DESTINATION, "the folder '%s' cannot be made: %s", copy,
                         strerror(errno));
        *slash = '/';
    }
    sl_free(copy);
    return rc;
}
