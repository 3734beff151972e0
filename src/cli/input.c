/* input.c: --json TEXT | @FILE | -. What was read may hold secrets, so every copy is wiped. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "json/doc.h"

#define INPUT_BYTES_MAX ((size_t)16 << 20)

enum sl_code cli_read_file(const char *path, size_t max, struct sl_buf *out, struct sl_error *error)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    enum sl_code rc = SL_OK;
    ssize_t got = 0;

    if (fd < 0) {
        sl_fail(error, SL_BAD_SPEC, "the file '%s' cannot be read: %s", path, strerror(errno));
        return error->code;
    }
    sl_buf_init(out, max + 65536);
    /* Room is taken at once, so that no half of a secret stays behind in memory given back. */
    if (!sl_buf_reserve(out, is_stdin ? INPUT_BYTES_MAX / 16 : 65536)) got = -2;
    while (got >= 0) {
        char *room = sl_buf_reserve(out, 65536);
        if (!room || out->len > max) break;
        got = read(fd, room, 65535);
        if (got <= 0) break;
        out->len += (size_t)got;
        out->data[out->len] = '\0';
    }
    if (got == -1)
        rc = sl_fail(error, SL_BAD_SPEC, "the file '%s' cannot be read: %s", path, strerror(errno));
    else if (out->len > max)
        rc = sl_fail(error, SL_BAD_SPEC, "the file '%s' is longer than %zu MiB", path, max >> 20);
    else if (got == -2 || sl_buf_failed(out))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for the file '%s'", path);
    if (!is_stdin) close(fd);
    return rc;
}

enum sl_code cli_input_json(char *argument, struct cli_input *out, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    *out = (struct cli_input){0};
    if (argument[0] == '@' || strcmp(argument, "-") == 0) {
        rc = cli_read_file(argument[0] == '@' ? argument + 1 : "-", INPUT_BYTES_MAX, &out->text,
                           error);
        if (rc) return rc;
    } else {
        size_t len = strlen(argument);
        out->inline_text = true;
        if (sl_buf_reserve(&out->text, len + 1)) sl_buf_add(&out->text, argument, len);
        memset(argument, '*', len);
    }
    if (sl_buf_reserve(&out->copy, out->text.len + SL_DOC_PADDING + 1))
        sl_buf_add(&out->copy, sl_buf_str(&out->text), out->text.len);
    out->doc = sl_doc_new(INPUT_BYTES_MAX);
    if (sl_buf_failed(&out->text) || sl_buf_failed(&out->copy) || !out->copy.data || !out->doc)
        return sl_fail(error, SL_NO_MEMORY, "no memory for the JSON");
    memset(out->copy.data + out->copy.len, 0, SL_DOC_PADDING);
    rc = sl_doc_parse(out->doc, out->copy.data, out->copy.len, &out->root, error);
    if (rc == SL_BAD_DATA) {
        error->code = rc = SL_BAD_SPEC; /* the user's, not the source's */
        sl_error_context(error, "--json");
        sl_error_hint(error, "Put the JSON into a file and give --json @FILE.");
    }
    return rc;
}

static void wipe(struct sl_buf *buf)
{
    if (buf->data) sodium_memzero(buf->data, buf->cap);
    sl_buf_release(buf);
}

void cli_input_release(struct cli_input *input)
{
    sl_doc_free(input->doc);
    wipe(&input->text);
    wipe(&input->copy);
    *input = (struct cli_input){0};
}
