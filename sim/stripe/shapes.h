/* shapes.h: what the writers of objects share (shapes.c, billing.c). */
#ifndef SIM_STRIPE_SHAPES_H
#define SIM_STRIPE_SHAPES_H

#include "sim/stripe/stripe.h"

struct pen {
    const struct st_account *account;
    const struct st_object *o;
    const struct st_view *view;
    struct sl_buf *out;
    int64_t i; /* the object's index */
};

#define ADD(...) sl_buf_addf(p->out, __VA_ARGS__)
#define LONG(n) ((long long)(n))

/* ,"name":"id of the object of that kind": null when index is -1, or the account has none. */
void st_put_ref(const struct pen *p, const char *name, enum st_kind kind, int64_t index);
void st_put_metadata(const struct pen *p);
void st_put_address(const struct pen *p, const char *name);
int64_t st_amount_of(const struct pen *p);
const char *st_currency_of(const struct pen *p);
const char *st_truth(bool is);

/* billing.c */
void st_put_subscription(const struct pen *p);
void st_put_invoice(const struct pen *p);
void st_put_invoice_item(const struct pen *p);

#endif
