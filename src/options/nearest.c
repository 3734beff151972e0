#include "options/options.h"

#include <string.h>

#define NAME_MAX_LEN 64 /* longer names have no neighbours */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

/* Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
static unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][NAME_MAX_LEN + 1];
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];

    for (size_t j = 0; j <= b_len; j++) last[j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned differ = lower(a[i - 1]) != lower(b[j - 1]);

            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + differ);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]) && before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
        unsigned *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b_len];
}

const char *sl_nearest(const char *name, const char *const *candidates)
{
    size_t len = strlen(name);
    unsigned best_distance = (unsigned)(len / 3 > 1 ? len / 3 : 1) + 1; /* too far */
    const char *best = NULL;

    if (len == 0 || len > NAME_MAX_LEN) return NULL;
    for (; *candidates; candidates++) {
        size_t candidate_len = strlen(*candidates);

        if (candidate_len > NAME_MAX_LEN) continue;
        unsigned distance = edit_distance(name, len, *candidates, candidate_len);
        if (distance < best_distance && distance < len) { /* no letter in common: not near */
            best_distance = distance;
            best = *candidates;
        }
    }
    return best;
}
