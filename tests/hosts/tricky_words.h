/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Words that are hard to write down for OBS, in the form of plugin-obs/words.h.
 */
WORD("quote", N_("\"a\" and \"b\""))
WORD("quote.last", N_("a \""))
WORD("lines", N_("one\ntwo\n\tthree\n"))
WORD("backslash", N_("C:\\Users \\ back"))
WORD("sign", N_("a = b # c ; [d] ' %d %%"))
WORD("space", N_("  before and behind "))
WORD("more.a", N_("one key begins"))
WORD("more.b", N_("as the other"))
WORD("more", N_("does"))
WORD("more.", N_("or two"))
/* WORD("not.this", N_("one")) */
WORD("parts", N_("of many "
                 "parts /* each */ " // WORD("nor.this", N_("one"))
                 "seen"))
WORD("utf", N_("Größe – “字幕” עברית"))
