/*
 * point.h: named places of a run where the crash tests kill the process.
 *
 * In builds with SL_POINTS (tests), SLUICE_KILL_AT=name or name:n makes the n-th arrival at that
 * point (counted over all threads; 1 is the first) end the process with SIGKILL. In release builds
 * the macro is nothing. The environment is read at every arrival: points stand before and after
 * I/O, not in inner loops.
 */
#ifndef SL_POINT_H
#define SL_POINT_H

void sl_point_reached(const char *name);

#ifdef SL_POINTS
#define SL_POINT(name) sl_point_reached(name)
#else
#define SL_POINT(name) ((void)0)
#endif

#endif
