#include "unit/merge_cases.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct merge_case merge_cases[] = {
    {.name = "late in one batch",
     .events = "U2a U6c U5b",
     .latest = "c",
     .history = "a[2,5) b[5,6) c[6,-)"},
    {.name = "late, one batch each",
     .events = "U2a | U6c | U5b",
     .latest = "c",
     .history = "a[2,5) b[5,6) c[6,-)"},
    {.name = "an upsert before a delete",
     .events = "U1a D6 U5b",
     .latest = "",
     .tombstone = "T6",
     .history = "a[1,5) b[5,6)"},
    {.name = "an upsert before a stored delete",
     .events = "U1a D6 | U5b",
     .latest = "",
     .tombstone = "T6",
     .history = "a[1,5) b[5,6)"},
    {.name = "the delete comes first of all",
     .events = "D6 | U5b | U1a",
     .latest = "",
     .tombstone = "T6",
     .history = "a[1,5) b[5,6)"},
    {.name = "a row older than its delete",
     .events = "D5 | U3a",
     .latest = "",
     .tombstone = "T5",
     .history = "a[3,5)"},
    {.name = "a row newer than its delete",
     .events = "D5 | U7a",
     .latest = "a",
     .history = "a[7,-)",
     .hidden = "T5"},
    {.name = "a delete between two upserts",
     .events = "U1a U5b | D3",
     .latest = "b",
     .history = "a[1,3) b[5,-)"},
    {.name = "an upsert between a version and its end",
     .events = "U1a D10 | U5b",
     .latest = "",
     .tombstone = "T10",
     .history = "a[1,5) b[5,10)"},
    {.name = "back after a gap",
     .events = "U1a | D5 | U7a",
     .latest = "a",
     .history = "a[1,5) a[7,-)"},
    {.name = "a run of equal values",
     .events = "U5A U10A U15A U20C",
     .latest = "C",
     .history = "A[5,20) C[20,-)",
     .hidden = "A5 A10"},
    {.name = "a run is split",
     .events = "U5A U10A U15A U20C | U12B",
     .latest = "C",
     .history = "A[5,12) B[12,15) A[15,20) C[20,-)",
     .hidden = "A5"},
    {.name = "a run is split by a delete",
     .events = "U5A U10A U15A | D12",
     .latest = "A",
     .history = "A[5,12) A[15,-)",
     .hidden = "A5"},
    {.name = "an older value", .events = "U10b | U5a", .latest = "b", .history = "a[5,10) b[10,-)"},
    {.name = "the same value, older",
     .events = "U10a | U5a",
     .latest = "a",
     .history = "a[5,-)",
     .hidden = "a5"},
    {.name = "upsert, then delete of one sequence",
     .events = "U5a | D5",
     .latest = "a",
     .history = "",
     .hidden = "T5"},
    {.name = "delete, then upsert of one sequence",
     .events = "D5 | U5a",
     .latest = "a",
     .history = "",
     .hidden = "T5"},
    {.name = "upsert and delete of one sequence",
     .events = "U5a D5",
     .latest = "a",
     .history = "",
     .hidden = "T5"},
    {.name = "an upsert at the end of a version",
     .events = "U1a D5 | U5b",
     .latest = "b",
     .history = "a[1,5)"},
    {.name = "redelivery", .events = "U5a | U5a", .latest = "a", .history = "a[5,-)"},
    {.name = "redelivery of a delete",
     .events = "U1a D5 | D5",
     .latest = "",
     .tombstone = "T5",
     .history = "a[1,5)"},
    {.name = "two values of one sequence",
     .events = "U5a | U5b",
     .latest = "b",
     .history = "b[5,-)"},
    {.name = "two values of one sequence in one batch",
     .events = "U5a U5b",
     .latest = "b",
     .history = "b[5,-)"},
    {.name = "a delete of the last sequence",
     .events = "U1a U5b | D5",
     .latest = "b",
     .history = "a[1,5)"},
    {.name = "two deletes",
     .events = "U1a | D5 | D8",
     .latest = "",
     .tombstone = "T8",
     .history = "a[1,5)",
     .hidden = "T8"},
    {.name = "two deletes, the older one late",
     .events = "U1a | D8 | D5",
     .latest = "",
     .tombstone = "T8",
     .history = "a[1,5)",
     .hidden = "T8"},
    {.name = "NULL stays NULL",
     .events = "U1~ | U5~",
     .latest = "~",
     .history = "~[1,-)",
     .hidden = "~1"},
    {.name = "NULL becomes a value",
     .events = "U1~ | U5a",
     .latest = "a",
     .history = "~[1,5) a[5,-)"},
    {.name = "an untracked change",
     .events = "U1a/x | U5a/y",
     .latest = "a/y",
     .history = "a/y[1,-)",
     .hidden = "a/x1"},
    {.name = "an untracked change that is late",
     .events = "U5a/y | U1a/x",
     .latest = "a/y",
     .history = "a/y[1,-)",
     .hidden = "a/x1"},
    {.name = "nothing is tracked",
     .events = "U1a | U5b | D8",
     .tracks_nothing = true,
     .latest = "",
     .tombstone = "T8",
     .history = "b[1,8)",
     .hidden = "a1"},
    {.name = "a delete of an unknown key",
     .events = "D5",
     .latest = "",
     .tombstone = "T5",
     .history = "",
     .hidden = "T5"},
    {.name = "a sequence of two columns",
     .events = "U1.2a | U1.10b",
     .two_columns = true,
     .latest = "b",
     .history = "a[1.2,1.10) b[1.10,-)"},
    {.name = "a late one of two columns",
     .events = "U1.10b | U1.2a",
     .two_columns = true,
     .latest = "b",
     .history = "a[1.2,1.10) b[1.10,-)"},
    /* The published example of this way of merging, user by user. */
    {.name = "example: 123",
     .events = "U1a | D6 U5b",
     .latest = "",
     .tombstone = "T6",
     .history = "a[1,5) b[5,6)"},
    {.name = "example: 125",
     .events = "U2a | U6c U5b",
     .latest = "c",
     .history = "a[2,5) b[5,6) c[6,-)"},
    /* Snapshots: the sequence is the run. */
    {.name = "observed: unchanged",
     .events = "U1a | U2a | U3a",
     .in_order = true,
     .latest = "a",
     .history = "a[1,-)"},
    {.name = "observed: changed, gone, back",
     .events = "U1a | U2a | U3b | D4 | U5b | U6b",
     .in_order = true,
     .latest = "b",
     .history = "a[1,3) b[3,4) b[5,-)"},
    {.name = "observed: untracked",
     .events = "U1a/x | U2a/y | U3b/y",
     .in_order = true,
     .latest = "b/y",
     .history = "a/y[1,3) b/y[3,-)"},
    {.name = "observed: gone and back in one run",
     .events = "U1a | D2 U2b",
     .in_order = true,
     .latest = "b",
     .history = "a[1,2) b[2,-)"},
    {.name = "observed: changed and gone in one run",
     .events = "U1a | U2b D2",
     .in_order = true,
     .latest = "",
     .history = "a[1,2)"},
    {.name = "observed: a delete of an unknown key",
     .events = "D1 | U2a",
     .in_order = true,
     .latest = "a",
     .history = "a[2,-)"},
};
const size_t merge_case_count = sizeof merge_cases / sizeof *merge_cases;

