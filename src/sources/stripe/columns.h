/* columns.h: how the columns of a table are written down (tables_core.c, tables_billing.c). */
#ifndef STRIPE_COLUMNS_H
#define STRIPE_COLUMNS_H

#include "stripe.h"

#define TEXT                                                                                       \
    {                                                                                              \
        .kind = SL_TYPE_STRING                                                                     \
    }
#define WHOLE                                                                                      \
    {                                                                                              \
        .kind = SL_TYPE_BIGINT                                                                     \
    }
#define FLAG                                                                                       \
    {                                                                                              \
        .kind = SL_TYPE_BOOLEAN                                                                    \
    }
#define REAL                                                                                       \
    {                                                                                              \
        .kind = SL_TYPE_DOUBLE                                                                     \
    }
#define TIME                                                                                       \
    {                                                                                              \
        .kind = SL_TYPE_TIMESTAMP                                                                  \
    }
#define COLUMNS(array) (sizeof(array) / sizeof(array)[0])
#define STRUCT_OF(list)                                                                            \
    {                                                                                              \
        .kind = SL_TYPE_STRUCT, .member_count = COLUMNS(list), .members = list, .open = true       \
    }
#define LIST_OF(list)                                                                              \
    {                                                                                              \
        .kind = SL_TYPE_ARRAY, .member_count = 1, .members = list                                  \
    }

#define KEY(n)                                                                                     \
    {                                                                                              \
        .name = n, .type = TEXT, .not_null = true                                                  \
    }
#define STRING(n)                                                                                  \
    {                                                                                              \
        .name = n, .type = TEXT                                                                    \
    }
#define NUMBER(n)                                                                                  \
    {                                                                                              \
        .name = n, .type = WHOLE                                                                   \
    }
#define BOOLEAN(n)                                                                                 \
    {                                                                                              \
        .name = n, .type = FLAG                                                                    \
    }
#define FRACTION(n)                                                                                \
    {                                                                                              \
        .name = n, .type = REAL                                                                    \
    }
#define SECONDS(n)                                                                                 \
    {                                                                                              \
        .name = n, .type = TIME, .decode = SL_DECODE_SECONDS                                       \
    }
/* Text as it is; an object or a list as its JSON. */
#define JSON(n)                                                                                    \
    {                                                                                              \
        .name = n, .type = TEXT, .decode = SL_DECODE_JSON                                          \
    }
#define NESTED(n, ...)                                                                             \
    {                                                                                              \
        .name = n, .type = __VA_ARGS__, .decode = SL_DECODE_JSON                                   \
    }
/* A decimal that comes as text; Stripe allows 12 digits behind the point. */
#define EXACT(n)                                                                                   \
    {                                                                                              \
        .name = n, .type = {.kind = SL_TYPE_DECIMAL, .precision = 38, .scale = 12},                \
        .decode = SL_DECODE_TEXT                                                                   \
    }

#endif
