/* cmd_new.c: a new connector, made from the tutorial's. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/files.h"
#include "json/doc.h"

#define NAME_LEN_MAX 32
#define MODEL "example" /* what the tutorial's connector is called */
#define FILES_MAX 16    /* that a new connector is made of */

/* ---- the model under another name ---- */

struct names {
    char lower[NAME_LEN_MAX + 1]; /* acme_crm */
    char title[NAME_LEN_MAX + 1]; /* Acme Crm */
    char upper[NAME_LEN_MAX + 1]; /* ACME_CRM */
};

static char upper_case(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static void names_of(const char *name, struct names *out)
{
    bool start = true;

    *out = (struct names){0};
    for (size_t i = 0; i < NAME_LEN_MAX && name[i]; i++) {
        out->lower[i] = name[i];
        out->upper[i] = upper_case(name[i]);
        out->title[i] = name[i] == '_' ? ' ' : start ? upper_case(name[i]) : name[i];
        start = name[i] == '_';
    }
}

/* What stands here for the model's name: "example" in whatever case, but neither "examples" nor the
 * domains that are reserved for examples. */
static const char *name_here(const char *text, const struct names *names)
{
    static const char *const domains[] = {".com", ".net", ".org"};
    const char *after = text + strlen(MODEL);
    const char *found = strncmp(text, "example", 7) == 0   ? names->lower
                        : strncmp(text, "Example", 7) == 0 ? names->title
                        : strncmp(text, "EXAMPLE", 7) == 0 ? names->upper
                                                           : NULL;

    if (!found || (*after >= 'a' && *after <= 'z') || (*after >= 'A' && *after <= 'Z')) return NULL;
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
        if (strncmp(after, domains[i], 4) == 0) return NULL;
    return found;
}

static void rename_text(const char *text, const struct names *names, struct sl_buf *out)
{
    while (*text) {
        const char *name = name_here(text, names);
        if (name) {
            sl_buf_adds(out, name);
            text += strlen(MODEL);
        } else {
            sl_buf_addc(out, *text++);
        }
    }
}

/* ---- which names can be had ---- */

static bool is_word(const char *name)
{
    static const char *const words[] = {"asm",      "auto",   "bool",     "break",    "case",
                                        "char",     "const",  "continue", "default",  "do",
                                        "double",   "else",   "enum",     "errno",    "extern",
                                        "false",    "float",  "for",      "goto",     "if",
                                        "inline",   "int",    "linux",    "long",     "register",
                                        "return",   "short",  "signed",   "sizeof",   "static",
                                        "struct",   "switch", "true",     "typeof",   "typedef",
                                        "union",    "unix",   "void",     "unsigned", "volatile",
                                        "restrict", "while",  MODEL,      NULL};

    for (size_t i = 0; words[i]; i++)
        if (strcmp(words[i], name) == 0) return true;
    return false;
}

static bool in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Does the model's code use the name itself: as a struct, or at the beginning of other names? */
static bool used_by_model(const char *name)
{
    size_t len = strlen(name);

    for (const struct cli_file *file = cli_files_templates; file->path; file++) {
        const char *end = strrchr(file->path, '.');
        if (!end || (strcmp(end, ".c") != 0 && strcmp(end, ".h") != 0)) continue;
        for (const char *at = strstr(file->text, name); at; at = strstr(at + 1, name)) {
            if (at > file->text && in_name(at[-1])) continue;
            if (at[len] == '_') return true;
            if (in_name(at[len]) || at - file->text < 7) continue;
            if (strncmp(at - 7, "struct ", 7) == 0 || strncmp(at - 5, "enum ", 5) == 0) return true;
        }
    }
    return false;
}

static enum sl_code check_name(const char *name, struct sl_error *error)
{
    size_t len = strlen(name);

    if (len == 0 || len > NAME_LEN_MAX || name[0] < 'a' || name[0] > 'z' ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != len) {
        sl_fail(error, SL_USAGE, "'%.60s' cannot be the name of a connector", name);
        sl_error_hint(error, "Lower-case letters, digits and _, a letter first, at most %d.",
                      NAME_LEN_MAX);
        return SL_USAGE;
    }
    if (is_word(name) || used_by_model(name)) {
        sl_fail(error, SL_USAGE, "'%s' means something else in the code of a connector", name);
        sl_error_hint(error, "Choose another name: '%s_api'.", name);
        return SL_USAGE;
    }
    return SL_OK;
}

/* ---- writing ---- */

struct making {
    struct names names;
    const char *tree;
    struct sl_buf paths[FILES_MAX]; /* below the tree */
    size_t count;
};

static enum sl_code join(struct sl_buf *out, const char *tree, const char *path,
                         struct sl_error *error)
{
    sl_buf_reset(out);
    sl_buf_addf(out, "%s/%s", tree, path);
    return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "no memory for a path") : SL_OK;
}

static enum sl_code check_tree(const struct making *making, struct sl_error *error)
{
    static const char *const parts[] = {"src/sources", "sim", "tests/sources",
                                        "cmake/Registry.cmake"};
    struct sl_buf path = {0};
    enum sl_code rc = SL_OK;

    for (size_t i = 0; i < sizeof parts / sizeof *parts && !rc; i++) {
        rc = join(&path, making->tree, parts[i], error);
        if (rc || access(path.data, F_OK) == 0) continue;
        rc = sl_fail(error, SL_USAGE, "'%s' is not a source tree of sluice: it has no %s",
                     making->tree, parts[i]);
        sl_error_hint(error, "Say where it is with --dir PATH.");
    }
    sl_buf_release(&path);
    return rc;
}

