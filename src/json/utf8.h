/*
 * utf8.h: which bytes are a character.
 */
#ifndef SL_UTF8_H
#define SL_UTF8_H

#include <stddef.h>

#define SL_UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Length of the well-formed character (Unicode, table 3-7) at the start of text[0..left); 0 when
 * there is none. left is at least 1. */
static inline size_t sl_utf8_char(const char *text, size_t left)
{
    const unsigned char *s = (const unsigned char *)text;

    if (s[0] < 0x80) return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4) return 0;

    size_t len = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (left < len) return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) || /* long, surrogate */
        (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))   /* long, > U+10FFFF */
        return 0;
    return len;
}

#endif
