/* text.c: aligned columns, and numbers as people read them. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/cli.h"

#define GRID_COLUMNS_MAX 2048
#define ELLIPSIS "\xe2\x80\xa6"

struct cli_grid {
    size_t columns, cells, cap;
    char **texts;  /* row after row */
    char **titles; /* one a column, or NULL */
    bool *right;
    bool failed;
};

struct cli_grid *cli_grid_new(size_t columns)
{
    struct cli_grid *grid = sl_calloc(1, sizeof *grid);

    if (!grid || columns == 0 || columns > GRID_COLUMNS_MAX) {
        sl_free(grid);
        return NULL;
    }
    grid->columns = columns;
    grid->titles = sl_calloc(columns, sizeof *grid->titles);
    grid->right = sl_calloc(columns, sizeof *grid->right);
    if (!grid->titles || !grid->right) {
        cli_grid_free(grid);
        return NULL;
    }
    return grid;
}

void cli_grid_free(struct cli_grid *grid)
{
    if (!grid) return;
    for (size_t i = 0; i < grid->cells; i++) sl_free(grid->texts[i]);
    for (size_t i = 0; grid->titles && i < grid->columns; i++) sl_free(grid->titles[i]);
    sl_free(grid->texts);
    sl_free(grid->titles);
    sl_free(grid->right);
    sl_free(grid);
}

/* Control characters would break the lines (and a terminal may obey them): each becomes a dot. */
static char *clean(const char *text)
{
    char *copy = sl_strdup(text ? text : "");

    for (char *c = copy; c && *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = *c == '\n' || *c == '\t' ? ' ' : '.';
    return copy;
}

void cli_grid_head(struct cli_grid *grid, size_t column, const char *title, bool right)
{
    sl_free(grid->titles[column]);
    grid->titles[column] = title ? clean(title) : NULL;
    grid->failed = grid->failed || (title && !grid->titles[column]);
    grid->right[column] = right;
}

void cli_grid_cell(struct cli_grid *grid, const char *text)
{
    if (grid->failed) return;
    if (grid->cells == grid->cap) {
        size_t cap = grid->cap ? grid->cap * 2 : 64;
        char **texts = sl_realloc(grid->texts, cap * sizeof *texts);
        if (!texts) {
            grid->failed = true;
            return;
        }
        grid->texts = texts;
        grid->cap = cap;
    }
    char *copy = clean(text);
    if (copy)
        grid->texts[grid->cells++] = copy;
    else
        grid->failed = true;
}

/* One character of UTF-8: its length, and the columns a terminal gives it. Invalid bytes: 1, 1. */
static size_t one_char(const char *text, size_t len, size_t *width)
{
    unsigned char c = (unsigned char)text[0];
    size_t need = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
    uint32_t code = c < 0x80 ? c : c & (0xffu >> (need + 1));

    *width = 1;
    if (need > len) return 1;
    for (size_t i = 1; i < need; i++) code = code << 6 | ((unsigned char)text[i] & 0x3f);
    if ((code >= 0x300 && code <= 0x36f) || code == 0x200d || (code >= 0xfe00 && code <= 0xfe0f))
        *width = 0; /* combining marks, joiners, variation selectors */
    else if ((code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
             (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
             (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
             (code >= 0x1f300 && code <= 0x1faff) || (code >= 0x20000 && code <= 0x3fffd))
        *width = 2;
    return need;
}

size_t cli_width(const char *text, size_t len)
{
    size_t total = 0, width = 0;

    for (size_t at = 0; at < len; total += width) at += one_char(text + at, len - at, &width);
    return total;
}

/* Prints text in exactly `width` columns. */
static void print_cell(FILE *file, const char *text, size_t width, bool right, bool last)
{
    size_t len = strlen(text), wide = cli_width(text, len);
    size_t room = wide > width ? width - 1 : wide, used = 0, at = 0;

    if (right)
        for (size_t i = wide; i < width; i++) fputc(' ', file);
    while (at < len && used <= room) {
        size_t w = 0, n = one_char(text + at, len - at, &w);
        if (used + w > room) break;
        at += n;
        used += w;
    }
    fwrite(text, 1, at, file);
    if (wide > width) {
        fputs(ELLIPSIS, file);
        used++;
    }
    if (!right && !last)
        for (; used < width; used++) fputc(' ', file);
}

static void print_row(const struct cli_grid *grid, char *const *texts, const size_t *widths,
                      FILE *file)
{
    for (size_t i = 0; i < grid->columns; i++) {
        const char *text = texts ? texts[i] : grid->titles[i] ? grid->titles[i] : "";
        if (i) fputs("  ", file);
        print_cell(file, text, widths[i], grid->right[i], i + 1 == grid->columns);
    }
}

enum sl_code cli_grid_print(const struct cli_grid *grid, const struct cli *cli, FILE *file,
                            size_t width_max, struct sl_error *error)
{
    size_t *widths = sl_calloc(grid->columns, sizeof *widths);
    bool titled = false;

    if (grid->failed || !widths) {
        sl_free(widths);
        return sl_fail(error, SL_NO_MEMORY, "no memory for a table on the screen");
    }
    for (size_t i = 0; i < grid->columns; i++) {
        widths[i] = grid->titles[i] ? strlen(grid->titles[i]) : 0;
        titled = titled || grid->titles[i];
    }
    for (size_t i = 0; i < grid->cells; i++) {
        size_t width = cli_width(grid->texts[i], strlen(grid->texts[i]));
        if (width_max && width > width_max) width = width_max;
        if (width > widths[i % grid->columns]) widths[i % grid->columns] = width;
    }
    if (titled) {
        fputs(cli_bold(cli), file);
        print_row(grid, NULL, widths, file);
        fprintf(file, "%s\n", cli_plain(cli));
    }
    for (size_t i = 0; i + grid->columns <= grid->cells; i += grid->columns) {
        print_row(grid, grid->texts + i, widths, file);
        fputc('\n', file);
    }
    sl_free(widths);
    return SL_OK;
}

char *cli_count(int64_t number, char out[CLI_NUMBER_MAX])
{
    char plain[CLI_NUMBER_MAX];
    int len = snprintf(plain, sizeof plain, "%" PRId64, number);
    char *to = out;

    for (int i = 0; i < len; i++) {
        *to++ = plain[i];
        int left = len - i - 1;
        if (plain[i] != '-' && left > 0 && left % 3 == 0) *to++ = ',';
    }
    *to = '\0';
    return out;
}

char *cli_bytes(int64_t bytes, char out[CLI_NUMBER_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    size_t unit = 0;

    for (; value >= 1024 && unit < 5; unit++) value /= 1024;
    if (unit == 0)
        snprintf(out, CLI_NUMBER_MAX, "%" PRId64 " B", bytes);
    else
        snprintf(out, CLI_NUMBER_MAX, "%.1f %s", value, units[unit]);
    return out;
}

char *cli_duration(int64_t us, char out[CLI_NUMBER_MAX])
{
    double seconds = (double)us / 1e6;
    int64_t whole = us / 1000000;

    if (whole < 60)
        snprintf(out, CLI_NUMBER_MAX, "%.1fs", seconds);
    else if (whole < 3600)
        snprintf(out, CLI_NUMBER_MAX, "%" PRId64 "m %02" PRId64 "s", whole / 60, whole % 60);
    else
        snprintf(out, CLI_NUMBER_MAX, "%" PRId64 "h %02" PRId64 "m", whole / 3600, whole / 60 % 60);
    return out;
}
