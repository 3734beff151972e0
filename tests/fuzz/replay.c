/*
 * replay.c: stands in for libFuzzer where it is not linked, so that ctest runs a slice of every
 * fuzz target with any compiler.
 *
 *     fuzz_spec [--mutations=N] [--seed=N] [--one=N] FOLDER|FILE ...
 *
 * Every file is given to the target as it is, then N mutations of randomly picked files. A mutation
 * depends on the seed and its number alone: what failed as number 1234 is repeated, and written to
 * a file, by --one=1234. Failing means crashing: sanitizers and assertions say where.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILES_MAX 4096
#define FILE_BYTES_MAX ((size_t)1 << 20)
#define EDITS_MAX 8

struct seed_file {
    char *path;
    uint8_t *data;
    size_t size;
};

struct corpus {
    struct seed_file files[FILES_MAX];
    size_t count;
};

static volatile sig_atomic_t current = -1; /* the number of the mutation that is being tried */

static void on_abort(int signal_number)
{
    static const char text[] = "replay: failed at mutation ";
    char digits[12];
    size_t at = sizeof digits;
    long n = (long)current;

    if (n >= 0) {
        digits[--at] = '\n';
        do {
            digits[--at] = (char)('0' + n % 10);
            n /= 10;
        } while (n && at > 0);
        if (write(STDERR_FILENO, text, sizeof text - 1) < 0 ||
            write(STDERR_FILENO, digits + at, sizeof digits - at) < 0)
            _exit(1);
    }
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t below(uint64_t *state, size_t limit)
{
    return limit ? (size_t)(next_random(state) % limit) : 0;
}

static bool add_file(struct corpus *corpus, const char *path)
{
    struct seed_file file = {0};
    FILE *in = fopen(path, "rb");

    if (!in || corpus->count == FILES_MAX) goto fail;
    file.data = malloc(FILE_BYTES_MAX);
    file.path = strdup(path);
    if (!file.data || !file.path) goto fail;
    file.size = fread(file.data, 1, FILE_BYTES_MAX, in);
    if (ferror(in)) goto fail;
    fclose(in);
    file.data = realloc(file.data, file.size ? file.size : 1); /* a read behind the end is seen */
    if (!file.data) abort();
    corpus->files[corpus->count++] = file;
    return true;

fail:
    fprintf(stderr, "replay: could not read %s: %s\n", path, strerror(errno));
    if (in) fclose(in);
    free(file.data);
    free(file.path);
    return false;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct seed_file *)a)->path, ((const struct seed_file *)b)->path);
}

