/*
 * cancel.c: Ctrl-C. The first signal asks the run to stop cleanly, the second ends the process: the
 * next run is right in either case. A signal handler can only reach what is static, so this is the
 * one file of the program that holds a state of its own.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "http/world.h"

static volatile sig_atomic_t cancelled;
static struct sl_world *volatile sleeper; /* what a signal wakes */

static void on_signal(int number)
{
    (void)number;
    struct sl_world *world = sleeper;

    if (cancelled) _exit(sl_code_exit(SL_CANCELLED));
    cancelled = 1;
    if (world) world->ops->wake(world);
}

void cli_cancel_install(struct sl_world *world)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    sleeper = world;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void cli_cancel_remove(void)
{
    sleeper = NULL;
}

bool cli_cancelled(void *ctx)
{
    (void)ctx;
    return cancelled != 0;
}
