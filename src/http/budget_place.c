/* budget_place.c: where limits that processes share are kept on this machine. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/budget.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static bool read_line(const char *path, char *out, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, out, cap - 1);

    if (fd >= 0) close(fd);
    if (got <= 0) return false;
    out[got] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return out[0] != '\0';
}

bool sl_budgets_place(char directory[SL_BUDGETS_PLACE_MAX], char epoch[SL_BUDGETS_PLACE_MAX])
{
    const char *given = getenv("XDG_RUNTIME_DIR");
    char session[64];
    int len;

    if (!read_line(BOOT_ID, epoch, SL_BUDGETS_PLACE_MAX)) return false;
    snprintf(session, sizeof session, "/run/user/%lu", (unsigned long)geteuid());
    if (given && given[0] == '/' && strcmp(given, session) != 0)
        len = snprintf(directory, SL_BUDGETS_PLACE_MAX, "%s/sluice", given);
    else
        len =
            snprintf(directory, SL_BUDGETS_PLACE_MAX, "/tmp/sluice-%lu", (unsigned long)geteuid());
    return len > 0 && len < SL_BUDGETS_PLACE_MAX;
}