static bool add_path(struct corpus *corpus, const char *path)
{
    struct stat info;
    struct dirent *entry;
    char name[4096];
    DIR *folder;
    bool ok = true;

    if (stat(path, &info) != 0) return true; /* a target without seeds yet */
    if (!S_ISDIR(info.st_mode)) return add_file(corpus, path);
    folder = opendir(path);
    if (!folder) return false;
    while (ok && (entry = readdir(folder))) {
        if (entry->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        ok = add_file(corpus, name);
    }
    closedir(folder);
    return ok;
}

/* One edit of data, which has room for cap bytes. */
static size_t edit(uint64_t *dice, const struct corpus *corpus, uint8_t *data, size_t size,
                   size_t cap)
{
    static const char *const words[] = {"null",
                                        "{}",
                                        "[]",
                                        "\"",
                                        "\\u0000",
                                        "\\ud800",
                                        "-0",
                                        "1e999",
                                        "9223372036854775808",
                                        "true",
                                        ",",
                                        ":",
                                        "{\"",
                                        "]}",
                                        "\xff",
                                        "\xed\xa0\x80",
                                        "[[[[[[[[[[[[[[[["};
    size_t at = below(dice, size + 1), len;

    switch (below(dice, 6)) {
    case 0: /* flip a bit */
        if (at < size) data[at] ^= (uint8_t)(1u << below(dice, 8));
        return size;
    case 1: /* another byte */
        if (at < size) data[at] = (uint8_t)next_random(dice);
        return size;
    case 2: /* cut the end off */ return at;
    case 3: /* remove a piece */
        len = below(dice, size - at < 64 ? size - at + 1 : 64);
        memmove(data + at, data + at + len, size - at - len);
        return size - len;
    case 4: { /* insert a word */
        const char *word = words[below(dice, sizeof words / sizeof words[0])];
        len = strlen(word);
        if (size + len > cap) return size;
        memmove(data + at + len, data + at, size - at);
        memcpy(data + at, word, len);
        return size + len;
    }
    default: { /* insert a piece of another seed */
        const struct seed_file *other = &corpus->files[below(dice, corpus->count)];
        size_t from = below(dice, other->size + 1);
        len = below(dice, other->size - from < 256 ? other->size - from + 1 : 256);
        if (size + len > cap) return size;
        memmove(data + at + len, data + at, size - at);
        memcpy(data + at, other->data + from, len);
        return size + len;
    }
    }
}

static void mutate_and_try(const struct corpus *corpus, uint64_t seed, long number, bool keep)
{
    uint64_t dice = seed * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)number;
    const struct seed_file *file = &corpus->files[below(&dice, corpus->count)];
    size_t cap = file->size + 4096, size = file->size;
    uint8_t *data = malloc(cap), *exact;
    size_t edits = 1 + below(&dice, EDITS_MAX);

    if (!data) abort();
    memcpy(data, file->data, size);
    for (size_t i = 0; i < edits; i++) size = edit(&dice, corpus, data, size, cap);
    exact = malloc(size ? size : 1); /* no spare bytes: a read behind the end is seen */
    if (!exact) abort();
    memcpy(exact, data, size);
    free(data);
    if (keep) {
        FILE *out = fopen("replay-input", "wb");
        if (out) {
            fwrite(exact, 1, size, out);
            fclose(out);
            fprintf(stderr, "replay: wrote replay-input (%zu bytes)\n", size);
        }
    }
    current = (sig_atomic_t)number;
    LLVMFuzzerTestOneInput(exact, size);
    current = -1;
    free(exact);
}

int main(int argc, char **argv)
{
    static struct corpus corpus;
    long mutations = 0, one = -1;
    uint64_t seed = 1;

    signal(SIGABRT, on_abort);
    signal(SIGALRM, on_abort);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--mutations=", 12) == 0)
            mutations = strtol(argv[i] + 12, NULL, 10);
        else if (strncmp(argv[i], "--seed=", 7) == 0)
            seed = strtoull(argv[i] + 7, NULL, 10);
        else if (strncmp(argv[i], "--one=", 6) == 0)
            one = strtol(argv[i] + 6, NULL, 10);
        else if (!add_path(&corpus, argv[i]))
            return 1;
    }
    if (corpus.count == 0) { /* the empty input is always a seed */
        corpus.files[0].path = strdup("");
        corpus.files[0].data = calloc(1, 1);
        if (!corpus.files[0].path || !corpus.files[0].data) return 1;
        corpus.count = 1;
    }
    qsort(corpus.files, corpus.count, sizeof corpus.files[0], by_path);

    if (one >= 0) {
        mutate_and_try(&corpus, seed, one, true);
    } else {
        for (size_t i = 0; i < corpus.count; i++)
            LLVMFuzzerTestOneInput(corpus.files[i].data, corpus.files[i].size);
        for (long n = 0; n < mutations; n++) {
            alarm(10); /* one input never takes that long: it hangs */
            mutate_and_try(&corpus, seed, n, false);
        }
        printf("replay: %zu seeds, %ld mutations\n", corpus.count, mutations);
    }
    for (size_t i = 0; i < corpus.count; i++) {
        free(corpus.files[i].path);
        free(corpus.files[i].data);
    }
    return 0;
}