/* Nothing may be there yet: not the files, and no test of that name, which is a target's name. */
static enum sl_code check_free(const struct making *making, struct sl_error *error)
{
    static const struct {
        const char *before, *after;
    } others[] = {{"src/sources/", ""}, {"sim/", ""}, {"tests/unit/test_", ".c"}};
    struct sl_buf path = {0};
    enum sl_code rc = SL_OK;

    for (size_t i = 0; i < making->count + 3 && !rc; i++) {
        char other[NAME_LEN_MAX + 32];
        if (i < 3)
            snprintf(other, sizeof other, "%s%s%s", others[i].before, making->names.lower,
                     others[i].after);
        const char *part = i < 3 ? other : sl_buf_str(&making->paths[i - 3]);
        rc = join(&path, making->tree, part, error);
        if (rc || access(path.data, F_OK) != 0) continue;
        rc = sl_fail(error, SL_USAGE, "'%s' is taken: %s is there already", making->names.lower,
                     part);
        sl_error_hint(error, "Nothing was written. Choose another name.");
    }
    sl_buf_release(&path);
    return rc;
}

static enum sl_code choose_paths(struct making *making, struct sl_error *error)
{
    for (const struct cli_file *file = cli_files_templates; file->path; file++) {
        if (making->count == FILES_MAX) return sl_fail(error, SL_BUG, "too many templates");
        struct sl_buf *path = &making->paths[making->count++];
        rename_text(file->path, &making->names, path);
        if (sl_buf_failed(path)) return sl_fail(error, SL_NO_MEMORY, "no memory for a path");
        for (size_t i = 0; i + 1 < making->count; i++)
            if (strcmp(making->paths[i].data, path->data) == 0)
                return sl_fail(error, SL_USAGE, "'%s' would be two files of the connector",
                               path->data);
    }
    return SL_OK;
}

static enum sl_code write_file(const struct making *making, size_t index, struct sl_error *error)
{
    struct sl_buf path = {0}, text = {0};
    enum sl_code rc = join(&path, making->tree, sl_buf_str(&making->paths[index]), error);

    if (!rc) rc = cli_folders_make(path.data, error);
    rename_text(cli_files_templates[index].text, &making->names, &text);
    if (!rc && sl_buf_failed(&text)) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a file");
    if (!rc) rc = cli_file_write(path.data, sl_buf_str(&text), text.len, 0666, true, error);
    sl_buf_release(&path);
    sl_buf_release(&text);
    return rc;
}

/* All files or none: what was written before a mistake is taken away again. */
static enum sl_code write_files(const struct making *making, struct sl_error *error)
{
    struct sl_buf path = {0};
    struct sl_error ignored;
    enum sl_code rc = SL_OK;
    size_t done = 0;

    while (done < making->count && !rc) rc = write_file(making, done++, error);
    for (size_t i = 0; rc && i + 1 < done; i++)
        if (!join(&path, making->tree, sl_buf_str(&making->paths[i]), &ignored))
            (void)unlink(path.data);
    sl_buf_release(&path);
    return rc;
}

static enum sl_code tell(const struct cli *cli, const struct making *making, struct sl_error *error)
{
    const char *name = making->names.lower;
    struct sl_json_writer *w;

    if (!cli->json) {
        for (size_t i = 0; i < making->count; i++)
            printf("wrote %s\n", sl_buf_str(&making->paths[i]));
        printf("\nThey build and pass the conformance suite as they are:\n"
               "  cmake --preset dev\n"
               "  cmake --build build/dev --target sluice test_conformance test_%s\n"
               "  SLUICE_CONNECTOR=%s build/dev/tests/test_conformance\n"
               "  build/dev/tests/test_%s\n"
               "  build/dev/sluice demo --source %s\n"
               "\nThen make them yours: docs/write-a-connector.md.\n",
               name, name, name, name);
        return SL_OK;
    }
    w = sl_json_writer_new();
    if (!w) return sl_fail(error, SL_NO_MEMORY, "no memory for the answer");
    sl_json_begin_object(w);
    sl_json_kv_str(w, "name", name);
    sl_json_key(w, "files");
    sl_json_begin_array(w);
    for (size_t i = 0; i < making->count; i++) sl_json_put_str(w, sl_buf_str(&making->paths[i]));
    sl_json_end_array(w);
    sl_json_end_object(w);
    const char *text = sl_json_writer_text(w, NULL);
    if (text) printf("%s\n", text);
    sl_json_writer_free(w);
    return text ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory for the answer");
}

static enum sl_code new_connector(struct cli *cli, const struct cli_call *call,
                                  struct sl_error *error)
{
    const char *tree = cli_value(call, "dir");
    struct making making = {.tree = tree ? tree : "."};
    enum sl_code rc = check_name(cli_arg(call, 0), error);

    if (rc) return rc;
    names_of(cli_arg(call, 0), &making.names);
    rc = choose_paths(&making, error);
    if (!rc) rc = check_tree(&making, error);
    if (!rc) rc = check_free(&making, error);
    if (!rc) rc = write_files(&making, error);
    if (!rc) rc = tell(cli, &making, error);
    for (size_t i = 0; i < making.count; i++) sl_buf_release(&making.paths[i]);
    return rc;
}

static const struct cli_option new_options[] = {
    {.name = "dir",
     .value = "PATH",
     .help = "The source tree to write into. Default: the current directory."},
    {0},
};
static const struct cli_example new_examples[] = {
    {"In a clone of sluice", "new-connector acme"},
    {0},
};

const struct cli_command cli_new_commands[] = {
    {.name = "new-connector",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .summary = "Writes the files of a new connector into a source tree.",
     .details = "Connector, simulator, test, page and example pipeline are those of the tutorial "
                "under another name: they build and pass the conformance suite as they are. "
                "docs/write-a-connector.md goes on from there.",
     .options = new_options,
     .examples = new_examples,
     .run = new_connector},
    {0},
};