size_t merge_case_events(const struct merge_case *c, struct merge_event out[MERGE_EVENTS_MAX])
{
    size_t count = 0, batch = 0;

    for (const char *p = c->events; *p;) {
        char *end;

        if (*p == ' ' || *p == '|') {
            batch += *p++ == '|';
            continue;
        }
        assert(count < MERGE_EVENTS_MAX && (*p == 'U' || *p == 'D'));
        struct merge_event *event = &out[count++];
        *event = (struct merge_event){.batch = batch, .deletes = *p == 'D'};
        event->sequence[0] = strtoll(p + 1, &end, 10);
        if (*end == '.') event->sequence[1] = strtoll(end + 1, &end, 10);
        p = end;
        if (event->deletes) continue;
        event->value = *p == '~' ? '\0' : *p;
        if (*++p != '/') continue;
        event->extra = p[1];
        p += 2;
    }
    return count;
}

void merge_value_text(char value, char extra, struct sl_buf *out)
{
    sl_buf_addc(out, value ? value : '~');
    if (extra) sl_buf_addf(out, "/%c", extra);
}

void merge_sequence_text(const struct merge_case *c, struct merge_bound bound, struct sl_buf *out)
{
    if (bound.none)
        sl_buf_addc(out, '-');
    else if (c->two_columns)
        sl_buf_addf(out, "%" PRId64 ".%" PRId64, bound.parts[0], bound.parts[1]);
    else
        sl_buf_addf(out, "%" PRId64, bound.parts[0]);
}

void merge_version_text(const struct merge_case *c, char value, char extra,
                        struct merge_bound start, struct merge_bound end, struct sl_buf *out)
{
    if (out->len > 0) sl_buf_addc(out, ' ');
    merge_value_text(value, extra, out);
    sl_buf_addc(out, '[');
    merge_sequence_text(c, start, out);
    sl_buf_addc(out, ',');
    merge_sequence_text(c, end, out);
    sl_buf_addc(out, ')');
}
