/*
 * fault.h: what is to go wrong, and when.
 *
 *     NAME[:PARAM=VALUE[,PARAM=VALUE]...] [; NAME...]
 *
 * Which requests:   table=T (id or name) · path=TEXT (part of the path) · page=K (of a listing)
 * When, among them: n=K (the K-th since the fault was set) · every=K · p=0.01 (by chance) · times=T
 * (at most so often). Without n, every and p: each of them, but only the first with page=K.
 * With n=K: once, unless times says more (then K, K+1, ...).
 *
 * The other parameters belong to the fault: docs/simulators.md lists them.
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include <sluice/error.h>

#include "sim/sim.h"

#define SIM_FAULTS_MAX 64
#define SIM_FAULT_PARAMS_MAX 12

struct sim_fault {
    char name[40];
    struct {
        char name[24], value[160];
    } params[SIM_FAULT_PARAMS_MAX];
    int params_count;
    int64_t n, every, times, page; /* 0: not given */
    double p;
    int64_t seen, fired;
};

struct sim_faults {
    struct sim_fault *list[SIM_FAULTS_MAX];
    size_t count;
};

/* Adds the faults of `text` to the list. known() says which names there are. */
SL_MUST_USE enum sl_code sim_faults_add(struct sim_faults *faults, const char *text,
                                        bool (*known)(const void *context, const char *name),
                                        const void *context, struct sl_error *error);
void sim_faults_clear(struct sim_faults *faults);

/* The faults that strike this request, into out (ends with NULL), counting them. dice: a state
 * that is moved on. */
void sim_faults_strike(struct sim_faults *faults, const struct sim_request *request,
                       const struct sim_look *look, uint64_t *dice,
                       const struct sim_fault *out[SIM_FAULTS_MAX + 1]);

/* The value of a parameter, or NULL. fault may be NULL. */
const char *sim_fault_param(const struct sim_fault *fault, const char *name);
int64_t sim_fault_int(const struct sim_fault *fault, const char *name, int64_t preset);
double sim_fault_double(const struct sim_fault *fault, const char *name, double preset);
/* The fault of this name among those that strike the request, or NULL. */
const struct sim_fault *sim_request_fault(const struct sim_request *request, const char *name);
/* {"op":NAME,"param":value,...}: a fault as an operation on the app. table: the one that is being
 * read; it is meant where the fault names none; "": none. */
void sim_fault_op(const struct sim_fault *fault, const char *table, struct sl_buf *out);

#endif
